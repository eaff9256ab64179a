#pragma once

#include <cstddef>
#include <vector>

#include "holler/udp_socket.hpp"

namespace holler {

/// Takes at most `count_max` entries from a socket's error queue (ip(7), IP_RECVERR), without waiting.
[[nodiscard]] std::vector<SocketError> read_error_queue(int descriptor, std::size_t count_max);

}  // namespace holler
