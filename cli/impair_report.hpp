#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "holler/impairer.hpp"
#include "holler/time.hpp"

#include "cli/json.hpp"

namespace holler::cli {

/// Tells how a relay is doing: to people a line that is overwritten, where standard error is a terminal, and
/// a summary; to programs one object a line.
class ImpairReport {
 public:
  ImpairReport(bool json, bool quiet) noexcept;

  void listening(const Endpoint& local, const Endpoint& target, std::uint64_t seed) const;
  /// Whether `progress` says anything.
  [[nodiscard]] bool wants_progress() const noexcept { return json_ || live_; }
  void progress(const ImpairerStats& stats, Duration elapsed);
  void summary(const ImpairerStats& stats, Duration elapsed);

 private:
  void replace_line(std::string text);
  void counters(std::string_view event, const ImpairerStats& stats, Duration elapsed) const;

  bool json_;
  bool live_;
  std::size_t line_columns_ = 0;  ///< of the live line, which the next one has to cover
};

}  // namespace holler::cli
