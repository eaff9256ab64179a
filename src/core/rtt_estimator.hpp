#pragma once

#include <algorithm>
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

  void on_sample(Duration sample) noexcept {
    sample = std::clamp(sample, Duration::zero(), kLongest);
    if (!smoothed_) [[unlikely]] {  // RFC 6298 §2.2
      smoothed_ = sample;
      variation_ = sample / 2;
      return;
    }
    // RFC 6298 §2.3, in this order: α = 1/8, β = 1/4.
    const Duration deviation = *smoothed_ > sample ? *smoothed_ - sample : sample - *smoothed_;
    variation_ = variation_ - variation_ / 4 + deviation / 4;
    smoothed_ = *smoothed_ - *smoothed_ / 8 + sample / 8;
  }
  /// Takes over what another estimator has learned.
  void seed(Duration smoothed, Duration variation) noexcept;

  [[nodiscard]] bool has_sample() const noexcept { return smoothed_.has_value(); }
  [[nodiscard]] std::optional<Duration> smoothed() const noexcept { return smoothed_; }
  [[nodiscard]] Duration variation() const noexcept { return variation_; }
  /// SRTT + max(G, 4·RTTVAR), before the ceiling; nothing without a sample.
  [[nodiscard]] std::optional<Duration> unbounded_timeout() const noexcept {
    if (!smoothed_) return std::nullopt;
    return *smoothed_ + std::max(kGranularity, 4 * variation_);
  }
  /// The retransmission time-out: at most the ceiling, or `initial` without a sample.
  [[nodiscard]] Duration timeout(Duration initial) const noexcept {
    const auto learned = unbounded_timeout();
    return learned ? std::min(*learned, kCeiling) : initial;
  }

 private:
  /// Far above the ceiling of a time-out, and far below what 4 · RTTVAR could overflow.
  static constexpr Duration kLongest = std::chrono::hours{1};

  std::optional<Duration> smoothed_;
  Duration variation_{};
};

}  // namespace holler
