#include "holler/random.hpp"

#include <bit>

namespace holler {

std::uint64_t RandomSource::below(std::uint64_t limit) {
  if (limit == 0) return 0;
  // Numbers below 2^64 mod limit would make the small remainders likelier: draw again.
  const std::uint64_t uneven = (0 - limit) % limit;
  std::uint64_t drawn = next();
  while (drawn < uneven) drawn = next();
  return drawn % limit;
}

Duration RandomSource::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::uint64_t>((high - low).count());
  return low + Duration{static_cast<std::int64_t>(below(span + 1))};
}

namespace {

std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111ebU;
  return mixed ^ mixed >> 31U;
}

}  // namespace

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t SeededRandom::next() {
  // xoshiro256** 1.0 (Blackman and Vigna, 2018).
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace holler
