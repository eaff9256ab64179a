#pragma once

#include <cstdint>

#include "holler/impairer.hpp"
#include "holler/time.hpp"

#include "cli/json.hpp"
#include "cli/live_line.hpp"

namespace holler::cli {

/// Tells how a relay is doing. To people: on standard error a line that is overwritten, or where that is no
/// terminal, the counters as one JSON object a line, for a log; and a summary. With --json to programs: one
/// object a line on standard output.
class ImpairReport {
 public:
  ImpairReport(bool json, bool quiet) noexcept;

  void listening(const Endpoint& local, const Endpoint& target, std::uint64_t seed) const;
  /// Whether `progress` says anything.
  [[nodiscard]] bool wants_progress() const noexcept { return json_ || !quiet_; }
  /// Whether what it says replaces what it said before, and may come often.
  [[nodiscard]] bool live() const noexcept { return live_; }
  void progress(const ImpairerStats& stats, Duration elapsed);
  void summary(const ImpairerStats& stats, Duration elapsed);

 private:
  bool json_;
  bool quiet_;
  bool live_;
  LiveLine line_;
};

}  // namespace holler::cli
