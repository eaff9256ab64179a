#include "net/socket_options.hpp"

#include <algorithm>
#include <limits>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "net/socket_error.hpp"

namespace holler {
namespace {

struct Setting {
  int level;
  int name;
};

/// Of each family: what puts errors into the queue, and what tells of a datagram's destination.
struct Reports {
  Setting errors;
  Setting destination;
};

// On an AF_INET6 socket IPv4's settings are there for IPv4-mapped peers: without IP_RECVERR their ICMP
// errors never reach the queue, without IP_PKTINFO our address behind a broadcast is unknown.
constexpr Reports kReportsOfBoth{.errors = {IPPROTO_IP, IP_RECVERR}, .destination = {IPPROTO_IP, IP_PKTINFO}};
constexpr Reports kReportsOfV6{.errors = {IPPROTO_IPV6, IPV6_RECVERR},
                               .destination = {IPPROTO_IPV6, IPV6_RECVPKTINFO}};

/// @return 0 or an errno
int enable(int descriptor, const Reports& reports, bool destination) noexcept {
  const int failed = set_option(descriptor, reports.errors.level, reports.errors.name, 1);
  if (failed != 0 || !destination) return failed;
  return set_option(descriptor, reports.destination.level, reports.destination.name, 1);
}

}  // namespace

std::optional<std::size_t> path_payload_bytes(int descriptor, const Address& peer) noexcept {
  const bool v6 = peer.is_v6();
  const auto mtu =
      v6 ? get_option(descriptor, IPPROTO_IPV6, IPV6_MTU) : get_option(descriptor, IPPROTO_IP, IP_MTU);
  const std::size_t headers_bytes = v6 ? 48 : 28;
  if (!mtu || *mtu <= static_cast<int>(headers_bytes)) return std::nullopt;
  return std::min(payload_bytes_max(peer), static_cast<std::size_t>(*mtu) - headers_bytes);
}

Result<void> enable_reports(int descriptor, int family, const SocketOptions& options) {
  int failed = options.tell_waits ? set_option(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1) : 0;
  if (failed == 0) failed = enable(descriptor, kReportsOfBoth, options.tell_destination);
  if (failed == 0 && family == AF_INET6) failed = enable(descriptor, kReportsOfV6, options.tell_destination);
  if (failed != 0) return failure(socket_failure(failed));
  return {};
}

Result<void> apply_options(int descriptor, int family, bool v6_only, const SocketOptions& options) {
  int failed = 0;
  if (family == AF_INET6) failed = set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, v6_only ? 1 : 0);
  if (failed == 0 && options.reuse_port) failed = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (failed == 0 && options.broadcast) failed = set_option(descriptor, SOL_SOCKET, SO_BROADCAST, 1);
  if (failed == 0 && options.receive_buffer_bytes != 0) {
    const std::size_t bytes_max = std::numeric_limits<int>::max() / 2;
    failed = set_option(descriptor, SOL_SOCKET, SO_RCVBUF,
                        static_cast<int>(std::min(options.receive_buffer_bytes, bytes_max)));
  }
  if (failed != 0) return failure(socket_failure(failed));
  // Linux 5.0; without it they arrive one by one, which is as good but slower.
  if (options.coalesce) (void)set_option(descriptor, SOL_UDP, UDP_GRO, 1);
  if (!options.interface.empty()) {
    const std::string& name = options.interface;
    const auto size = static_cast<socklen_t>(name.size());
    if (::setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name.data(), size) != 0) {
      return failure(interface_failure(errno, name));
    }
  }
  return enable_reports(descriptor, family, options);
}

}  // namespace holler
