#pragma once

#include <sys/types.h>
#include <vector>

#include "holler/endpoint.hpp"

namespace holler::cli {

/// The local ends of the UDP sockets that a process and its descendants have at the moment, from /proc. Those
/// of other users are not seen without privileges.
[[nodiscard]] std::vector<Endpoint> udp_sockets_of(pid_t process);

}  // namespace holler::cli
