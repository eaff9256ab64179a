#pragma once

#include <optional>

#include "holler/time.hpp"

namespace holler {

/// How long to wait for an answer from one peer, learned from how long earlier ones took.
/// @source RFC 6298 §2
class RttEstimator {
 public:
  /// The least that a wait exceeds the smoothed time by, and so the shortest wait there is: the clock
  /// granularity G of RFC 6298 §2.3, wide enough here for a peer's process to be scheduled. The floor of 1 s
  /// that RFC 6298 §2.4 asks for has reasons that do not hold here: see docs/departures.md.
  static constexpr Duration kGranularity = std::chrono::milliseconds{5};
  static constexpr Duration kCeiling = std::chrono::seconds{60};  ///< RFC 6298 §2.5: at least 60 s

  void on_sample(Duration sample) noexcept;
  /// The sample is of a transmission that had been given up before its answer came: the wait was too short,
  /// and the estimate is at once what it would be if nothing else were known (RFC 4015 §3.5).
  void on_late_sample(Duration sample) noexcept;
  /// Takes over what another estimator has learned.
  void seed(Duration smoothed, Duration variation) noexcept;

  [[nodiscard]] bool has_sample() const noexcept { return smoothed_.has_value(); }
  [[nodiscard]] std::optional<Duration> smoothed() const noexcept { return smoothed_; }
  [[nodiscard]] Duration variation() const noexcept { return variation_; }
  /// SRTT + max(G, 4·RTTVAR), before the ceiling; nothing without a sample.
  [[nodiscard]] std::optional<Duration> unbounded_timeout() const noexcept;
  /// The retransmission time-out: at most the ceiling, or `initial` without a sample.
  [[nodiscard]] Duration timeout(Duration initial) const noexcept;

 private:
  std::optional<Duration> smoothed_;
  Duration variation_{};
};

}  // namespace holler
