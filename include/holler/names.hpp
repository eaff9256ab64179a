#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "holler/endpoint.hpp"
#include "holler/error.hpp"

/// From what people type to endpoints.
namespace holler {

/// The port that holler uses where none is given (the chapter's).
inline constexpr std::uint16_t kDefaultPort = 1060;

enum class Family : std::uint8_t { any, v4, v6 };

/// A host and a port as typed: either may be a name.
struct HostPort {
  std::string host;
  std::string port;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// Splits `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare IPv6 address; an absent port becomes
/// `default_port`.
/// @error invalid_argument: an unclosed bracket, an empty port
[[nodiscard]] Result<HostPort> split_host_port(std::string_view text, std::string_view default_port = "1060");

/// Reads a numeric address: dotted decimal, IPv6, or IPv6 with `%interface` or `%index`.
/// @error invalid_argument: it is not one; address_not_local: no such interface
[[nodiscard]] Result<Address> parse_address(std::string_view text);

/// Reads `192.0.2.0/24`; a bare address is a block of one.
/// @error invalid_argument
[[nodiscard]] Result<Subnet> parse_subnet(std::string_view text);

/// Looks up a host and a port, names or numbers, with getaddrinfo(3).
/// @return one or more endpoints, in the order in which they should be tried (RFC 6724)
/// @error name_unknown, name_unavailable, invalid_argument (a bad port)
[[nodiscard]] Result<std::vector<Endpoint>> resolve(std::string_view host, std::string_view port,
                                                    Family family = Family::any);

/// What to bind for an address as typed. ``, `*` and `::` are every address of both families (an IPv6
/// wildcard, which on a dual-stack socket hears IPv4 too), `0.0.0.0` is every IPv4 address; anything else is
/// an address or a host name.
[[nodiscard]] Result<Endpoint> resolve_local(std::string_view host, std::string_view port);

/// The index of an interface.
/// @error address_not_local: no interface has that name
[[nodiscard]] Result<std::uint32_t> interface_index(std::string_view name);

}  // namespace holler
