#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

/// Addresses and endpoints as plain values, without a kernel structure in sight.
namespace holler {

/// An IPv4 or IPv6 address in canonical form: an IPv4-mapped IPv6 address (::ffff:192.0.2.1) becomes the
/// IPv4 address that it means, so that two names of one host compare equal, and a scope is kept only
/// where it means something (link-local unicast and multicast). The default is IPv4's 0.0.0.0.
class Address {
 public:
  constexpr Address() noexcept = default;

  [[nodiscard]] static constexpr Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                            std::uint8_t d) noexcept {
    Address result;
    result.bytes_ = {a, b, c, d};
    return result;
  }
  /// @param scope  interface index, 0 for none; kept only for link-local addresses (RFC 4007 §6)
  [[nodiscard]] static Address v6(const std::array<std::uint8_t, 16>& bytes,
                                  std::uint32_t scope = 0) noexcept;

  [[nodiscard]] static constexpr Address any_v4() noexcept { return {}; }
  [[nodiscard]] static Address any_v6() noexcept { return v6({}); }
  [[nodiscard]] static constexpr Address loopback_v4() noexcept { return v4(127, 0, 0, 1); }
  [[nodiscard]] static Address loopback_v6() noexcept;

  [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
  [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
  /// 0.0.0.0 or ::
  [[nodiscard]] constexpr bool is_wildcard() const noexcept { return same(bytes_, {}); }
  /// 127.0.0.0/8 or ::1
  [[nodiscard]] bool is_loopback() const noexcept {
    return is_v6_ ? *this == loopback_v6() : bytes_[0] == 127;
  }
  /// 224.0.0.0/4 or ff00::/8
  [[nodiscard]] constexpr bool is_multicast() const noexcept {
    return is_v6_ ? bytes_[0] == 0xff : (bytes_[0] & 0xf0) == 0xe0;
  }
  [[nodiscard]] bool is_link_local() const noexcept;  ///< fe80::/10; IPv4's 169.254.0.0/16 needs no scope
  [[nodiscard]] bool is_limited_broadcast() const noexcept;  ///< 255.255.255.255

  /// Network byte order; IPv4 in the first 4 bytes, the other 12 zero.
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return is_v6_ ? 16 : 4; }
  [[nodiscard]] constexpr std::uint32_t scope() const noexcept { return scope_; }

  /// Dotted decimal, or RFC 5952's form for IPv6 with `%index` where there is a scope.
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(const Address&, const Address&) noexcept = default;
  friend constexpr bool operator==(const Address& left, const Address& right) noexcept {
    return same(left.bytes_, right.bytes_) && left.scope_ == right.scope_ && left.is_v6_ == right.is_v6_;
  }

 private:
  using Bytes16 = std::array<std::uint8_t, 16>;
  [[nodiscard]] static constexpr bool same(const Bytes16& left, const Bytes16& right) noexcept {
    if consteval {
      return left == right;
    } else {
      std::array<std::uint64_t, 4> halves{};  // as numbers: every datagram is asked where it comes from
      std::memcpy(&halves[0], left.data(), sizeof left);
      std::memcpy(&halves[2], right.data(), sizeof right);
      return ((halves[0] ^ halves[2]) | (halves[1] ^ halves[3])) == 0;
    }
  }

  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t scope_ = 0;
  bool is_v6_ = false;
};

/// An address and a port: the name of one end of a UDP exchange.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;  ///< 0 only means "choose one", and only when binding (RFC 8085 §5.1)

  /// `192.0.2.1:1060` or `[2001:db8::1]:1060`.
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;
};

/// The largest payloads that UDP can carry: 65535 less the headers (RFC 768), over IPv6 the IP header is
/// not counted (RFC 8200 §3).
inline constexpr std::size_t kPayloadBytesMaxV4 = 65507;
inline constexpr std::size_t kPayloadBytesMaxV6 = 65527;
[[nodiscard]] constexpr std::size_t payload_bytes_max(const Address& peer) noexcept {
  return peer.is_v6() ? kPayloadBytesMaxV6 : kPayloadBytesMaxV4;
}

/// To how many a datagram was sent.
enum class Delivery : std::uint8_t { unicast, broadcast, multicast };

/// A block of addresses, as CIDR writes them: `192.0.2.0/24`. Bits beyond the prefix are ignored.
struct Subnet {
  Address address;
  std::uint8_t prefix_bits = 0;  ///< 0..32 for IPv4, 0..128 for IPv6

  [[nodiscard]] bool contains(const Address& other) const noexcept;
  [[nodiscard]] std::string to_string() const;
};

}  // namespace holler

template <>
struct std::hash<holler::Endpoint> {
  std::size_t operator()(const holler::Endpoint& endpoint) const noexcept {
    const auto [high, low] = std::bit_cast<std::array<std::uint64_t, 2>>(endpoint.address.bytes());
    std::uint64_t mixed = (high ^ endpoint.port) * 0x9e3779b97f4a7c15U;
    mixed =
        (mixed ^ mixed >> 32U ^ low ^ std::uint64_t{endpoint.address.scope()} << 32U) * 0xd6e8feb86659fd93U;
    return mixed ^ mixed >> 32U;
  }
};
