#include "net/error_queue.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
// After <sys/socket.h>, whose timespec it would otherwise define again.
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/errqueue.h>
#include <optional>

#include "net/sockaddr.hpp"

namespace holler {
namespace {

/// sock_extended_err and the sockaddr of the host that complained, which the kernel puts behind it.
struct Report {
  sock_extended_err error;
  sockaddr_in6 offender;
};

std::optional<Report> report_in(msghdr& header) noexcept {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
       message = CMSG_NXTHDR(&header, message)) {
    const bool v4 = message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_RECVERR;
    const bool v6 = message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    const std::size_t size = message->cmsg_len - CMSG_LEN(0);
    if (size < sizeof(sock_extended_err)) continue;
    Report report{};
    std::memcpy(&report, CMSG_DATA(message), std::min(size, sizeof report));
    return report;
  }
  return std::nullopt;
}

SocketError socket_error(const Report& report, const Endpoint& destination, Bytes quote) {
  SocketError error{.system_errno = static_cast<int>(report.error.ee_errno),
                    .local = report.error.ee_origin == SO_EE_ORIGIN_LOCAL,
                    .destination = destination,
                    .reporter = {},
                    .quote = copy_of(quote)};
  if (!error.local) {
    error.icmp_type = report.error.ee_type;
    error.icmp_code = report.error.ee_code;
  }
  if (report.offender.sin6_family == AF_INET || report.offender.sin6_family == AF_INET6) {
    error.reporter = endpoint_from(reinterpret_cast<const sockaddr*>(&report.offender)).address;
  }
  if (error.system_errno == EMSGSIZE) error.path_mtu_bytes = report.error.ee_info;
  return error;
}

}  // namespace

std::vector<SocketError> read_error_queue(int descriptor, std::size_t count_max) {
  std::vector<SocketError> errors;
  std::array<std::byte, 2048> quote;  // RFC 4443 §2.4 (c): a quote fits into 1280 bytes; IPv4's are shorter
  alignas(cmsghdr) std::array<std::byte, 256> control;
  // An entry that is none of ours counts too, so that the loop is bounded whatever the queue holds.
  for (std::size_t taken = 0; taken < count_max; ++taken) {
    SocketName destination{};
    iovec place{quote.data(), quote.size()};
    msghdr header{};
    header.msg_name = destination.get();
    header.msg_namelen = SocketName::room();
    header.msg_iov = &place;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(descriptor, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    const auto report = report_in(header);
    if (!report) continue;
    const Endpoint to = header.msg_namelen == 0 ? Endpoint{} : endpoint_from(destination.get());
    errors.push_back(socket_error(*report, to, Bytes{quote}.first(static_cast<std::size_t>(size))));
  }
  return errors;
}

}  // namespace holler
