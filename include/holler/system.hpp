#pragma once

#include <cstddef>
#include <memory>

#include "holler/random.hpp"
#include "holler/time.hpp"

/// The two things that the engine may not fetch for itself: the time, and randomness that nobody can guess.
namespace holler {

/// The time since boot, in nanoseconds, suspended time included (CLOCK_BOOTTIME): it never steps when
/// somebody sets the wall clock, and a deadline passes while the machine sleeps.
[[nodiscard]] Timestamp monotonic_now() noexcept;

/// ChaCha20 under keys from the kernel's generator (getrandom(2)), in blocks. A forked child starts with a
/// block of its own. Not for several threads at once: make one for each.
class SystemRandom final : public RandomSource {
 public:
  SystemRandom();
  SystemRandom(const SystemRandom&) = delete;
  SystemRandom& operator=(const SystemRandom&) = delete;
  ~SystemRandom() override;

  [[nodiscard]] std::uint64_t next() override;

 private:
  struct Block;
  Block* block_;
};

}  // namespace holler
