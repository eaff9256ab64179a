#pragma once

#include <array>
#include <cstdint>

#include "holler/bytes.hpp"
#include "holler/time.hpp"

/// Where random numbers come from. Integer ratios only, and none of <random>'s distributions: those may
/// differ between standard libraries, and a seed must give the same run on every machine.
namespace holler {

/// A probability as `part` out of `whole`; `whole` is at least 1.
struct Ratio {
  std::uint32_t part = 0;
  std::uint32_t whole = 1;
  friend constexpr bool operator==(const Ratio&, const Ratio&) noexcept = default;
};

/// `Percent{12.5}` would need floating point; `Ratio{125, 1000}` says the same exactly.
[[nodiscard]] constexpr Ratio percent(std::uint32_t value) noexcept { return {value, 100}; }

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = default;
  RandomSource& operator=(const RandomSource&) = default;
  virtual ~RandomSource() = default;

  /// 64 bits, each value as likely as any other.
  [[nodiscard]] virtual std::uint64_t next() = 0;

  /// A number in [0, limit), without bias; 0 for a limit of 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t limit);
  /// A duration in [low, high], both ends included; `low` where `high` is not above it.
  [[nodiscard]] Duration between(Duration low, Duration high);
  [[nodiscard]] bool chance(Ratio ratio) { return below(ratio.whole) < ratio.part; }
};

/// The same numbers for the same seed, on every machine (xoshiro256**, seeded by SplitMix64). For
/// simulations, demonstrations and tests. Predictable: never for an ID, a port or a key.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed);
  [[nodiscard]] std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace holler
