#pragma once

#include "holler/udp_socket.hpp"

/// From errno to an Error that says what to do.
namespace holler {

[[nodiscard]] Error socket_failure(int system_errno);
[[nodiscard]] Error bind_failure(int system_errno, const Endpoint& local);
[[nodiscard]] Error interface_failure(int system_errno, const std::string& interface);
[[nodiscard]] Error connect_failure(int system_errno, const Endpoint& peer);
[[nodiscard]] Error send_failure(int system_errno, const Endpoint& peer, const OutgoingDatagram& datagram);

/// Whether the kernel cannot know which link is meant (RFC 4007 §6).
[[nodiscard]] bool lacks_scope(const Address& address) noexcept;

/// Whether an errno may be an ICMP message about an earlier datagram, which the kernel hands to whatever
/// call comes next (icmp_err_convert in the kernel's net/ipv4/icmp.c; icmpv6_err_convert in its net/ipv6).
[[nodiscard]] bool may_be_stale(int system_errno) noexcept;

}  // namespace holler
