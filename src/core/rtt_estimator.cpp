#include "core/rtt_estimator.hpp"

#include <algorithm>

namespace holler {

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

}  // namespace holler
