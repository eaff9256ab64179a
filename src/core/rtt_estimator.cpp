#include "core/rtt_estimator.hpp"

#include <algorithm>

namespace holler {
namespace {

/// Far above the ceiling of a time-out, and far below what 4 · RTTVAR could overflow.
constexpr Duration kLongest = std::chrono::hours{1};

}  // namespace

void RttEstimator::on_sample(Duration sample) noexcept {
  sample = std::clamp(sample, Duration::zero(), kLongest);
  if (!smoothed_) {  // RFC 6298 §2.2
    smoothed_ = sample;
    variation_ = sample / 2;
    return;
  }
  // RFC 6298 §2.3, in this order: α = 1/8, β = 1/4.
  const Duration deviation = *smoothed_ > sample ? *smoothed_ - sample : sample - *smoothed_;
  variation_ = variation_ - variation_ / 4 + deviation / 4;
  smoothed_ = *smoothed_ - *smoothed_ / 8 + sample / 8;
}

void RttEstimator::on_late_sample(Duration sample) noexcept {
  if (!smoothed_) return on_sample(sample);
  sample = std::clamp(sample, Duration::zero(), kLongest);
  smoothed_ = std::max(*smoothed_, sample);
  variation_ = std::max(variation_, sample / 2);
}

void RttEstimator::seed(Duration smoothed, Duration variation) noexcept {
  smoothed_ = std::clamp(smoothed, Duration::zero(), kLongest);
  variation_ = std::clamp(variation, Duration::zero(), kLongest);
}

std::optional<Duration> RttEstimator::unbounded_timeout() const noexcept {
  if (!smoothed_) return std::nullopt;
  return *smoothed_ + std::max(kGranularity, 4 * variation_);
}

Duration RttEstimator::timeout(Duration initial) const noexcept {
  const auto learned = unbounded_timeout();
  return learned ? std::min(*learned, kCeiling) : initial;
}

}  // namespace holler
