#include <algorithm>

#include "holler/link.hpp"

namespace holler {
namespace {

constexpr std::size_t kRunBytesMax = 16;

/// What is most likely on a real way: one bit.
void flip_bit(MutableBytes bytes, RandomSource& random) {
  const std::size_t place = random.below(bytes.size());
  bytes[place] ^= std::byte{1} << random.below(8);
}

void overwrite_run(MutableBytes bytes, RandomSource& random) {
  const std::size_t start = random.below(bytes.size());
  const std::size_t length = 1 + random.below(std::min(bytes.size() - start, kRunBytesMax));
  // The first one surely changes.
  bytes[start] ^= static_cast<std::byte>(1 + random.below(255));
  for (std::byte& byte : bytes.subspan(start + 1, length - 1))
    byte = static_cast<std::byte>(random.below(256));
}

bool swap_words(MutableBytes bytes, RandomSource& random) {
  const std::size_t words = bytes.size() / 2;
  if (words < 2) return false;
  const std::size_t left = random.below(words);
  const std::size_t right = (left + 1 + random.below(words - 1)) % words;
  const MutableBytes one = bytes.subspan(left * 2, 2);
  const MutableBytes other = bytes.subspan(right * 2, 2);
  if (same_bytes(one, other)) return false;
  std::swap_ranges(one.begin(), one.end(), other.begin());
  return true;
}

}  // namespace

bool damage(MutableBytes bytes, std::uint64_t how) noexcept {
  if (bytes.empty()) return false;
  SeededRandom random{how};
  switch (random.below(4)) {
    case 0: overwrite_run(bytes, random); break;
    case 1:
      if (swap_words(bytes, random)) break;
      [[fallthrough]];
    default: flip_bit(bytes, random);
  }
  return true;
}

}  // namespace holler
