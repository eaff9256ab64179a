#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Bytes, and numbers in network byte order inside them.
namespace holler {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using ByteVector = std::vector<std::byte>;

/// The bytes of `text`; they live as long as the text does.
[[nodiscard]] inline Bytes bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// `bytes` read as characters, without a copy and without a check of any encoding.
[[nodiscard]] inline std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // char may alias anything
}

[[nodiscard]] inline ByteVector copy_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

[[nodiscard]] inline bool same_bytes(Bytes left, Bytes right) noexcept {
  return left.size() == right.size() &&
         (left.empty() || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

/// The same number with the byte order of the network in place of the machine's, or the other way round.
template <std::unsigned_integral Number>
[[nodiscard]] constexpr Number network_order(Number value) noexcept {
  if constexpr (std::endian::native == std::endian::big || sizeof(Number) == 1) return value;
  return std::byteswap(value);
}

/// The number at a place that is known to be there, in network byte order: for a decoder that has checked the
/// size of a whole header once.
template <std::unsigned_integral Number>
[[nodiscard]] inline Number load_number(const std::byte* place) noexcept {
  Number value = 0;
  std::memcpy(&value, place, sizeof value);
  return network_order(value);
}
template <std::unsigned_integral Number>
inline void store_number(std::byte* place, Number value) noexcept {
  value = network_order(value);
  std::memcpy(place, &value, sizeof value);
}

/// Reads numbers in network byte order. A read past the end yields zero and makes `ok()` false for good,
/// so that a decoder can read a whole header and check once.
class ByteReader {
 public:
  explicit constexpr ByteReader(Bytes bytes) noexcept : bytes_{bytes} {}

  template <std::unsigned_integral Number>
  [[nodiscard]] constexpr Number read() noexcept {
    if (remaining() < sizeof(Number)) {
      fail();
      return 0;
    }
    std::array<std::byte, sizeof(Number)> raw{};
    for (std::size_t i = 0; i < sizeof(Number); ++i) raw[i] = bytes_[offset_ + i];
    offset_ += sizeof(Number);
    return network_order(std::bit_cast<Number>(raw));
  }

  [[nodiscard]] constexpr Bytes read_bytes(std::size_t count) noexcept {
    if (remaining() < count) {
      fail();
      return {};
    }
    const Bytes result = bytes_.subspan(offset_, count);
    offset_ += count;
    return result;
  }

  [[nodiscard]] constexpr Bytes rest() noexcept { return read_bytes(remaining()); }
  [[nodiscard]] constexpr bool ok() const noexcept { return ok_; }
  [[nodiscard]] constexpr std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] constexpr std::size_t remaining() const noexcept { return bytes_.size() - offset_; }

 private:
  constexpr void fail() noexcept {
    ok_ = false;
    offset_ = bytes_.size();
  }

  Bytes bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

/// Writes numbers in network byte order into a buffer that it never overruns: what does not fit makes
/// `ok()` false for good and writes nothing more.
class ByteWriter {
 public:
  explicit constexpr ByteWriter(MutableBytes buffer) noexcept : buffer_{buffer} {}

  template <std::unsigned_integral Number>
  constexpr ByteWriter& write(Number value) noexcept {
    if (!reserve(sizeof(Number))) return *this;
    const auto raw = std::bit_cast<std::array<std::byte, sizeof(Number)>>(network_order(value));
    for (std::size_t i = 0; i < sizeof(Number); ++i) buffer_[size_ + i] = raw[i];
    size_ += sizeof(Number);
    return *this;
  }

  ByteWriter& write_bytes(Bytes bytes) noexcept {
    if (!reserve(bytes.size())) return *this;
    if (!bytes.empty()) std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return *this;
  }

  [[nodiscard]] constexpr bool ok() const noexcept { return ok_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

 private:
  constexpr bool reserve(std::size_t count) noexcept {
    ok_ = ok_ && count <= buffer_.size() - size_;
    return ok_;
  }

  MutableBytes buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace holler
