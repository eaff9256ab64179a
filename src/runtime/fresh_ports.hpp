#pragma once

#include <cstdint>

#include "holler/requester.hpp"
#include "holler/udp_socket.hpp"

namespace holler {

/// Ports that questions had to themselves, and to which an answer may still be on its way. A protocol without
/// IDs knows an answer by its port alone: the next question on such a port would take it for its own.
///
/// There is one set for the process, since all clients draw from the same ports.
///
/// Retires `port` if one may be on its way to the question that has just ended there.
void retire_port(Timestamp now, std::uint16_t port, const RequestEvent& end);

/// UdpSocket::bind, where the kernel chooses the port, for a port that is not retired (or, where several in a
/// row are, for one that is).
[[nodiscard]] Result<UdpSocket> bind_fresh(Timestamp now, const Endpoint& local,
                                           const SocketOptions& options);

}  // namespace holler
