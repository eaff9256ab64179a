#pragma once

#include <chrono>
#include <cstdint>

/// Time as holler sees it: a number that the caller supplies.
namespace holler {

using Duration = std::chrono::nanoseconds;

/// The clock that `Timestamp` counts on. It has no `now()`, on purpose: the protocol machines are told
/// the time, and only `holler::monotonic_now()` (system.hpp) and the simulator know what it is.
struct Timeline {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Timeline>;
  static constexpr bool is_steady = true;
};

/// A point in time, in nanoseconds from an origin that only its maker knows.
/// Built from an integer as `Timestamp{Duration{n}}`.
using Timestamp = Timeline::time_point;

/// "No time at all": later than every time that can come.
inline constexpr Timestamp kNever = Timestamp::max();

/// A duration that no wait outlasts.
inline constexpr Duration kForever = Duration::max();

/// `start + length`, or `kNever` where the sum would not fit (also for `kForever`).
[[nodiscard]] constexpr Timestamp later(Timestamp start, Duration length) noexcept {
  const std::int64_t from = start.time_since_epoch().count();
  std::int64_t sum = 0;
  return __builtin_add_overflow(from, length.count(), &sum) ? kNever : Timestamp{Duration{sum}};
}

/// `length` scaled by a factor of 0 or more, or `kForever` where the product would not fit.
[[nodiscard]] constexpr Duration scaled(Duration length, std::int64_t factor) noexcept {
  std::int64_t product = 0;
  return __builtin_mul_overflow(length.count(), factor, &product) ? kForever : Duration{product};
}

}  // namespace holler
