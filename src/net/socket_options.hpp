#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <sys/socket.h>

#include "holler/udp_socket.hpp"

namespace holler {

/// @return errno, 0 for success
[[nodiscard]] inline int set_option(int descriptor, int level, int name, int value) noexcept {
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

[[nodiscard]] inline std::optional<int> get_option(int descriptor, int level, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(descriptor, level, name, &value, &size) != 0) return std::nullopt;
  return value;
}

/// What the kernel knows of the path of a connected socket (ip(7), IP_MTU), in bytes of UDP payload; nullopt
/// where it does not say.
[[nodiscard]] std::optional<std::size_t> path_payload_bytes(int descriptor, const Address& peer) noexcept;

/// What every socket of holler's tells: ICMP errors, and what `options` want to know of each datagram.
[[nodiscard]] Result<void> enable_reports(int descriptor, int family, const SocketOptions& options);

/// What has to be set before binding.
[[nodiscard]] Result<void> apply_options(int descriptor, int family, bool v6_only,
                                         const SocketOptions& options);

}  // namespace holler
