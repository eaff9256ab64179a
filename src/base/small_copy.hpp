#pragma once

#include <cstddef>
#include <cstring>

#include "holler/bytes.hpp"

namespace holler {

/// memcpy for what is mostly some dozens of bytes: these are moved where they stand, as words that may
/// overlap, for less than what a call costs.
[[gnu::always_inline]] inline void small_copy(std::byte* to, Bytes from) noexcept {
  struct Word {
    std::byte bytes[16];
  };
  const std::size_t size = from.size();
  if (size - sizeof(Word) > 2 * sizeof(Word)) {  // also where it is less than one
    if (size != 0) std::memcpy(to, from.data(), size);
    return;
  }
  Word first;
  Word middle;
  Word last;
  const std::size_t second = size >= 2 * sizeof(Word) ? sizeof(Word) : 0;
  std::memcpy(&first, from.data(), sizeof(Word));
  std::memcpy(&middle, from.data() + second, sizeof(Word));
  std::memcpy(&last, from.data() + size - sizeof(Word), sizeof(Word));
  std::memcpy(to, &first, sizeof(Word));
  std::memcpy(to + second, &middle, sizeof(Word));
  std::memcpy(to + size - sizeof(Word), &last, sizeof(Word));
}

}  // namespace holler
