#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sys/socket.h>

#include "holler/system.hpp"

#include "net/control_messages.hpp"
#include "net/kernel_calls.hpp"
#include "net/receive_batch.hpp"
#include "net/socket_error.hpp"
#include "net/udp_socket_state.hpp"

namespace holler {
namespace {

/// How often a call is made again because an old ICMP error came in its way. Each attempt clears one.
constexpr int kAttemptsMax = 16;

Delivery delivery_of(const ArrivalNotes& arrival, const Address& to) noexcept {
  if (to.is_multicast()) return Delivery::multicast;
  if (to.is_limited_broadcast()) return Delivery::broadcast;
  // The kernel names another address of ours only where the destination is not itself ours (ip(7)).
  return arrival.specific && *arrival.specific != to ? Delivery::broadcast : Delivery::unicast;
}

Address reply_address(const ArrivalNotes& arrival, const Address& to, Delivery delivery) noexcept {
  if (delivery == Delivery::unicast) return to;
  if (arrival.specific) return *arrival.specific;
  return to.is_v6() ? Address::any_v6() : Address::any_v4();
}

Duration since_epoch(const timespec& time) noexcept {
  return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

ReceivedDatagram datagram_in(msghdr& header, const ArrivalNotes& arrival, const Endpoint& local,
                             Bytes bytes) noexcept {
  ReceivedDatagram datagram;
  datagram.from = endpoint_from(static_cast<const sockaddr*>(header.msg_name));
  datagram.to = {arrival.to.value_or(local.address), local.port};
  datagram.delivery = delivery_of(arrival, datagram.to.address);
  datagram.reply_from = reply_address(arrival, datagram.to.address, datagram.delivery);
  datagram.interface = arrival.interface;
  datagram.truncated = (header.msg_flags & MSG_TRUNC) != 0;
  datagram.bytes = bytes;
  return datagram;
}

}  // namespace

Result<std::size_t> UdpSocket::receive(ReceiveBatch& batch, std::size_t messages_max) {
  auto& slab = *batch.slab_;
  slab.datagrams.clear();
  slab.prepare(state_->noted);
  const std::size_t room = std::min(slab.headers.size(), std::max<std::size_t>(messages_max, 1));
  int count = -1;
  for (int attempt = 0; count < 0 && attempt < kAttemptsMax; ++attempt) {
    const auto places = static_cast<unsigned>(room);
    count = kernel_calls->receive(state_->descriptor.get(), slab.headers.data(), places, MSG_DONTWAIT);
    // The one it failed at counts as well.
    slab.written = std::min<std::size_t>(room, static_cast<std::size_t>(std::max(count, 0)) + 1);
    if (count >= 0 || errno == EINTR) continue;
    if (may_be_stale(errno)) {
      state_->errors_waiting = true;
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      state_->arrival_clock.on_empty();
      return 0;
    }
    Error error = socket_failure(errno);
    error.attempted = "receive";
    return failure(std::move(error));
  }
  slab.read_at = monotonic_now();
  state_->keep_count_of_drops(slab.read_at);
  if (state_->stamped) {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    state_->arrival_clock.on_read(slab.read_at, since_epoch(wall), static_cast<std::size_t>(count) < room);
  }
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    msghdr& header = slab.headers[index].msg_hdr;
    const ArrivalNotes arrival = read_arrival(header);
    ReceivedDatagram whole = datagram_in(header, arrival, state_->local, slab.bytes_of_message(index));
    if (arrival.stamp) whole.waited = state_->arrival_clock.waited(since_epoch(*arrival.stamp));
    slab.add(whole, arrival.segment_bytes);
  }
  return slab.datagrams.size();
}

}  // namespace holler
