#pragma once

#include <algorithm>
#include <cstdint>

#include "holler/random.hpp"
#include "holler/time.hpp"

namespace holler {

/// The waits between the transmissions of one request: each twice the one before, lengthened by a random
/// part, and never above a cap. RFC 8085 §3.1.1, RFC 6298 §5.5.
struct Backoff {
  Duration first = std::chrono::seconds{1};
  Duration cap = std::chrono::seconds{60};
  Ratio jitter = percent(25);

  /// The wait number `doublings`, counted from 0, before jitter.
  [[nodiscard]] Duration nominal(std::uint32_t doublings) const noexcept {
    if (doublings == 0) [[likely]]
      return std::min(first, cap);
    return doublings >= 62 ? cap : std::min(scaled(first, std::int64_t{1} << doublings), cap);
  }
  /// The same with jitter: between `nominal` and `nominal · (1 + jitter)`. Where that would pass the cap,
  /// the wait is shortened instead, so that askers at the cap stay apart too.
  [[nodiscard]] Duration interval(std::uint32_t doublings, RandomSource& random) const {
    const Duration wait = nominal(doublings);
    // Dividing first loses less than one nanosecond for each unit of `whole` and cannot overflow.
    const Duration spread = scaled(wait / jitter.whole, jitter.part);
    if (wait <= cap - spread) [[likely]]
      return random.between(wait, wait + spread);
    // Half of a wait is the least that is left of it, however large the jitter.
    return random.between(std::min(wait, std::max(cap - spread, wait / 2)), cap);
  }
};

}  // namespace holler
