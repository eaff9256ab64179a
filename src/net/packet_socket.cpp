#include "net/packet_socket.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

#include "net/socket_options.hpp"

namespace holler {
namespace {

constexpr std::size_t kPacketBytesMax = 65575;  // RFC 8200 §3: 40 bytes of header and 65535 behind it
constexpr std::size_t kPacketsAtOnce = 1024;
constexpr int kReceiveBufferBytes = 4 << 20;

Error tap_failure(int system_errno) {
  Error error{.system_errno = system_errno,
              .attempted = "read along on the loopback interface",
              .endpoint = {},
              .advice = {}};
  if (system_errno == EPERM || system_errno == EACCES) {
    error.code = ErrorCode::permission_denied;
    error.advice = "it takes root, or the capability CAP_NET_RAW";
  }
  return error;
}

constexpr sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}

/// A jump from `here` to one of two places; all three are indices of the program.
constexpr sock_filter branch(std::uint8_t here, int condition, std::uint32_t k, std::uint8_t if_so,
                             std::uint8_t if_not) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | condition),
          static_cast<std::uint8_t>(if_so - here - 1), static_cast<std::uint8_t>(if_not - here - 1), k};
}

/// In the kernel, so that a flood of other packets does not push those out that matter. Offsets count from
/// the IP header: a packet socket of type SOCK_DGRAM shows nothing below it.
bool attach_filter(int descriptor, std::uint16_t port, std::uint8_t unless_hops) {
  constexpr int kByte = BPF_LD | BPF_B | BPF_ABS;
  constexpr int kHalf = BPF_LD | BPF_H | BPF_ABS;
  constexpr int kHalfBehindOptions = BPF_LD | BPF_H | BPF_IND;
  constexpr std::uint8_t kV6 = 14;
  constexpr std::uint8_t kTake = 23;
  constexpr std::uint8_t kLeave = 24;
  std::array<sock_filter, 25> program{{
      statement(kByte, 0),
      statement(BPF_ALU | BPF_RSH | BPF_K, 4),
      branch(2, BPF_JEQ, 4, 3, kV6),
      statement(kByte, 9),
      branch(4, BPF_JEQ, IPPROTO_UDP, 5, kLeave),
      statement(kByte, 8),
      branch(6, BPF_JEQ, unless_hops, kLeave, 7),
      statement(kHalf, 6),
      branch(8, BPF_JSET, 0x3FFF, kLeave, 9),  // a fragment
      statement(BPF_LDX | BPF_B | BPF_MSH, 0),
      statement(kHalfBehindOptions, 0),
      branch(11, BPF_JEQ, port, kTake, 12),
      statement(kHalfBehindOptions, 2),
      branch(13, BPF_JEQ, port, kTake, kLeave),
      branch(kV6, BPF_JEQ, 6, 15, kLeave),
      statement(kByte, 6),
      branch(16, BPF_JEQ, IPPROTO_UDP, 17, kLeave),
      statement(kByte, 7),
      branch(18, BPF_JEQ, unless_hops, kLeave, 19),
      statement(kHalf, 40),
      branch(20, BPF_JEQ, port, kTake, 21),
      statement(kHalf, 42),
      branch(22, BPF_JEQ, port, kTake, kLeave),
      statement(BPF_RET | BPF_K, 0xFFFFFFFF),
      statement(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

/// What a packet socket sees twice, when it leaves and when it arrives, is wanted once.
bool ignore_outgoing(int descriptor) {
  return set_option(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) == 0;
}

bool bind_to_loopback(int descriptor) {
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  name.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  return name.sll_ifindex != 0 &&
         ::bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

}  // namespace

PacketSocket::PacketSocket(Descriptor descriptor)
    : descriptor_{std::move(descriptor)}, room_(kPacketBytesMax) {}

Result<PacketSocket> PacketSocket::open(std::uint16_t port, std::uint8_t unless_hops) {
  // Protocol 0: nothing arrives before the filter is in place and it is bound.
  Descriptor descriptor{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const bool ready = descriptor && attach_filter(descriptor.get(), port, unless_hops) &&
                     ignore_outgoing(descriptor.get()) && bind_to_loopback(descriptor.get());
  if (!ready) return failure(tap_failure(errno));
  // The first may go beyond the sysctl, and needs CAP_NET_ADMIN for it.
  if (set_option(descriptor.get(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes) != 0) {
    (void)set_option(descriptor.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
  }
  return PacketSocket{std::move(descriptor)};
}

Result<std::size_t> PacketSocket::receive(const std::function<void(Bytes)>& visit) {
  std::size_t count = 0;
  while (count < kPacketsAtOnce) {
    const ssize_t bytes = ::recv(descriptor_.get(), room_.data(), room_.size(), 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (bytes < 0) return failure(tap_failure(errno));
    ++count;
    visit(Bytes{room_}.first(static_cast<std::size_t>(bytes)));
  }
  return count;
}

std::uint64_t PacketSocket::take_drops() const noexcept {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  const bool known = ::getsockopt(descriptor_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0;
  return known ? stats.tp_drops : 0;
}

}  // namespace holler
