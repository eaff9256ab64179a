#include "holler/local_addresses.hpp"

#include <algorithm>
#include <cerrno>
#include <ifaddrs.h>
#include <memory>
#include <sys/socket.h>

#include "net/sockaddr.hpp"

namespace holler {
namespace {

/// RFC 919 §7: all hosts of the network 127/8, which Linux takes for a broadcast.
constexpr Address kLoopbackBroadcast = Address::v4(127, 255, 255, 255);

}  // namespace

Result<LocalAddresses> LocalAddresses::read() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) {
    return failure({.code = ErrorCode::system,
                    .system_errno = errno,
                    .attempted = "list the addresses of this machine",
                    .endpoint = {},
                    .advice = {},
                    .payload_bytes_max = {}});
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all{first, &::freeifaddrs};
  std::vector<Address> addresses;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    addresses.push_back(endpoint_from(entry->ifa_addr).address);
  }
  return LocalAddresses{std::move(addresses)};
}

bool LocalAddresses::contains(const Address& address) const noexcept {
  if (address.is_wildcard() || address.is_multicast() || address == kLoopbackBroadcast) return false;
  if (address.is_loopback()) return true;
  return std::ranges::any_of(addresses_, [&address](const Address& own) {
    return own == address ||
           (address.scope() == 0 && own.is_v6() && address.is_v6() && own.bytes() == address.bytes());
  });
}

}  // namespace holler
