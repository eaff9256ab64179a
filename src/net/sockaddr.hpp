#pragma once

#include <array>
#include <cstddef>
#include <netinet/in.h>
#include <sys/socket.h>

#include "holler/endpoint.hpp"

/// Endpoints as the kernel writes them. Nothing else in holler knows a sockaddr.
namespace holler {

class SocketName {
 public:
  /// Room for the kernel, or for another name, to be written into. `SocketName{}` is of no family until then;
  /// without the braces nothing is set, so that many can lie in a slab of which one call uses few.
  SocketName() = default;
  /// @param family  of the socket, AF_INET or AF_INET6; the second calls an IPv4 address by its IPv4-mapped
  /// name
  SocketName(const Endpoint& endpoint, int family) noexcept;

  [[nodiscard]] static constexpr socklen_t room() noexcept { return sizeof(sockaddr_in6); }
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(bytes_.data()); }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(bytes_.data());
  }
  /// In bytes, of a name made of an endpoint.
  [[nodiscard]] socklen_t size() const noexcept { return size_; }

 private:
  alignas(sockaddr_in6) std::array<std::byte, sizeof(sockaddr_in6)> bytes_;
  socklen_t size_;
};

/// What a sockaddr of either family means, in canonical form; the default Endpoint for any other family.
[[nodiscard]] Endpoint endpoint_from(const sockaddr* name) noexcept;

[[nodiscard]] Address address_from(in_addr address) noexcept;
[[nodiscard]] Address address_from(const in6_addr& address, std::uint32_t scope) noexcept;
/// @param address  an IPv4 one
[[nodiscard]] in_addr in_addr_of(const Address& address) noexcept;
/// IPv4 addresses become IPv4-mapped ones.
[[nodiscard]] in6_addr in6_addr_of(const Address& address) noexcept;

}  // namespace holler
