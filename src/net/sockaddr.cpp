#include "net/sockaddr.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace holler {

Address address_from(in_addr address) noexcept {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

Address address_from(const in6_addr& address, std::uint32_t scope) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return Address::v6(bytes, scope);
}

in_addr in_addr_of(const Address& address) noexcept {
  in_addr result{};
  std::memcpy(&result, address.bytes().data(), sizeof result);
  return result;
}

in6_addr in6_addr_of(const Address& address) noexcept {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  if (address.is_v4()) {
    bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::copy_n(address.bytes().begin(), 4, bytes.begin() + 12);
  }
  in6_addr result{};
  std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

SocketName::SocketName(const Endpoint& endpoint, int family) noexcept {
  if (family == AF_INET) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(endpoint.port);
    name.sin_addr = in_addr_of(endpoint.address);
    size_ = sizeof name;
    std::memcpy(bytes_.data(), &name, sizeof name);
    return;
  }
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(endpoint.port);
  name.sin6_addr = in6_addr_of(endpoint.address);
  name.sin6_scope_id = endpoint.address.scope();
  size_ = sizeof name;
  std::memcpy(bytes_.data(), &name, sizeof name);
}

Endpoint endpoint_from(const sockaddr* name) noexcept {
  if (name->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, name, sizeof v4);
    return {address_from(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (name->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, name, sizeof v6);
    return {address_from(v6.sin6_addr, v6.sin6_scope_id), ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace holler
