#pragma once

#include <cstdint>

#include "holler/random.hpp"
#include "holler/time.hpp"

namespace holler::sim {

/// A wait until something that may happen at any moment, as likely at one as at another: exponentially
/// distributed with this mean. Von Neumann's way (1951), which draws and compares whole numbers and nothing
/// else, so that the result is the same on every machine; a logarithm's last digits are not.
[[nodiscard]] inline Duration exponential(Duration mean, RandomSource& random) {
  const auto scale = static_cast<std::uint64_t>(mean.count());
  for (std::uint64_t whole = 0;; ++whole) {
    const std::uint64_t first = random.next() >> 32U;
    // The length of a run of falling numbers is odd with probability exp(-first / 2^32).
    bool odd = true;
    for (std::uint64_t last = first, drawn = 0; (drawn = random.next() >> 32U) < last; last = drawn)
      odd = !odd;
    if (!odd) continue;
    const std::uint64_t part = (scale >> 32U) * first + ((scale & 0xffffffffU) * first >> 32U);
    return Duration{static_cast<std::int64_t>(whole * scale + part)};
  }
}

}  // namespace holler::sim
