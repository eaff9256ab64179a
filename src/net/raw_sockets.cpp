#include "net/raw_sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/sockaddr.hpp"

namespace holler {
namespace {

/// Packets in one sendmmsg(2).
constexpr std::size_t kPacketsMax = 64;
constexpr std::string_view kLoopback = "lo";

Error raw_failure(int system_errno, const char* attempted) {
  Error error{.system_errno = system_errno, .attempted = attempted, .endpoint = {}, .advice = {}};
  if (system_errno == EPERM || system_errno == EACCES) {
    error.code = ErrorCode::permission_denied;
    error.advice = "it takes root, or the capability CAP_NET_RAW";
  } else if (system_errno == EAFNOSUPPORT || system_errno == EPROTONOSUPPORT) {
    error.code = ErrorCode::unsupported;
  } else if (system_errno == EMFILE || system_errno == ENFILE || system_errno == ENOBUFS ||
             system_errno == ENOMEM) {
    error.code = ErrorCode::out_of_resources;
  }
  return error;
}

/// @return a closed one, and errno, where it cannot be had
Descriptor raw_socket(int family) {
  Descriptor descriptor{::socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
  if (!descriptor) return {};
  // IPPROTO_RAW sends and never receives; its packets bring their own headers, in both families.
  if (::setsockopt(descriptor.get(), SOL_SOCKET, SO_BINDTODEVICE, kLoopback.data(), kLoopback.size()) != 0) {
    return {};
  }
  return descriptor;
}

}  // namespace

Result<RawSockets> RawSockets::open() {
  Descriptor v4 = raw_socket(AF_INET);
  if (!v4) return failure(raw_failure(errno, "open a raw socket"));
  Descriptor v6 = raw_socket(AF_INET6);
  if (!v6 && errno != EAFNOSUPPORT) return failure(raw_failure(errno, "open a raw socket"));
  return RawSockets{std::move(v4), std::move(v6)};
}

Result<std::size_t> RawSockets::send(std::span<const RawPacket> packets) {
  std::array<SocketName, kPacketsMax> names;
  std::array<iovec, kPacketsMax> vectors{};
  std::array<mmsghdr, kPacketsMax> headers{};
  std::size_t sent = 0;
  while (sent < packets.size()) {
    const bool v6 = packets[sent].to.is_v6();
    std::size_t count = 0;
    for (; count < kPacketsMax && sent + count < packets.size(); ++count) {
      const RawPacket& packet = packets[sent + count];
      if (packet.to.is_v6() != v6) break;
      names[count] = SocketName{{packet.to, 0}, v6 ? AF_INET6 : AF_INET};
      vectors[count] = {const_cast<std::byte*>(packet.bytes.data()), packet.bytes.size()};
      headers[count] = {};
      headers[count].msg_hdr.msg_name = names[count].get();
      headers[count].msg_hdr.msg_namelen = names[count].size();
      headers[count].msg_hdr.msg_iov = &vectors[count];
      headers[count].msg_hdr.msg_iovlen = 1;
    }
    const int descriptor = (v6 ? v6_ : v4_).get();
    if (descriptor < 0) return failure(raw_failure(EAFNOSUPPORT, "send a packet"));
    const int taken = ::sendmmsg(descriptor, headers.data(), static_cast<unsigned>(count), 0);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && sent > 0) return sent;
    if (taken < 0) return failure(raw_failure(errno, "send a packet"));
    sent += static_cast<std::size_t>(taken);
  }
  return sent;
}

}  // namespace holler
