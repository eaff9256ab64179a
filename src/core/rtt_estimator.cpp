#include "core/rtt_estimator.hpp"

#include <algorithm>

namespace holler {

void RttEstimator::seed(Duration smoothed, Duration variation) noexcept {
  smoothed_ = std::clamp(smoothed, Duration::zero(), kLongest);
  variation_ = std::clamp(variation, Duration::zero(), kLongest);
}

}  // namespace holler
