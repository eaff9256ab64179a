#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <time.h>

#include "holler/endpoint.hpp"

/// What travels beside a datagram (cmsg(3)).
namespace holler {

/// Room for everything that `read_arrival` knows, with some to spare: IP_PKTINFO and IPV6_PKTINFO come both
/// for IPv4 datagrams on a dual-stack socket (seen on Linux 6.18).
struct alignas(cmsghdr) ControlRoom {
  std::array<std::byte, 192> bytes;
};

/// How a datagram arrived.
struct ArrivalNotes {
  std::optional<Address> to;  ///< destination in its IP header
  std::optional<Address>
      specific;  ///< IPv4: our address that it was meant for, also where `to` is a broadcast
  std::uint32_t interface = 0;
  std::optional<timespec> stamp;  ///< when the kernel took it in, by the wall clock (SO_TIMESTAMPNS)
  std::size_t segment_bytes = 0;  ///< UDP_GRO: what arrived is several datagrams of this size; 0: it is one
};

/// @param header  as recvmsg(2) left it
[[nodiscard]] ArrivalNotes read_arrival(msghdr& header) noexcept;

/// Makes `header` carry the address and interface to send from, in `room`; nothing where both are left to
/// the kernel. An IPv4 source goes as IP_PKTINFO, also on a dual-stack socket (seen on Linux 6.18).
/// @param from  a wildcard means the kernel's choice
/// @param v6  the destination is an IPv6 address
void write_departure(msghdr& header, ControlRoom& room, const std::optional<Address>& from,
                     std::uint32_t interface, bool v6) noexcept;

/// Adds to what `header` carries that it is several datagrams of `bytes` each (UDP_SEGMENT); the last may be
/// shorter.
void write_segment_size(msghdr& header, ControlRoom& room, std::uint16_t bytes) noexcept;

}  // namespace holler
