#pragma once

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
  [[nodiscard]] Duration nominal(std::uint32_t doublings) const noexcept;
  /// The same with jitter: between `nominal` and `nominal · (1 + jitter)`. Where that would pass the cap,
  /// the wait is shortened instead, so that askers at the cap stay apart too.
  [[nodiscard]] Duration interval(std::uint32_t doublings, RandomSource& random) const;

  friend bool operator==(const Backoff&, const Backoff&) noexcept = default;
};

}  // namespace holler
