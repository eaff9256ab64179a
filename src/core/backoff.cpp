#include "core/backoff.hpp"

#include <algorithm>

namespace holler {
namespace {

Duration part_of(Duration length, Ratio ratio) {
  // Dividing first loses less than one nanosecond for each unit of `whole` and cannot overflow.
  return scaled(length / ratio.whole, ratio.part);
}

}  // namespace

Duration Backoff::nominal(std::uint32_t doublings) const noexcept {
  if (doublings >= 62) return cap;
  return std::min(scaled(first, std::int64_t{1} << doublings), cap);
}

Duration Backoff::interval(std::uint32_t doublings, RandomSource& random) const {
  const Duration wait = nominal(doublings);
  const Duration spread = part_of(wait, jitter);
  if (wait <= cap - spread) return random.between(wait, wait + spread);
  // Half of a wait is the least that is left of it, however large the jitter.
  return random.between(std::min(wait, std::max(cap - spread, wait / 2)), cap);
}

}  // namespace holler
