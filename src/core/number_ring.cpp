#include "core/number_ring.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace holler {

std::uint64_t NumberRing::add(std::uint32_t slot) {
  HOLLER_CHECK(!full());
  if (next_ - done_below_ >= slots_.size()) {
    std::vector<std::uint32_t> wider(std::max<std::size_t>(4, slots_.size() * 2));
    for (std::uint64_t number = done_below_; number < next_; ++number) {
      wider[number & (wider.size() - 1)] = at(number);
    }
    slots_ = std::move(wider);
  }
  at(next_) = slot + 1;
  return next_++;
}

std::optional<std::uint32_t> NumberRing::find(std::uint64_t number) const noexcept {
  if (number < done_below_ || number >= next_) return std::nullopt;
  const std::uint32_t found = slots_[number & (slots_.size() - 1)];
  if (found == 0) return std::nullopt;
  return found - 1;
}

void NumberRing::remove(std::uint64_t number) noexcept {
  if (!find(number)) return;
  at(number) = 0;
  while (done_below_ < next_ && at(done_below_) == 0) ++done_below_;
}

}  // namespace holler
