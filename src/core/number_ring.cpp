#include "core/number_ring.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace holler {

void NumberRing::grow() {
  HOLLER_CHECK(!full());
  std::vector<std::uint32_t> wider(std::max<std::size_t>(4, slots_.size() * 2));
  for (std::uint64_t number = done_below_; number < next_; ++number) {
    wider[number & (wider.size() - 1)] = at(number);
  }
  slots_ = std::move(wider);
}

}  // namespace holler
