#pragma once

#include <cstddef>
#include <optional>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"

/// UDP datagrams with their IP headers, as raw sockets and packet sockets have them.
namespace holler {

/// The headers that encode_udp_packet writes: no options, no extensions.
[[nodiscard]] constexpr std::size_t udp_headers_bytes(const Address& address) noexcept {
  return address.is_v6() ? 48 : 28;  // RFC 8200 §3 or RFC 791 §3.1, and RFC 768
}

/// A datagram as it was found in a packet.
struct UdpPacketView {
  Endpoint from;
  Endpoint to;
  Bytes payload;  ///< points into the packet
};

/// Writes a whole packet, checksums included.
/// @param hops  the time to live, or hop limit
/// @return its size in bytes; nullopt where the addresses are of two families or it does not fit `out` or IP
[[nodiscard]] std::optional<std::size_t> encode_udp_packet(const Endpoint& from, const Endpoint& to,
                                                           std::uint8_t hops, Bytes payload,
                                                           MutableBytes out) noexcept;

/// Finds the datagram in a packet that begins with its IP header. Checksums are not looked at: a packet that
/// never leaves the machine has none yet (checksum offload).
/// @return nullopt: not UDP, a fragment, IPv6 with extension headers, or lengths that lie
[[nodiscard]] std::optional<UdpPacketView> decode_udp_packet(Bytes packet) noexcept;

}  // namespace holler
