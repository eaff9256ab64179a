#pragma once

#include <array>
#include <cstddef>

#include "holler/bytes.hpp"
#include "holler/random.hpp"

namespace holler {

/// A keyed hash that nobody without the key can predict: SipHash-2-4 with 128 bits of output, from
/// libsodium.
class KeyedHash {
 public:
  using Digest = std::array<std::byte, 16>;

  /// A key of its own, drawn from `random`.
  explicit KeyedHash(RandomSource& random);
  [[nodiscard]] Digest operator()(Bytes message) const noexcept;

 private:
  std::array<std::byte, 16> key_{};
};

/// Compares without telling by its duration where the difference is.
[[nodiscard]] bool same_secret(Bytes left, Bytes right) noexcept;

}  // namespace holler
