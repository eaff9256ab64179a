#include "runtime/serving_loop.hpp"

#include <algorithm>
#include <utility>

#include "holler/codecs.hpp"

#include "wire/holler_format.hpp"

namespace holler {
namespace {

constexpr std::size_t kBatchDatagrams = 32;
constexpr std::uint64_t kSocketToken = 0;
constexpr std::uint64_t kWakeToken = 1;
/// Where one datagram comes at a time, every so many of them a second one is looked for in the same call.
constexpr std::uint32_t kSinglesInARow = 8;
/// A loop that looks before it sleeps looks so often before it reads the clock and sees to everything else
/// again. Each look takes half a microsecond.
constexpr int kLooksInARow = 4;
/// Messages that wait for their own loop; what comes beyond is lost, as in a full receive buffer.
constexpr std::size_t kStraysMax = 4096;
/// For so long a server that is told to stop waits for room to send what it has ready.
constexpr Duration kLastSendMax = std::chrono::seconds{1};

std::initializer_list<const Codec*> codecs_for(bool answer_plain) {
  static const std::initializer_list<const Codec*> kBoth{&holler_codec(), &plain_codec()};
  static const std::initializer_list<const Codec*> kHoller{&holler_codec()};
  return answer_plain ? kBoth : kHoller;
}

ResponderOptions with_bundles(ResponderOptions options) {
  options.bundles = true;  // `take_in` hands in all that a datagram holds
  return options;
}

}  // namespace

// By the lower half of a request's conversation, which is random.
const Steering ServingLoop::kSteering{.prefix = std::uint32_t{format_v1::kMagic} << 16U |
                                                std::uint32_t{format_v1::kVersion} << 8U |
                                                static_cast<std::uint32_t>(format_v1::Type::request),
                                      .key_at = format_v1::kConversationAt + 4};

Result<std::unique_ptr<ServingLoop>> ServingLoop::create(const ServerOptions& options,
                                                         const ResponderOptions& share, UdpSocket socket) {
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(socket.native_handle(), kSocketToken); !added) return failure(added.error());
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added) return failure(added.error());
  return std::unique_ptr<ServingLoop>{new ServingLoop{options, share, std::move(socket), std::move(*poller),
                                                      std::make_shared<Completions>(std::move(*wake))}};
}

ServingLoop::ServingLoop(const ServerOptions& options, const ResponderOptions& share, UdpSocket socket,
                         Poller poller, std::shared_ptr<Completions> completions)
    : options_{options},
      socket_{std::move(socket)},
      local_{socket_.local_address()},
      poller_{std::move(poller)},
      responder_{codecs_for(options.answer_plain), random_, with_bundles(share)},
      batch_{kBatchDatagrams},
      lookout_{options.spin, salt_of(this)} {
  writer_.completions = std::move(completions);
}

void ServingLoop::join(std::span<const std::unique_ptr<ServingLoop>> loops, std::size_t place) noexcept {
  loops_ = loops;
  place_ = place;
}

Result<void> ServingLoop::serve(const Server::Handler& handler, const std::stop_token& stop) {
  const WakeEvent& wake = writer_.completions->wake();
  const std::stop_callback on_stop{stop, [&wake] { wake.notify(); }};
  bool more = true;
  while (!stop.stop_requested()) {
    if (!more) {
      if (auto slept = sleep(); !slept) return slept;
    }
    const auto busy = turn(handler);
    if (!busy) return failure(busy.error());
    const bool stays_awake = lookout_.again(busy->when, busy->found);
    more = busy->more || (stays_awake && !waits_for_room_);
  }
  send_the_rest();
  publish();
  return {};
}

Result<ServingLoop::Turn> ServingLoop::turn(const Server::Handler& handler) {
  Timestamp now = monotonic_now();
  const bool strays = has_strays_.load(std::memory_order_relaxed);
  if (strays) take_strays(now, handler);
  const std::size_t room = room_;
  const auto count = receive(now, handler);
  if (!count) return failure(count.error());
  if (strays || *count > 0 || !outbox_.empty() || writer_.completions->waiting() ||
      responder_.next_timeout() <= now) {  // or else a spinning loop would look less often
    answer(now);
    publish();
  }
  // Where one comes at a time, a look for a second is nearly always in vain.
  return Turn{.when = now, .found = *count > 0, .more = *count > 1 && *count >= room};
}

/// Waits for a datagram, another thread, or a timer.
Result<void> ServingLoop::sleep() {
  const Timestamp now = monotonic_now();
  const Timestamp next = responder_.next_timeout();
  const auto ready = poller_.wait(next == kNever ? kForever : next - now);
  if (!ready) return failure(ready.error());
  for (const std::uint64_t token : *ready) {
    if (token == kWakeToken) writer_.completions->wake().drain();
    woken_ = woken_ || token == kSocketToken;
  }
  return {};
}

/// Takes over what handlers have finished, and sends what is due.
void ServingLoop::answer(Timestamp now) {
  if (writer_.completions->waiting()) {
    for (const auto& [job, decision, payload] : writer_.completions->take()) {
      complete(now, job, decision, payload);
    }
  }
  responder_.handle_timeout(now);
  transmit(now);
}

/// What has been taken on and answered is not to be lost because the kernel has no room at this moment.
void ServingLoop::send_the_rest() {
  const Timestamp until = later(monotonic_now(), kLastSendMax);
  for (;;) {
    const Timestamp now = monotonic_now();
    answer(now);
    if (!waits_for_room_ || now >= until) return;
    if (!poller_.wait(until - now)) return;
    writer_.completions->wake().drain();
  }
}

/// Fills the batch; where the loop looks before it sleeps, as soon as something comes or after some looks.
Result<std::size_t> ServingLoop::look() {
  auto count = socket_.receive(batch_, room_);
  if (!lookout_.looks()) return count;
  for (int looks = 1; looks < kLooksInARow && count && *count == 0; ++looks) {
    count = socket_.receive(batch_, room_);
  }
  return count;
}

/// @param now  becomes the time when what was there has been taken out
/// @return how many datagrams
Result<std::size_t> ServingLoop::receive(Timestamp& now, const Server::Handler& handler) {
  const bool woken = std::exchange(woken_, false);
  if (waits_for_room_) {  // the kernel takes no more replies: let requests wait in its buffer
    if (woken) receive_errors(now);
    return 0;
  }
  const auto count = look();
  if (!count) return count;
  if (*count > 0) now = batch_.read_at();
  if (*count < room_) {
    room_ = std::max<std::size_t>(*count, 1);
  } else if (room_ > 1 || ++singles_ % kSinglesInARow == 0) {  // a look in vain would delay the answer
    room_ = std::min(2 * room_, kBatchDatagrams);
  }
  for (const ReceivedDatagram& datagram : batch_.datagrams()) {
    if (receive_one(now, datagram, handler) >= kBundleLarge) transmit(now);
  }
  if ((woken && *count == 0) || socket_.errors_waiting()) receive_errors(now);
  return count;
}

/// @return how many messages it held
std::size_t ServingLoop::receive_one(Timestamp now, const ReceivedDatagram& datagram,
                                     const Server::Handler& handler) {
  Incoming incoming{.from = datagram.from,
                    .to = {datagram.reply_from, datagram.to.port},
                    .channel = 0,
                    .interface = datagram.interface,
                    .delivery = datagram.delivery,
                    .bytes = datagram.bytes,
                    .truncated = datagram.truncated,
                    .waited = datagram.waited};
  if (options_.filter) {
    if (const auto reason = options_.filter(incoming)) {
      ++filtered_;
      dropped_.add(*reason);
      if (options_.tracer) trace(now, incoming, {.receipt = Receipt::dropped, .drop = *reason});
      return 0;
    }
  }
  // An answer to what came to this host alone takes the way that the routes say, which may be another one.
  // What came to many is answered on the network that they are on.
  if (datagram.delivery == Delivery::unicast) incoming.interface = 0;
  return take_in(now, incoming, handler);
}

inline void ServingLoop::handle(Timestamp now, const IncomingRequest& incoming, Visit& visit,
                                const Server::Handler& handler) {
  writer_.begin(incoming.job, incoming.reply_bytes_max);
  Request& request = visit.request;
  request.payload = incoming.payload;
  request.identified = incoming.identified;
  request.attempt = incoming.attempt;
  request.time_left = incoming.time_left;
  ReplyWriter reply{writer_};
  try {
    handler(request, reply);
  } catch (...) {  // not to be told "working" until its deadline, nor to be run again
    handle_thrown(now);
    throw;
  }
  if (!writer_.usual || !outbox_.has_room()) [[unlikely]] {
    visit.likewise = false;
    return handle_unusual(now);
  }
  const PromptReply written = responder_.reply_at_once(now, writer_.job, writer_.payload(), outbox_.room());
  if (written.state != PromptReply::State::written) [[unlikely]]
    return;
  if (visit.likewise) [[likely]] {
    outbox_.add_likewise(now, visit.back, written);
  } else {
    outbox_.add(now, visit.back, written);
    visit.likewise = true;
  }
}

/// All messages of a datagram, up to the first that another loop has to see.
std::size_t ServingLoop::take_in(Timestamp now, Incoming incoming, const Server::Handler& handler) {
  // A broadcast is answered from the address that this host has on that network.
  Visit visit{
      .back = {.to = incoming.from, .from = incoming.to.address, .interface = incoming.interface},
      .request = {.from = incoming.from, .to = incoming.to, .payload = {}, .delivery = incoming.delivery}};
  for (std::size_t messages = 0;; incoming.continued = true) {
    if (ServingLoop* owner = owner_of(incoming.bytes)) {
      owner->hand_in(incoming);
      return messages;
    }
    const ReceiptResult result =
        messages++ == 0 ? responder_.handle_datagram(now, incoming) : responder_.handle_rest(now);
    if (options_.tracer) trace(now, incoming, result);
    if (const IncomingRequest* taken = responder_.take_request()) [[likely]] {
      handle(now, *taken, visit, handler);
    } else if (result.receipt != Receipt::dropped) {
      visit.likewise = false;
      write_queued(now);  // so that what comes next need not stand in a queue behind it
    }
    if (result.rest.empty()) return messages;
    incoming.bytes = result.rest;
  }
}

/// The other loop that answers this conversation, if it is another one. The kernel's filter goes by the first
/// message of a datagram, and by the first datagram of what it has joined; where sockets are just being
/// bound, by neither. A request at the wrong loop might be run twice.
ServingLoop* ServingLoop::owner_of(Bytes message) const noexcept {
  if (loops_.size() <= 1) return nullptr;
  const auto place = kSteering.socket_of(message, loops_.size());
  return place && *place != place_ ? loops_[*place].get() : nullptr;
}

/// By another loop's thread.
void ServingLoop::hand_in(const Incoming& incoming) {
  {
    const std::scoped_lock lock{strays_mutex_};
    if (strays_.size() >= kStraysMax) {
      ++strays_lost_;
      return;
    }
    strays_.push_back({.incoming = incoming, .bytes = copy_of(incoming.bytes)});
    has_strays_.store(true, std::memory_order_relaxed);
  }
  writer_.completions->wake().notify();
}

void ServingLoop::take_strays(Timestamp now, const Server::Handler& handler) {
  std::vector<Stray> strays;
  {
    const std::scoped_lock lock{strays_mutex_};
    strays.swap(strays_);
    dropped_.add(DropReason::over_limit, std::exchange(strays_lost_, 0));
    has_strays_.store(false, std::memory_order_relaxed);
  }
  for (Stray& stray : strays) {
    stray.incoming.bytes = stray.bytes;
    take_in(now, stray.incoming, handler);
  }
}

/// The handler wants something else than that its reply leaves now, or there is no room for it.
void ServingLoop::handle_unusual(Timestamp now) {
  if (writer_.deferred) return;
  const bool held = writer_.hold_back > Duration::zero();
  complete(now, writer_.job, writer_.decision, writer_.payload(),
           held ? later(now, writer_.hold_back) : Timestamp::min());
  write_queued(now);
}

void ServingLoop::handle_thrown(Timestamp now) {
  responder_.refuse(now, writer_.job, kHandlerFailed);
  transmit(now);
  publish();
}

void ServingLoop::complete(Timestamp now, JobHandle job, const Decision& decision, Bytes payload,
                           Timestamp not_before) {
  switch (decision.kind) {
    case Decision::Kind::reply:
      // Too large can only be a deferred reply: a handler's own is refused where it is written.
      if (!responder_.reply(now, job, payload, not_before)) responder_.refuse(now, job, kReplyTooLarge);
      break;
    case Decision::Kind::refuse: responder_.refuse(now, job, decision.reason); break;
    case Decision::Kind::busy: responder_.postpone(now, job, decision.retry_after); break;
    case Decision::Kind::ignore: responder_.ignore(now, job); break;
  }
}

/// As much as there is room for of what waits to leave.
void ServingLoop::write_queued(Timestamp now) {
  while (outbox_.has_room()) {
    const auto transmit = responder_.poll_transmit(now, outbox_.room());
    if (!transmit) return;
    outbox_.add(now, {.to = transmit->to, .from = transmit->from.address, .interface = transmit->interface},
                {.state = PromptReply::State::written,
                 .kind = transmit->kind,
                 .repeat = transmit->repeat,
                 .sharing = transmit->sharing,
                 .bytes = static_cast<std::uint32_t>(transmit->bytes)});
  }
}

void ServingLoop::transmit(Timestamp now) {
  const UdpSocket* blocked = nullptr;
  bool more = true;
  while (more && blocked == nullptr) {
    write_queued(now);
    if (outbox_.empty()) break;
    more = !outbox_.has_room();
    const auto socket_of = [this](const PromptReply&) { return &socket_; };
    const auto on_failed = [&](Bytes message, const PromptReply& note, const OutgoingDatagram& datagram,
                               const Error& error) {
      dropped_.add(DropReason::send_failed);
      if (options_.tracer) trace_departure(now, message, note, datagram, error.system_errno);
    };
    if (options_.tracer) {
      const auto on_sent = [&](Bytes message, const PromptReply& note, const OutgoingDatagram& datagram) {
        trace_departure(now, message, note, datagram, 0);
      };
      blocked = outbox_.flush(socket_of, on_sent, on_failed);
    } else {
      blocked = outbox_.flush(socket_of, nullptr, on_failed);
    }
  }
  if ((blocked != nullptr) != waits_for_room_) {
    waits_for_room_ = blocked != nullptr;
    poller_.want_only_write(socket_.native_handle(), kSocketToken, waits_for_room_);
  }
}

/// @param system_errno  why it could not be sent; 0: it has left
void ServingLoop::trace_departure(Timestamp now, Bytes message, const PromptReply& note,
                                  const OutgoingDatagram& datagram, int system_errno) const {
  TraceEvent event{.kind = TraceEvent::Kind::sent,
                   .when = now,
                   .local = {datagram.from.value_or(local_.address), local_.port},
                   .peer = datagram.to,
                   .bytes = message.size(),
                   .reply_kind = note.kind,
                   .repeat = note.repeat,
                   .datagram = message};
  if (system_errno != 0) {
    event.kind = TraceEvent::Kind::dropped;
    event.drop = DropReason::send_failed;
    event.system_errno = system_errno;
  }
  options_.tracer(event);
}

void ServingLoop::trace(Timestamp now, const Incoming& incoming, const ReceiptResult& result) const {
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
  options_.tracer(event);
}

void ServingLoop::receive_errors(Timestamp now) {
  // An asker that has gone is not this server's failure: the news is taken out of the queue, and shown.
  for (const SocketError& error : socket_.receive_errors()) {
    if (!options_.tracer) continue;
    options_.tracer({.kind = TraceEvent::Kind::icmp,
                     .when = now,
                     .local = local_,
                     .peer = error.destination,
                     .bytes = error.quote.size(),
                     .system_errno = error.system_errno,
                     .datagram = error.quote});
  }
}

void ServingLoop::publish() {
  const std::scoped_lock lock{stats_mutex_};
  published_.responder = responder_.stats();
  published_.responder.received += filtered_;
  published_.responder.dropped += dropped_;
}

ServerStats ServingLoop::stats() const {
  const std::scoped_lock lock{stats_mutex_};
  ServerStats stats = published_;
  stats.kernel_drops = socket_.kernel_drops();
  return stats;
}

}  // namespace holler
