#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "holler/bytes.hpp"
#include "holler/time.hpp"

namespace holler::fuzz {

/// Decisions drawn from a fuzzer's input, one after the other. Where it has ended, everything is 0.
class Input {
 public:
  explicit Input(Bytes bytes) noexcept : bytes_{bytes} {}

  [[nodiscard]] bool ended() const noexcept { return bytes_.empty(); }

  [[nodiscard]] std::uint8_t byte() noexcept {
    if (bytes_.empty()) return 0;
    const auto value = std::to_integer<std::uint8_t>(bytes_.front());
    bytes_ = bytes_.subspan(1);
    return value;
  }

  template <std::unsigned_integral Number>
  [[nodiscard]] Number number() noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) value = value << 8U | byte();
    return static_cast<Number>(value);
  }

  /// In [0, limit), from one byte where that is enough; 0 for a limit of 0.
  [[nodiscard]] std::uint32_t below(std::uint32_t limit) noexcept {
    if (limit <= 1) return 0;
    if (limit <= 256) return byte() % limit;
    return (limit <= 65536 ? number<std::uint16_t>() : number<std::uint32_t>()) % limit;
  }

  [[nodiscard]] bool one_in(std::uint32_t count) noexcept { return below(count) == count - 1; }

  [[nodiscard]] Bytes bytes(std::size_t count) noexcept {
    const Bytes taken = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] Bytes rest() noexcept { return bytes(bytes_.size()); }

  /// From nanoseconds to half an hour, each magnitude as likely as any other; now and then 0 or none at all.
  [[nodiscard]] Duration duration() noexcept {
    const std::uint32_t magnitude = byte() % 44;
    if (magnitude == 43) return kForever;
    if (magnitude == 42) return Duration::zero();
    return Duration{(std::int64_t{256} + byte()) << magnitude >> 8U};
  }

 private:
  Bytes bytes_;
};

}  // namespace holler::fuzz
