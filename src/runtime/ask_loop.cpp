#include "runtime/ask_loop.hpp"

#include <utility>

#include "runtime/ask_result.hpp"

namespace holler {

namespace {

RequesterOptions requester_options(const ClientOptions& options) {
  RequesterOptions result = options.requester;
  result.bundles = true;  // `receive` hands in all that a datagram holds
  return result;
}

}  // namespace

AskLoop::AskLoop(const ClientOptions& options, Channels channels, std::size_t batch_datagrams)
    : tracer_{options.tracer},
      channels_{std::move(channels)},
      requester_{*options.codec, random_, requester_options(options)},
      batch_datagrams_{batch_datagrams},
      batch_{batch_datagrams} {}

UdpSocket* AskLoop::transmit(Timestamp now, const OnEnd& on_end) {
  UdpSocket* blocked = nullptr;
  bool more = true;
  no_way_.reset();
  while (more && blocked == nullptr) {
    more = false;
    Transmit next;
    while (outbox_.has_room() && requester_.poll_transmit(now, outbox_.room(), next)) {
      outbox_.add(now, {.to = next.to, .channel = next.channel}, next);
    }
    if (outbox_.empty()) break;
    more = !outbox_.has_room();  // or else nothing was left, but for what a failure gives a reason to repeat
    const auto socket_of = [&](const Transmit& note) { return channels_.socket_of(note.channel); };
    const auto on_failed = [&](Bytes message, const Transmit& note, const OutgoingDatagram&,
                               const Error& error) {
      on_send_failed(now, message, note, error);
      more = true;
    };
    if (tracer_) {
      const auto on_each = [&](Bytes message, const Transmit& note, const OutgoingDatagram&) {
        on_sent(now, message, note);
      };
      blocked = outbox_.flush(socket_of, on_each, on_failed);
    } else {
      blocked = outbox_.flush(socket_of, nullptr, on_failed);
    }
  }
  report_ended(on_end);
  return blocked;
}

void AskLoop::on_sent(Timestamp now, Bytes message, const Transmit& note) {
  tracer_({.kind = TraceEvent::Kind::sent,
           .when = now,
           .local = channels_.local_of(note.channel),
           .peer = note.to,
           .bytes = message.size(),
           .attempt = note.attempt,
           .wait = note.wait,
           .datagram = message});
}

void AskLoop::on_send_failed(Timestamp now, Bytes message, const Transmit& note, const Error& error) {
  ++send_failures_;
  if (tracer_) {
    tracer_({.kind = TraceEvent::Kind::dropped,
             .when = now,
             .local = channels_.local_of(note.channel),
             .peer = note.to,
             .bytes = message.size(),
             .attempt = note.attempt,
             .drop = DropReason::send_failed,
             .system_errno = error.system_errno,
             .datagram = message});
  }
  // A full queue of an interface is a loss like any other on the way: the back-off repeats it.
  if (error.code == ErrorCode::out_of_resources) return;
  const Unreachability news = news_of(error, note.to, note.channel, message);
  if (note.attempt == 1 && news.kind == Unreachable::soft) no_way_ = note.request;
  requester_.handle_unreachable(now, news);
}

RequesterStats AskLoop::take_stats() noexcept {
  RequesterStats stats = requester_.take_stats();
  stats.dropped.add(DropReason::send_failed, std::exchange(send_failures_, 0));
  return stats;
}

Result<std::size_t> AskLoop::receive(std::uint32_t channel, bool woken, const OnEnd& on_end) {
  UdpSocket* socket = channels_.socket_of(channel);
  if (socket == nullptr) return 0;
  const auto count = socket->receive(batch_);
  if (!count || (*count == 0 && !woken && !socket->errors_waiting())) return count;
  const Timestamp now = batch_.read_at();  // not before it was sent: the engine trusts the age that it tells
  for (const ReceivedDatagram& datagram : batch_.datagrams()) {
    Arrival arrival{
        .from = datagram.from, .channel = channel, .bytes = datagram.bytes, .truncated = datagram.truncated};
    std::size_t messages = 0;
    do {
      ++messages;
      const Verdict verdict = requester_.handle_datagram(now, arrival);
      if (tracer_) trace_arrival(now, arrival, verdict);
      arrival.bytes = verdict.rest;
      arrival.continued = true;
    } while (!arrival.bytes.empty());
    arrived_at_ = datagram.to;
    report_ended(on_end);  // while the payload is still where the event says
    arrived_at_.reset();
    if (messages >= kBundleLarge) transmit(now, on_end);
  }
  socket = channels_.socket_of(channel);  // a question that ended may have taken its socket with it
  if (socket != nullptr && ((woken && *count == 0) || socket->errors_waiting())) {
    receive_errors(monotonic_now(), channel, *socket);
    report_ended(on_end);
  }
  return count;
}

void AskLoop::report_ended(const OnEnd& on_end) {
  ++reports_;
  while (const RequestEvent* event = requester_.next_event()) on_end(*event);
}

void AskLoop::trace_arrival(Timestamp now, const Arrival& arrival, const Verdict& verdict) {
  const Bytes message = arrival.bytes.first(arrival.bytes.size() - verdict.rest.size());
  TraceEvent event{.kind = TraceEvent::Kind::received,
                   .when = now,
                   .local = channels_.local_of(arrival.channel),
                   .peer = arrival.from,
                   .bytes = message.size(),
                   .reply_kind = verdict.used,
                   .datagram = message};
  if (!verdict.used) {
    event.kind = TraceEvent::Kind::dropped;
    event.drop = verdict.drop;
  }
  tracer_(event);
}

void AskLoop::receive_errors(Timestamp now, std::uint32_t channel, UdpSocket& socket) {
  for (const SocketError& error : socket.receive_errors()) {
    if (tracer_) {
      tracer_({.kind = TraceEvent::Kind::icmp,
               .when = now,
               .local = channels_.local_of(channel),
               .peer = error.destination,
               .bytes = error.quote.size(),
               .system_errno = error.system_errno,
               .datagram = error.quote});
    }
    requester_.handle_unreachable(now, news_of(error, channel));
  }
}

}  // namespace holler
