#include "net/raw_sockets.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include "net/sockaddr.hpp"

namespace holler {
namespace {

/// Packets in one sendmmsg(2).
constexpr std::size_t kPacketsMax = 64;
constexpr const char* kLoopback = "lo";

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

/// IPPROTO_RAW sends and never receives; its packets bring their own headers.
/// @return a closed one, and errno, where it cannot be had
Descriptor v4_socket() {
  Descriptor descriptor{::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
  if (!descriptor) return {};
  const bool bound = ::setsockopt(descriptor.get(), SOL_SOCKET, SO_BINDTODEVICE, kLoopback,
                                  static_cast<socklen_t>(std::strlen(kLoopback))) == 0;
  return bound ? std::move(descriptor) : Descriptor{};
}

/// A packet socket instead: IPv6 has the route to an address of this machine on the interface that has it,
/// and a raw socket that is bound to loopback finds the network unreachable (seen on Linux 6.18). Protocol 0:
/// it receives nothing.
Descriptor v6_socket() { return Descriptor{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; }

/// Into the loopback interface, out of which they come as received.
sockaddr_ll v6_way_in() {
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_IPV6);
  name.sll_ifindex = static_cast<int>(::if_nametoindex(kLoopback));
  name.sll_halen = ETH_ALEN;
  return name;
}

/// What sendmmsg(2) is handed; it points into itself.
class Salvo {
 public:
  /// The first packets of one family, as many as there is room for.
  explicit Salvo(std::span<const RawPacket> packets) {
    const bool v6 = packets.front().to.is_v6();
    const auto end =
        std::ranges::find_if(packets, [v6](const RawPacket& packet) { return packet.to.is_v6() != v6; });
    count_ = std::min(kPacketsMax, static_cast<std::size_t>(end - packets.begin()));
    if (v6) way_in_ = v6_way_in();
    for (std::size_t i = 0; i < count_; ++i) {
      vectors_[i] = {const_cast<std::byte*>(packets[i].bytes.data()), packets[i].bytes.size()};
      msghdr& header = headers_[i].msg_hdr;
      header = {};
      if (v6) {
        header.msg_name = &way_in_;
        header.msg_namelen = sizeof way_in_;
      } else {
        names_[i] = SocketName{{packets[i].to, 0}, AF_INET};
        header.msg_name = names_[i].get();
        header.msg_namelen = names_[i].size();
      }
      header.msg_iov = &vectors_[i];
      header.msg_iovlen = 1;
    }
  }
  Salvo(const Salvo&) = delete;
  Salvo& operator=(const Salvo&) = delete;
  ~Salvo() = default;

  /// @return as sendmmsg(2)
  [[nodiscard]] int send(int descriptor) noexcept {
    return ::sendmmsg(descriptor, headers_.data(), static_cast<unsigned>(count_), 0);
  }

 private:
  std::size_t count_ = 0;
  sockaddr_ll way_in_{};
  std::array<SocketName, kPacketsMax> names_;
  std::array<iovec, kPacketsMax> vectors_;
  std::array<mmsghdr, kPacketsMax> headers_;
};

}  // namespace

Result<RawSockets> RawSockets::open() {
  Descriptor v4 = v4_socket();
  if (!v4) return failure(raw_failure(errno, "open a raw socket"));
  Descriptor v6 = v6_socket();
  if (!v6) return failure(raw_failure(errno, "open a packet socket"));
  return RawSockets{std::move(v4), std::move(v6)};
}

Result<std::size_t> RawSockets::send(std::span<const RawPacket> packets) {
  std::size_t sent = 0;
  while (sent < packets.size()) {
    Salvo salvo{packets.subspan(sent)};
    const int taken = salvo.send((packets[sent].to.is_v6() ? v6_ : v4_).get());
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && sent > 0) return sent;
    if (taken < 0) return failure(raw_failure(errno, "send a packet"));
    sent += static_cast<std::size_t>(taken);
  }
  return sent;
}

}  // namespace holler
