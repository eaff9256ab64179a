#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "holler/error.hpp"

/// Ports and their names. Names come from /etc/services, and from a built-in list where that file is
/// missing or does not have them.
namespace holler {

/// IANA's three ranges (RFC 6335 §6).
enum class PortClass : std::uint8_t {
  system,   ///< 0..1023, "well-known": on Linux, binding one needs a privilege
  user,     ///< 1024..49151, "registered"
  dynamic,  ///< 49152..65535, "private" or "ephemeral"
};

[[nodiscard]] constexpr PortClass class_of(std::uint16_t port) noexcept {
  if (port < 1024) return PortClass::system;
  return port < 49152 ? PortClass::user : PortClass::dynamic;
}
/// "system (well-known)", "user (registered)", "dynamic (private)"
[[nodiscard]] std::string_view describe(PortClass port_class) noexcept;

/// Reads a port: a number from 0 to 65535, or the name of a UDP service such as `domain`.
/// @error invalid_argument: out of range, `12x`, empty; name_unknown: no service has that name
[[nodiscard]] Result<std::uint16_t> port_named(std::string_view text);

/// The name of the UDP service that a port is registered for, if there is one.
[[nodiscard]] std::optional<std::string> service_on(std::uint16_t port);

/// The range that this system takes a port from when a program does not care
/// (/proc/sys/net/ipv4/ip_local_port_range); both ends included.
/// @error unsupported: the file cannot be read
[[nodiscard]] Result<std::pair<std::uint16_t, std::uint16_t>> ephemeral_port_range();

/// The lowest port that an ordinary user may bind (/proc/sys/net/ipv4/ip_unprivileged_port_start).
[[nodiscard]] std::uint16_t unprivileged_port_start();

}  // namespace holler
