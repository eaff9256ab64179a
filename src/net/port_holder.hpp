#pragma once

#include <optional>
#include <string>

#include "holler/endpoint.hpp"

namespace holler {

/// Who holds a UDP address and port, as far as this user may see, from /proc/net/udp and /proc/*/fd.
struct PortHolder {
  Endpoint bound;       ///< what it is bound to: a wildcard holds every address
  unsigned user = 0;    ///< user ID of the socket's owner
  int process = 0;      ///< process ID; 0 where it cannot be seen
  std::string program;  ///< its short name; empty where it cannot be seen
};

/// The first socket that keeps `wanted` from being bound.
[[nodiscard]] std::optional<PortHolder> find_port_holder(const Endpoint& wanted);

}  // namespace holler
