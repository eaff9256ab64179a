#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "holler/bytes.hpp"

#include "base/small_copy.hpp"

namespace holler {

/// The bytes of a reply that is remembered. Where they are few, as most are, they stand in it, and need no
/// second piece of memory.
class ReplyPayload {
 public:
  static constexpr std::size_t kInsideMax = 36;  // which makes it a line of the processor's cache

  void assign(Bytes bytes) {
    size_ = static_cast<std::uint32_t>(bytes.size());  // a datagram's: it fits
    if (size_ > kInsideMax) [[unlikely]] {
      outside_.assign(bytes.begin(), bytes.end());
    } else {
      small_copy(inside_.data(), bytes);
    }
  }
  void clear() noexcept {
    if (size_ > kInsideMax) [[unlikely]]
      clear_outside();
    size_ = 0;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Bytes bytes() const noexcept {
    return {size_ > kInsideMax ? outside_.data() : inside_.data(), size_};
  }

 private:
  /// Memory outside that is kept for the next reply in the same place.
  static constexpr std::size_t kOutsideKept = 256;

  [[gnu::noinline]] void clear_outside() noexcept {
    if (outside_.capacity() > kOutsideKept) outside_ = {};
  }

  ByteVector outside_;
  std::uint32_t size_ = 0;
  std::array<std::byte, kInsideMax> inside_{};
};

}  // namespace holler
