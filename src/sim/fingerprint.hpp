#pragma once

#include <bit>
#include <cstdint>

#include "holler/bytes.hpp"

namespace holler::sim {

/// FNV-1a over bytes and numbers, the same on every machine. It tells runs and payloads apart; it is no
/// protection against anybody.
class Fingerprint {
 public:
  Fingerprint& add(Bytes bytes) noexcept {
    for (const std::byte byte : bytes) mix(std::to_integer<std::uint64_t>(byte));
    return add(bytes.size());
  }
  Fingerprint& add(std::uint64_t number) noexcept {
    for (unsigned shift = 0; shift < 64; shift += 8) mix(number >> shift & 0xffU);
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

  [[nodiscard]] static std::uint64_t of(Bytes bytes) noexcept { return Fingerprint{}.add(bytes).value(); }

 private:
  void mix(std::uint64_t byte) noexcept { value_ = (value_ ^ byte) * 0x100000001b3U; }

  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace holler::sim
