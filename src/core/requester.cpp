#include "holler/requester.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/small_copy.hpp"
#include "core/requester_engine.hpp"

namespace holler {
namespace {

/// RFC 8085 §3.1.1: 1 s where nothing is known of the peer.
constexpr Duration kFirstWait = std::chrono::seconds{1};

/// Without a least wait, a `backoff_max` of 0 would send without a pause.
constexpr Duration kBackoffLeast = std::chrono::milliseconds{1};

/// Messages in a row to a peer that takes several in one datagram, before the others have their turn.
constexpr std::uint32_t kTurnMessages = 64;

}  // namespace

Requester::Engine::Engine(const Codec& codec, RandomSource& random, const RequesterOptions& options)
    : codec_{&codec},
      random_{&random},
      options_{options},
      traits_{codec.traits()},
      initial_wait_{traits_.schedule.first_wait > Duration::zero() ? traits_.schedule.first_wait
                                                                   : kFirstWait},
      id_mask_{traits_.id_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << traits_.id_bits) - 1},
      peers_{options.peers_max} {}

/// Formats made elsewhere may not take every payload; found out while the caller can be told.
bool Requester::Engine::encodable(Bytes payload) const {
  ByteVector trial(payload.size() + traits_.request_overhead_bytes);
  return codec_->encode_request({.number = 1, .done_below = 1}, payload, trial).has_value();
}

/// New requests of a peer leave at once, or wait a moment for company.
inline void Requester::Engine::queue_fresh(Timestamp now, std::uint32_t index) {
  Peer& peer = peers_[index];
  if (peer.queued && !peer.held) return;
  const bool waits = options_.bundle_delay > Duration::zero() && peer.bundles && !peer.queued &&
                     peer.fresh_bytes < kBundleBytesCareful;
  if (!waits) {
    let_go(index);
  } else if (!std::exchange(peer.held, true)) {
    held_.push_back({.until = later(now, options_.bundle_delay), .peer = index, .time = peer.held_times});
  }
}

StartResult Requester::Engine::start(Timestamp now, const Endpoint& to, Bytes payload,
                                     const RequestOptions& options) {
  if (to.port == 0 || to.address.is_wildcard()) return {StartStatus::bad_peer, {}};
  if (payload.size() > payload_bytes_max(to)) return {StartStatus::too_large, {}};
  if (!traits_.numbered && !encodable(payload)) return {StartStatus::not_encodable, {}};
  if (outstanding_ >= options_.outstanding_max) return {StartStatus::table_full, {}};
  std::uint32_t peer_index = peers_.find(to);
  if (peer_index == kNone) [[unlikely]]
    peer_index = peers_.find_or_add(to, random_->next());
  if (peer_index == kNone || peers_[peer_index].numbers.full()) return {StartStatus::table_full, {}};
  const std::uint64_t key = channel_key(options.channel, peer_index);
  if (!traits_.numbered && by_channel_and_peer_.contains(key)) return {StartStatus::channel_taken, {}};

  const std::uint32_t slot = take_slot();
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[peer_index];
  request.peer = peer_index;
  request.channel = options.channel;
  request.promiscuous = options.promiscuous;
  request.repeatable = options.repeatable;
  request.attempts_max = options.attempts_max != 0 ? options.attempts_max : traits_.schedule.attempts_max;
  request.first_wait = options.first_wait;
  request.backoff_max = std::max(options.backoff_max, kBackoffLeast);
  request.jitter = {options.jitter.part, std::max(options.jitter.whole, 1U)};
  request.started = now;
  request.deadline = later(now, options.deadline);
  request.number = peer.numbers.add(slot);
  request.id = random_->next();
  if (request.payload.size() != payload.size()) request.payload.resize(payload.size());
  small_copy(request.payload.data(), payload);

  if (!traits_.numbered) [[unlikely]] {
    by_channel_and_peer_.emplace(key, slot);
    by_channel_.insert_or_assign(options.channel, slot);
  }
  ++outstanding_;
  promiscuous_ += request.promiscuous ? 1 : 0;
  ++stats_.started;
  ever_started_ = true;
  if (peer.outstanding++ == 0) peers_.mark_busy(peer_index);
  timers_.set(slot, request.deadline);
  append(peer, slot, RequestState::fresh);
  queue_fresh(now, peer_index);
  return {StartStatus::started, {slot, request.generation}};
}

bool Requester::Engine::cancel(Timestamp now, RequestHandle request) {
  const std::uint32_t slot = slot_of(request);
  if (slot == kNone) return false;
  end(now, slot, Outcome::cancelled);
  return true;
}

void Requester::Engine::handle_timeout(Timestamp now) {
  while (const auto slot = timers_.pop_due(now)) expire(now, *slot);
}

void Requester::Engine::expire(Timestamp now, std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  const bool exhausted = is_last_copy(request);
  if (now >= request.deadline) {
    end(now, slot, silent_outcome(request));
    return;
  }
  if (request.state == RequestState::in_flight) {
    if (now < request.due) {
      free_place(now, slot);
      return;
    }
    if (wait_longer(now, slot) || (!exhausted && hold_back(now, slot))) return;
    give_up(now, slot);
    if (exhausted) {
      end(now, slot, silent_outcome(request));
      return;
    }
  }
  timers_.set(slot, request.deadline);
  // A server that has said "working" will answer by itself: without attempts left, wait for that.
  if (!exhausted) push_repeat(slot);
}

Outcome Requester::Engine::silent_outcome(const RequestSlot& request) noexcept {
  if (request.heard_busy) return Outcome::busy;
  return request.forbidden && !request.heard ? Outcome::forbidden : Outcome::no_answer;
}

/// What travels together is given up, and asked again, together.
/// @return how long it waits for its answer
inline Duration Requester::Engine::enter_datagram(Timestamp now, const RequestSlot& request, Sharing sharing,
                                                  std::size_t bytes) {
  const Backoff backoff = request.backoff();
  if (!request.leads) {
    open_.bytes += bytes;
    if (sharing == Sharing::alone) [[unlikely]]
      open_.peer = kNone;
    if (request.doublings == open_.doublings && backoff == open_.backoff) [[likely]]
      return open_.wait;
    open_.backoff = backoff;
    open_.doublings = request.doublings;
    return open_.wait = backoff.interval(request.doublings, *random_);
  }
  const bool opens = options_.bundles && sharing != Sharing::alone;
  open_ = {.peer = opens ? request.peer : kNone,
           .channel = request.channel,
           .bytes = bytes,
           .when = now,
           .backoff = backoff,
           .doublings = request.doublings,
           .wait = backoff.interval(request.doublings, *random_)};
  return open_.wait;
}

/// Writes one transmission of a request that stands in no list.
/// @param joins  the datagram of the message before it
inline void Requester::Engine::transmit(Timestamp now, Peer& peer, std::uint32_t slot, bool joins,
                                        MutableBytes buffer, Transmit& out) {
  RequestSlot& request = slots_[slot];
  if (++request.attempts == 1) {
    request.exposed = now;
    request.doubtful = peer.life == 0;
    request.life = peer.life;
    request.first_wait = first_wait(request, peer);
  } else {
    // A life that began later must be told of the copies before, and not be given one that looks new.
    if (request.life == 0 && lived_through(request)) request.life = peer.life;
    ++stats_.retransmitted;
  }
  if (request.id_spent) [[unlikely]]
    renew_id(request);
  const Duration time_left = request.deadline == kNever ? kForever : request.deadline - now;
  const RequestStamp stamp{.conversation = peer.conversation,
                           .number = request.number,
                           .done_below = peer.numbers.done_below(),
                           .id = request.id,
                           .attempt = static_cast<std::uint8_t>(std::min(request.attempts, 255U)),
                           .time_left = time_left,
                           .life = request.life,
                           .bundles = options_.bundles,
                           .cookie = peer.cookie_view()};
  const auto bytes = with_codec(
      *codec_, [&](const auto& codec) { return codec.encode_request(stamp, request.payload, buffer); });
  HOLLER_CHECK(bytes.has_value());  // its size was checked when it was started

  const Sharing sharing = sharing_of_attempt(peer.bundles, request.attempts);
  request.leads = !joins;
  request.holds_place = !joins;
  peer.in_flight += joins ? 0U : 1U;
  const Duration wait = enter_datagram(now, request, sharing, *bytes);
  request.sent_at(request.attempts) = now;
  request.state = RequestState::in_flight;
  request.due = std::min(later(now, wait), request.deadline);
  timers_.set(slot, request.due);
  if (request.doublings > 0) [[unlikely]]
    free_place(now, slot);
  ++stats_.transmitted;
  out.request = {slot, request.generation};
  out.to = peer.endpoint;
  out.channel = request.channel;
  out.bytes = *bytes;
  out.sharing = sharing;
  out.attempt = request.attempts;
  out.wait = std::min(wait, time_left);
}

void Requester::Engine::renew_id(RequestSlot& request) {
  request.id = random_->next();
  request.guesses = 0;
  request.id_spent = false;
}

/// @return whether there was something; only then is `out` written
bool Requester::Engine::poll_transmit(Timestamp now, MutableBytes buffer, Transmit& out) {
  if (!held_.empty()) release_held(now);
  while (!sending_.empty()) {
    const std::uint32_t index = sending_.front();
    Peer& peer = peers_[index];
    // By turns: a few that are never answered must not keep a small window from all others, and many that
    // are new must not keep it from those that have waited.
    const bool fresh = peer.repeats.head == kNone || (peer.fresh_next && peer.fresh.head != kNone);
    const std::uint32_t slot = fresh ? peer.fresh.head : peer.repeats.head;
    const bool joins = slot != kNone && joins_datagram(now, slots_[slot]);
    if (slot == kNone || !(joins || may_send(peer))) {
      peer.queued = false;  // whatever makes it ready, or opens its window, queues it again
      sending_.pop_front();
      turn_ = 0;
      continue;
    }
    if (slots_[slot].deadline <= now)
        [[unlikely]] {  // nobody waits for it: its timer, which is late, ends it
      leave(slot);
      continue;
    }
    unlink(peer, slots_[slot]);
    peer.fresh_next = !fresh;
    if (!peer.bundles || ++turn_ >= kTurnMessages) {  // the next peer's turn
      turn_ = 0;
      sending_.pop_front();
      sending_.push_back(index);
    }
    transmit(now, peer, slot, joins, buffer, out);
    return true;
  }
  open_.peer = kNone;
  return false;
}

std::uint32_t Requester::Engine::take_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  RequestCourse& course = slots_[slot];
  course = {.generation = course.generation};
  return slot;
}

std::uint32_t Requester::Engine::slot_of(RequestHandle request) const noexcept {
  if (request.slot >= slots_.size()) return kNone;
  const RequestSlot& slot = slots_[request.slot];
  if (slot.state == RequestState::free || slot.generation != request.generation) return kNone;
  return request.slot;
}

/// Its time to ask again has come.
void Requester::Engine::push_repeat(std::uint32_t slot) {
  const std::uint32_t index = slots_[slot].peer;
  append(peers_[index], slot, RequestState::repeat);
  queue_peer(index);
}

/// What this peer's requests have waited for is there, or its time is over.
void Requester::Engine::let_go(std::uint32_t index) {
  Peer& peer = peers_[index];
  if (std::exchange(peer.held, false)) ++peer.held_times;
  queue_peer(index);
}

void Requester::Engine::release_held(Timestamp now) {
  while (!held_.empty() && held_.front().until <= now) {
    const Held due = held_.pop_front();
    if (peers_[due.peer].held && peers_[due.peer].held_times == due.time) let_go(due.peer);
  }
}

/// A peer whose window has opened, or that something is to be sent to.
void Requester::Engine::queue_peer(std::uint32_t index) {
  Peer& peer = peers_[index];
  const bool waits = peer.held && peer.repeats.head == kNone;  // for company, which repeats are
  if (peer.queued || waits || !peer.has_ready()) return;
  peer.queued = true;
  sending_.push_back(index);
}

RequestEvent& Requester::Engine::end(Timestamp now, std::uint32_t slot, Outcome outcome) {
  if (!traits_.numbered) forget_channel(slot);
  RequestSlot& request = slots_[slot];
  return finish(now, slot, request, peers_[request.peer], outcome);
}

/// It is no longer the one request of its channel.
void Requester::Engine::forget_channel(std::uint32_t slot) {
  const RequestSlot& request = slots_[slot];
  by_channel_and_peer_.erase(channel_key(request.channel, request.peer));
  const auto any = by_channel_.find(request.channel);
  if (any != by_channel_.end() && any->second == slot) by_channel_.erase(any);
}

const RequestEvent* Requester::Engine::next_event() {
  const RequestEvent* event = events_.take();
  // Not before: who keeps something for each slot must hear of the old request before there is a new one.
  if (event != nullptr) free_.push_back(event->request.slot);
  return event;
}

/// Those that have been taken make room before there are more places.
void EventLine::make_room() {
  if (taken_ == ended_ && !places_.empty()) {
    taken_ = ended_ = 0;
    return;
  }
  places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(taken_));
  ended_ -= std::exchange(taken_, 0);
  if (ended_ == places_.size()) places_.resize(std::max<std::size_t>(4, 2 * ended_));
}

std::size_t Requester::Engine::payload_bytes_max(const Endpoint& peer) const noexcept {
  const std::size_t datagram = std::min(options_.datagram_bytes_max, holler::payload_bytes_max(peer.address));
  return datagram - std::min(datagram, traits_.request_overhead_bytes);
}

std::optional<PeerMemory> Requester::Engine::recall(const Endpoint& peer) const {
  const std::uint32_t index = peers_.find(peer);
  if (index == kNone) return std::nullopt;
  const RttEstimator& rtt = peers_[index].rtt;
  return PeerMemory{.srtt = rtt.smoothed(), .rttvar = rtt.variation(), .life = peers_[index].life};
}

void Requester::Engine::remember(const Endpoint& peer, const PeerMemory& memory) {
  if (!memory.srtt && memory.life == 0) return;
  const std::uint32_t index = peers_.find_or_add(peer, random_->next());
  if (index == kNone) return;
  if (memory.srtt) peers_[index].rtt.seed(*memory.srtt, memory.rttvar);
  if (memory.life != 0) {
    peers_[index].life = memory.life;
    peers_[index].life_since = kNever;
  }
}

Requester::Requester(const Codec& codec, RandomSource& random, const RequesterOptions& options)
    : engine_{std::make_unique<Engine>(codec, random, options)} {}
Requester::Requester(Requester&&) noexcept = default;
Requester& Requester::operator=(Requester&&) noexcept = default;
Requester::~Requester() = default;

StartResult Requester::start(Timestamp now, const Endpoint& peer, Bytes payload,
                             const RequestOptions& options) {
  return engine_->start(now, peer, payload, options);
}
bool Requester::cancel(Timestamp now, RequestHandle request) { return engine_->cancel(now, request); }
Verdict Requester::handle_datagram(Timestamp now, const Arrival& arrival) {
  return engine_->handle_datagram(now, arrival);
}
std::optional<RequestHandle> Requester::handle_unreachable(Timestamp now, const Unreachability& news) {
  return engine_->handle_unreachable(now, news);
}
void Requester::handle_timeout(Timestamp now) { engine_->handle_timeout(now); }
Timestamp Requester::next_timeout() const { return engine_->next_timeout(); }
std::optional<Transmit> Requester::poll_transmit(Timestamp now, MutableBytes buffer) {
  Transmit transmit;
  return engine_->poll_transmit(now, buffer, transmit) ? std::optional{transmit} : std::nullopt;
}
bool Requester::poll_transmit(Timestamp now, MutableBytes buffer, Transmit& transmit) {
  return engine_->poll_transmit(now, buffer, transmit);
}
const RequestEvent* Requester::next_event() { return engine_->next_event(); }
std::optional<RequestEvent> Requester::poll_event() {
  const RequestEvent* event = engine_->next_event();
  return event == nullptr ? std::nullopt : std::optional{*event};
}
std::size_t Requester::payload_bytes_max(const Endpoint& peer) const noexcept {
  return engine_->payload_bytes_max(peer);
}
std::size_t Requester::outstanding() const noexcept { return engine_->outstanding(); }
RequesterOccupancy Requester::occupancy() const noexcept { return engine_->occupancy(); }
const RequesterStats& Requester::stats() const noexcept { return engine_->stats(); }
RequesterStats Requester::take_stats() noexcept { return engine_->take_stats(); }
std::optional<PeerMemory> Requester::recall(const Endpoint& peer) const { return engine_->recall(peer); }
void Requester::remember(const Endpoint& peer, const PeerMemory& memory) { engine_->remember(peer, memory); }

RequesterStats& RequesterStats::operator+=(const RequesterStats& other) noexcept {
  started += other.started;
  answered += other.answered;
  transmitted += other.transmitted;
  retransmitted += other.retransmitted;
  received += other.received;
  bundled += other.bundled;
  working += other.working;
  busy += other.busy;
  restarted += other.restarted;
  alarms += other.alarms;
  dropped += other.dropped;
  return *this;
}

std::string_view name_of(Outcome outcome) noexcept {
  constexpr std::array<std::string_view, 9> kNames{"answered",  "no_answer", "refused",   "declined", "busy",
                                                   "forbidden", "too_large", "cancelled", "unknown"};
  return kNames[static_cast<std::size_t>(outcome)];
}

}  // namespace holler
