#pragma once

#include "holler/udp_socket.hpp"

namespace holler {

/// The address that the kernel would send from, asked of its routes: no datagram leaves, and no port is taken
/// meanwhile, which others would see for a moment and take for the one that asks.
/// @param source   an address of this machine to send from, whose way there is looked for; a wildcard leaves
/// the choice to the kernel
/// @param options  as of the socket that is to send
/// @error unreachable, permission_denied, address_not_local, invalid_argument: as connect(2) fails
[[nodiscard]] Result<Address> source_toward(const Endpoint& peer, const Address& source,
                                            const SocketOptions& options);

}  // namespace holler
