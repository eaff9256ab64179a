#pragma once

#include <memory>
#include <string>
#include <thread>

#include "cli/bench_run.hpp"
#include "cli/json.hpp"

/// What `holler bench` says: while it runs, and at the end.
namespace holler::cli {

/// All that there is to tell at the end.
struct BenchStory {
  std::string peer;         ///< as asked: `HOST:PORT`
  std::string answered_by;  ///< the endpoint behind it; empty where none could be asked
  const BenchPlan& plan;
  const BenchTally& tally;
  const BenchEnd& end;
  std::string error;  ///< why nothing was answered; empty if something was
};

[[nodiscard]] std::string bench_text(const BenchStory& story);
[[nodiscard]] Json bench_json(const BenchStory& story);
[[nodiscard]] std::string bench_svg(const BenchStory& story);

/// A line of what the last second has brought, once a second, while it lives.
class BenchProgress {
 public:
  explicit BenchProgress(const BenchRun& run);
  BenchProgress(const BenchProgress&) = delete;
  BenchProgress& operator=(const BenchProgress&) = delete;
  ~BenchProgress();

 private:
  void show(const std::stop_token& stop);

  const BenchRun& run_;
  std::jthread thread_;
};

}  // namespace holler::cli
