#include <algorithm>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/control_messages.hpp"
#include "net/kernel_calls.hpp"
#include "net/sockaddr.hpp"
#include "net/socket_error.hpp"
#include "net/socket_options.hpp"
#include "net/udp_socket_state.hpp"

namespace holler {
namespace {

/// Messages in one sendmmsg(2).
constexpr std::size_t kMessagesMax = 32;
/// Datagrams in all of them.
constexpr std::size_t kDatagramsMax = 512;
/// How often one datagram is tried before an errno that may stem from an earlier one is taken for its own.
constexpr int kAttemptsMax = 4;

/// No device has said that it cannot: the errno of a segmented send that may be tried again without segments.
bool refuses_segments(int failed) noexcept { return failed == EIO || failed == EINVAL || failed == EMSGSIZE; }

/// What the kernel would refuse, or do in a way that nobody wants.
std::optional<Error> objection(const OutgoingDatagram& datagram, const Endpoint& to, int family,
                               bool v6_only) {
  const std::size_t bytes_max = payload_bytes_max(to.address);
  const bool other_family = to.address.is_v6() ? family == AF_INET : v6_only;
  const bool other_source =
      datagram.from && !datagram.from->is_wildcard() && datagram.from->is_v6() != to.address.is_v6();
  if (datagram.bytes.size() <= bytes_max && to.port != 0 && !other_family && !other_source) {
    return std::nullopt;
  }
  Error error{.attempted = "send to", .endpoint = to, .advice = {}};
  if (datagram.bytes.size() > bytes_max) {
    error.code = ErrorCode::too_large;
    error.system_errno = EMSGSIZE;
    error.payload_bytes_max = bytes_max;
  } else if (to.port == 0) {
    error.code = ErrorCode::invalid_argument;
    error.advice = "port 0 only means \"choose one\", when binding";
  } else if (other_family) {
    error.code = ErrorCode::unsupported;
    error.advice =
        to.address.is_v6() ? "this socket is bound to an IPv4 address" : "this socket is for IPv6 only";
  } else {
    error.code = ErrorCode::invalid_argument;
    error.advice = "the source address is of the other family";
  }
  return error;
}

}  // namespace

/// What one sendmmsg(2) takes.
struct SendSlab {
  std::array<SocketName, kMessagesMax> names;
  std::array<ControlRoom, kMessagesMax> controls;  // written where needed
  std::array<iovec, kDatagramsMax> vectors;
  std::array<mmsghdr, kMessagesMax> headers;
  std::array<std::size_t, kMessagesMax> segments;  // datagrams in each message
};

/// How many datagrams, from the first, may go down in one piece: they differ in nothing but their contents,
/// and the last may be shorter.
std::size_t UdpSocket::State::run_length(std::span<const OutgoingDatagram> datagrams) const noexcept {
  const OutgoingDatagram& first = datagrams.front();
  const std::size_t size = first.bytes.size();
  const std::size_t bytes_max = payload_bytes_max((peer ? *peer : first.to).address);
  if (datagrams.size() == 1 || segments_max <= 1 || size == 0 || size > segment_bytes_max) return 1;
  const std::size_t most = std::min({datagrams.size(), segments_max, bytes_max / size});
  std::size_t length = 1;
  while (length < most) {
    const OutgoingDatagram& next = datagrams[length];
    const bool alike = next.to == first.to && next.from == first.from && next.interface == first.interface;
    if (!alike || next.bytes.empty() || next.bytes.size() > size) break;
    ++length;
    if (next.bytes.size() < size) break;
  }
  return length;
}

/// The same data goes again with fewer segments, or none.
void UdpSocket::State::give_up_segments(int failed, std::size_t segment_bytes) noexcept {
  if (failed == EMSGSIZE) {
    segment_bytes_max = segment_bytes - 1;  // a path, and not the kernel, sets this limit
  } else if (failed == EINVAL && segments_max > kSegmentsMaxOld) {
    segments_max = kSegmentsMaxOld;
  } else {
    segments_max = 1;
  }
}

/// Makes messages of the first datagrams, as many as one call takes.
/// @param refused  why not even the first can be sent
/// @return the number of messages
std::size_t UdpSocket::State::pack(std::span<const OutgoingDatagram> datagrams, SendSlab& slab,
                                   std::optional<Error>& refused) const {
  std::size_t count = 0;
  std::size_t next = 0;
  for (std::size_t vectors = 0; count < kMessagesMax && next < datagrams.size(); ++count) {
    const OutgoingDatagram& datagram = datagrams[next];
    const Endpoint& to = peer ? *peer : datagram.to;
    if (auto reason = objection(datagram, to, family, v6_only)) {
      if (count == 0) refused = std::move(reason);
      break;
    }
    const std::size_t length = run_length(datagrams.subspan(next));
    if (vectors + length > kDatagramsMax) break;
    msghdr header{};
    if (!peer) {
      slab.names[count] = SocketName{to, family};
      header.msg_name = slab.names[count].get();
      header.msg_namelen = slab.names[count].size();
    }
    header.msg_iov = &slab.vectors[vectors];
    header.msg_iovlen = length;
    for (std::size_t i = 0; i < length; ++i) {
      const Bytes bytes = datagrams[next + i].bytes;
      slab.vectors[vectors++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    }
    write_departure(header, slab.controls[count], source_to_name(datagram), datagram.interface,
                    to.address.is_v6());
    if (length > 1) {  // some devices refuse even one segment, if it is called one
      write_segment_size(header, slab.controls[count], static_cast<std::uint16_t>(datagram.bytes.size()));
    }
    slab.headers[count] = {header, 0};
    slab.segments[count] = length;
    next += length;
  }
  return count;
}

SendReport UdpSocket::send(std::span<const OutgoingDatagram> datagrams) {
  SendReport report;
  SendSlab slab;
  const int descriptor = state_->descriptor.get();
  int attempts = 0;
  while (report.accepted < datagrams.size()) {
    const std::size_t first = report.accepted;
    const std::size_t count = state_->pack(datagrams.subspan(first), slab, report.error);
    if (count == 0) break;
    const int sent =
        kernel_calls->send(descriptor, slab.headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      // What stopped a batch early, sendmmsg(2) does not tell, and an ICMP error is then gone from the
      // socket.
      if (static_cast<std::size_t>(sent) < count) state_->errors_waiting = true;
      for (int i = 0; i < sent; ++i) report.accepted += slab.segments[static_cast<std::size_t>(i)];
      attempts = 0;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (slab.segments.front() > 1 && refuses_segments(errno)) {
      state_->give_up_segments(errno, datagrams[first].bytes.size());
      continue;
    }
    if (may_be_stale(errno)) {
      state_->errors_waiting = true;
      if (++attempts < kAttemptsMax) continue;
    }
    if (errno == ECONNREFUSED) break;  // never about the datagram being sent: more errors are coming in
    const Endpoint to = state_->peer.value_or(datagrams[first].to);
    report.error = send_failure(errno, to, datagrams[first]);
    if (report.error->code == ErrorCode::too_large) {
      const Address& peer = to.address;
      report.error->payload_bytes_max =
          path_payload_bytes(descriptor, peer).value_or(payload_bytes_max(peer));
    }
    break;
  }
  return report;
}

Result<bool> UdpSocket::send_to(const Endpoint& to, Bytes bytes) {
  const OutgoingDatagram datagram{.to = to, .from = {}, .bytes = bytes};
  SendReport report = send({&datagram, 1});
  if (report.error) return failure(std::move(*report.error));
  return report.accepted == 1;
}

}  // namespace holler
