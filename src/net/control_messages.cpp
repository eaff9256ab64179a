#include "net/control_messages.hpp"

#include <algorithm>
#include <cstring>
#include <netinet/udp.h>

#include "net/sockaddr.hpp"

namespace holler {
namespace {

template <class Payload>
Payload payload_of(const cmsghdr* message) noexcept {
  Payload payload{};
  std::memcpy(&payload, CMSG_DATA(message), sizeof payload);
  return payload;
}

template <class Payload>
void put(msghdr& header, ControlRoom& room, int level, int type, const Payload& payload) noexcept {
  static_assert(CMSG_SPACE(sizeof(Payload)) <= sizeof(ControlRoom));
  const std::size_t before = header.msg_controllen;  // 0, or whole messages with their padding
  header.msg_control = room.bytes.data();
  header.msg_controllen = before + CMSG_SPACE(sizeof payload);
  auto* message = reinterpret_cast<cmsghdr*>(room.bytes.data() + before);
  std::memset(message, 0, CMSG_SPACE(sizeof payload));
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(sizeof payload);
  std::memcpy(CMSG_DATA(message), &payload, sizeof payload);
}

}  // namespace

ArrivalNotes read_arrival(msghdr& header) noexcept {
  ArrivalNotes arrival;
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
       message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
      const auto info = payload_of<in_pktinfo>(message);
      arrival.to = address_from(info.ipi_addr);
      // Without an interface the kernel has not looked: the datagram was queued before the option was set.
      if (info.ipi_ifindex != 0) arrival.specific = address_from(info.ipi_spec_dst);
      arrival.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
      const auto info = payload_of<in6_pktinfo>(message);
      arrival.to = address_from(info.ipi6_addr, info.ipi6_ifindex);
      arrival.interface = info.ipi6_ifindex;
    } else if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SCM_TIMESTAMPNS) {
      arrival.stamp = payload_of<timespec>(message);
    } else if (message->cmsg_level == SOL_UDP && message->cmsg_type == UDP_GRO) {
      arrival.segment_bytes = static_cast<std::size_t>(std::max(payload_of<int>(message), 0));
    }
  }
  return arrival;
}

void write_departure(msghdr& header, ControlRoom& room, const std::optional<Address>& from,
                     std::uint32_t interface, bool v6) noexcept {
  const bool chosen = from && !from->is_wildcard();
  if (!chosen && interface == 0) return;
  if (v6) {
    in6_pktinfo info{};
    if (chosen) info.ipi6_addr = in6_addr_of(*from);
    info.ipi6_ifindex = interface;
    if (info.ipi6_ifindex == 0 && chosen) info.ipi6_ifindex = from->scope();
    put(header, room, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    in_pktinfo info{};
    if (chosen) info.ipi_spec_dst = in_addr_of(*from);
    info.ipi_ifindex = static_cast<int>(interface);
    put(header, room, IPPROTO_IP, IP_PKTINFO, info);
  }
}

void write_segment_size(msghdr& header, ControlRoom& room, std::uint16_t bytes) noexcept {
  put(header, room, SOL_UDP, UDP_SEGMENT, bytes);
}

}  // namespace holler
