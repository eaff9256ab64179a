#include "holler/server.hpp"

#include <algorithm>
#include <utility>

#include "holler/codecs.hpp"
#include "holler/names.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "net/poller.hpp"
#include "runtime/outbox.hpp"
#include "runtime/reply_writer.hpp"

namespace holler {
namespace {

constexpr std::size_t kBatchDatagrams = 32;
constexpr std::uint64_t kSocketToken = 0;
constexpr std::uint64_t kWakeToken = 1;

std::initializer_list<const Codec*> codecs_for(bool answer_plain) {
  static const std::initializer_list<const Codec*> kBoth{&holler_codec(), &plain_codec()};
  static const std::initializer_list<const Codec*> kHoller{&holler_codec()};
  return answer_plain ? kBoth : kHoller;
}

ResponderOptions responder_options(const ServerOptions& options) {
  ResponderOptions result = options.responder;
  result.bundles = true;  // `receive_one` hands in all that a datagram holds
  return result;
}

}  // namespace

struct Server::State {
  State(ServerOptions settings, UdpSocket bound, Poller epoll, WakeEvent wake)
      : options{std::move(settings)},
        socket{std::move(bound)},
        local{socket.local_address()},
        poller{std::move(epoll)},
        responder{codecs_for(options.answer_plain), random, responder_options(options)},
        batch{kBatchDatagrams} {
    writer.completions = std::make_shared<Completions>(std::move(wake));
  }

  Result<void> serve(const Handler& handler, const std::stop_token& stop);
  Result<bool> receive(Timestamp now, const Handler& handler);
  std::size_t receive_one(Timestamp now, const ReceivedDatagram& datagram, const Handler& handler);
  void handle(Timestamp now, const IncomingRequest& incoming, const Handler& handler);
  void complete(Timestamp now, const Completion& completion, Timestamp not_before = Timestamp::min());
  void answer(Timestamp now);
  void transmit(Timestamp now);
  void trace(Timestamp now, const Incoming& incoming, const ReceiptResult& result) const;
  void trace_departure(Timestamp now, Bytes message, const ResponseTransmit& note, int system_errno) const;
  void receive_errors(Timestamp now);
  void publish(bool with_kernel_drops);

  const ServerOptions options;
  UdpSocket socket;
  Endpoint local;
  Poller poller;
  SystemRandom random;
  Responder responder;
  ReceiveBatch batch;
  Outbox<ResponseTransmit> outbox;
  ReplyWriter::State writer;
  bool waits_for_room = false;
  std::uint64_t filtered = 0;
  DropCounts dropped;  // beside the responder's

  mutable std::mutex mutex;
  ServerStats published;
};

Result<void> Server::State::serve(const Handler& handler, const std::stop_token& stop) {
  const WakeEvent& wake = writer.completions->wake();
  const std::stop_callback on_stop{stop, [&wake] { wake.notify(); }};
  bool more = true;
  while (!stop.stop_requested()) {
    Timestamp now = monotonic_now();
    const Timestamp next = responder.next_timeout();
    Duration timeout = next == kNever ? kForever : next - now;
    if (more) timeout = Duration::zero();
    const auto ready = poller.wait(timeout);
    if (!ready) return failure(ready.error());
    now = monotonic_now();
    more = false;
    for (const std::uint64_t token : *ready) {
      if (token == kWakeToken) {
        wake.drain();
        continue;
      }
      const auto full = receive(now, handler);
      if (!full) return failure(full.error());
      more = *full;
    }
    answer(now);
    publish(!more);  // a system call that a busy server saves
  }
  answer(monotonic_now());
  publish(true);
  return {};
}

/// Takes over what handlers have finished, and sends what is due.
void Server::State::answer(Timestamp now) {
  for (const Completion& completion : writer.completions->take()) complete(now, completion);
  responder.handle_timeout(now);
  transmit(now);
}

Result<bool> Server::State::receive(Timestamp now, const Handler& handler) {
  if (!outbox.empty()) {  // the kernel takes no more replies: let requests wait in its buffer
    receive_errors(now);
    return false;
  }
  const auto count = socket.receive(batch);
  if (!count) return failure(count.error());
  for (const ReceivedDatagram& datagram : batch.datagrams()) {
    if (receive_one(now, datagram, handler) >= kBundleLarge) transmit(now);
  }
  if (*count == 0 || socket.errors_waiting()) receive_errors(now);
  return *count >= kBatchDatagrams;
}

/// @return how many messages it held
std::size_t Server::State::receive_one(Timestamp now, const ReceivedDatagram& datagram,
                                       const Handler& handler) {
  Incoming incoming{.from = datagram.from,
                    .to = {datagram.reply_from, datagram.to.port},
                    .channel = 0,
                    .interface = datagram.interface,
                    .delivery = datagram.delivery,
                    .bytes = datagram.bytes,
                    .truncated = datagram.truncated,
                    .waited = datagram.waited};
  if (options.filter) {
    if (const auto reason = options.filter(incoming)) {
      ++filtered;
      dropped.add(*reason);
      if (options.tracer) trace(now, incoming, {.receipt = Receipt::dropped, .drop = *reason});
      return 0;
    }
  }
  std::size_t messages = 0;
  do {
    ++messages;
    const ReceiptResult result = responder.handle_datagram(now, incoming);
    if (options.tracer) trace(now, incoming, result);
    if (const auto request = responder.poll_request()) handle(now, *request, handler);
    incoming.bytes = result.rest;
    incoming.continued = true;
  } while (!incoming.bytes.empty());
  return messages;
}

void Server::State::handle(Timestamp now, const IncomingRequest& incoming, const Handler& handler) {
  writer.begin(incoming.job, responder.reply_bytes_max(incoming.job));
  ReplyWriter reply{writer};
  try {
    handler({.from = incoming.from,
             .to = incoming.to,
             .payload = incoming.payload,
             .identified = incoming.codec->traits().id_bits > 0,
             .attempt = incoming.attempt,
             .time_left = incoming.time_left,
             .delivery = incoming.delivery},
            reply);
  } catch (...) {  // not to be told "working" until its deadline, nor to be run again
    responder.refuse(now, incoming.job, kHandlerFailed);
    transmit(now);
    publish(true);
    throw;
  }
  if (writer.deferred) return;
  Completion completion{.job = incoming.job,
                        .kind = writer.kind,
                        .payload = std::move(writer.payload),
                        .reason = writer.reason,
                        .retry_after = writer.retry_after};
  complete(now, completion,
           writer.hold_back > Duration::zero() ? later(now, writer.hold_back) : Timestamp::min());
  writer.payload = std::move(completion.payload);
}

void Server::State::complete(Timestamp now, const Completion& completion, Timestamp not_before) {
  switch (completion.kind) {
    case Completion::Kind::reply:
      // Too large can only be a deferred reply: a handler's own is refused where it is written.
      if (!responder.reply(now, completion.job, completion.payload, not_before)) {
        responder.refuse(now, completion.job, kReplyTooLarge);
      }
      break;
    case Completion::Kind::refuse: responder.refuse(now, completion.job, completion.reason); break;
    case Completion::Kind::busy: responder.postpone(now, completion.job, completion.retry_after); break;
    case Completion::Kind::ignore: responder.ignore(now, completion.job); break;
  }
}

void Server::State::transmit(Timestamp now) {
  const UdpSocket* blocked = nullptr;
  do {
    while (outbox.has_room()) {
      const auto transmit = responder.poll_transmit(now, outbox.room());
      if (!transmit) break;
      // A broadcast is answered from the address that this host has on that network.
      outbox.add(now, {.to = transmit->to, .from = transmit->from.address, .interface = transmit->interface},
                 *transmit);
    }
    if (outbox.empty()) break;
    const auto socket_of = [this](const ResponseTransmit&) { return &socket; };
    const auto on_failed = [&](Bytes message, const ResponseTransmit& note, const Error& error) {
      dropped.add(DropReason::send_failed);
      if (options.tracer) trace_departure(now, message, note, error.system_errno);
    };
    if (options.tracer) {
      const auto on_sent = [&](Bytes message, const ResponseTransmit& note) {
        trace_departure(now, message, note, 0);
      };
      blocked = outbox.flush(socket_of, on_sent, on_failed);
    } else {
      blocked = outbox.flush(socket_of, nullptr, on_failed);
    }
  } while (blocked == nullptr);
  if ((blocked != nullptr) != waits_for_room) {
    waits_for_room = blocked != nullptr;
    poller.want_only_write(socket.native_handle(), kSocketToken, waits_for_room);
  }
}

/// @param system_errno  why it could not be sent; 0: it has left
void Server::State::trace_departure(Timestamp now, Bytes message, const ResponseTransmit& note,
                                    int system_errno) const {
  TraceEvent event{.kind = TraceEvent::Kind::sent,
                   .when = now,
                   .local = note.from,
                   .peer = note.to,
                   .bytes = message.size(),
                   .reply_kind = note.kind,
                   .repeat = note.repeat,
                   .datagram = message};
  if (system_errno != 0) {
    event.kind = TraceEvent::Kind::dropped;
    event.drop = DropReason::send_failed;
    event.system_errno = system_errno;
  }
  options.tracer(event);
}

void Server::State::trace(Timestamp now, const Incoming& incoming, const ReceiptResult& result) const {
  const Bytes message = incoming.bytes.first(incoming.bytes.size() - result.rest.size());
  TraceEvent event{.kind = TraceEvent::Kind::received,
                   .when = now,
                   .local = incoming.to,
                   .peer = incoming.from,
                   .bytes = message.size(),
                   .datagram = message};
  event.repeat = result.receipt == Receipt::repeat_working || result.receipt == Receipt::repeat_answered;
  if (result.receipt == Receipt::dropped) {
    event.kind = TraceEvent::Kind::dropped;
    event.drop = result.drop;
  }
  options.tracer(event);
}

void Server::State::receive_errors(Timestamp now) {
  // An asker that has gone is not this server's failure: the news is taken out of the queue, and shown.
  for (const SocketError& error : socket.receive_errors()) {
    if (!options.tracer) continue;
    options.tracer({.kind = TraceEvent::Kind::icmp,
                    .when = now,
                    .local = local,
                    .peer = error.destination,
                    .bytes = error.quote.size(),
                    .system_errno = error.system_errno,
                    .datagram = error.quote});
  }
}

void Server::State::publish(bool with_kernel_drops) {
  const std::scoped_lock lock{mutex};
  published.responder = responder.stats();
  published.responder.received += filtered;
  published.responder.dropped += dropped;
  if (with_kernel_drops) published.kernel_drops = socket.kernel_drops();
}

Result<Server> Server::bind(ServerOptions options) {
  const auto local = resolve_local(options.host, options.port);
  if (!local) return failure(local.error());
  auto socket = UdpSocket::bind(*local, {.interface = options.interface,
                                         .receive_buffer_bytes = options.receive_buffer_bytes,
                                         .coalesce = true});
  const bool every_address = options.host.empty() || options.host == "*";
  if (!socket && every_address && socket.error().code == ErrorCode::unsupported) {
    // A host without IPv6 still has "every address".
    socket = UdpSocket::bind({Address::any_v4(), local->port},
                             {.interface = options.interface,
                              .receive_buffer_bytes = options.receive_buffer_bytes,
                              .coalesce = true});
  }
  if (!socket) return failure(std::move(socket.error()));
  if (!options.responder.born) options.responder.born = monotonic_now();  // nobody else has the address now
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(socket->native_handle(), kSocketToken); !added) return failure(added.error());
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added) return failure(added.error());
  return Server{
      std::make_unique<State>(std::move(options), std::move(*socket), std::move(*poller), std::move(*wake))};
}

Server::Server(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<void> Server::serve(const Handler& handler, const std::stop_token& stop) {
  return state_->serve(handler, stop);
}

Endpoint Server::local_address() const { return state_->local; }

ServerStats Server::stats() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->published;
}

}  // namespace holler
