#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/error.hpp"
#include "holler/udp_socket.hpp"

namespace holler {

/// Which of several sockets at one port a datagram is for, by its first bytes: what belongs together always
/// goes to the same one, whatever addresses and ports it comes from.
struct Steering {
  std::uint32_t prefix =
      0;  ///< the first four bytes of what is steered, big-endian; the rest may go anywhere
  std::uint32_t key_at = 0;  ///< where four bytes lie that are the same in all that belongs together

  /// @return nullopt where any socket will do
  [[nodiscard]] std::optional<std::size_t> socket_of(Bytes datagram, std::size_t sockets) const noexcept;
};

/// Several sockets at one address and port (SO_REUSEPORT), with a filter in the kernel that steers.
///
/// The first is bound alone, so that a port that somebody has is refused as ever. From then on the kernel
/// lets other programs of the same user share the port, but only if they ask for that. Where the kernel takes
/// no filter (before Linux 4.6), it spreads the peers; the owner must put right then what arrives at the
/// wrong socket, and at any time what lies behind the first message of a datagram.
/// @param count  at least 1; one is a plain bound socket
/// @error as UdpSocket::bind
[[nodiscard]] Result<std::vector<UdpSocket>> bind_shared(const Endpoint& local, const SocketOptions& options,
                                                         std::size_t count, const Steering& steering);

}  // namespace holler
