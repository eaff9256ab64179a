#include <algorithm>
#include <utility>

#include "core/requester_engine.hpp"

namespace holler {
namespace {

/// The part of a reply's time in the server that counts toward the next wait: a server that works for
/// longer than this says "working", and is not asked in a hurry.
constexpr Duration kHoldCountedMax = std::chrono::seconds{1};

/// No hint of a server keeps an asker quiet for longer than this, and jitter.
constexpr Duration kRestMax = std::chrono::minutes{1};

/// After "busy", silence is waited out for as long as the server asks for, up to this, before the waits
/// double again: what the path's round-trip time says counts no more.
constexpr Duration kBusyWait = std::chrono::seconds{1};

/// Repeats at once that a peer can cause for one request, by "verify", "restarted" or a smaller path MTU.
constexpr std::uint8_t kRepeatsGrantedMax = 3;

/// Two clocks drift apart by less than this part of the time that they measure: NTP corrects by 1/2000 at
/// most (ntp_adjtime(2)), and what needs more is no clock.
constexpr int kClockDriftWhole = 500;

constexpr bool is_mismatch(DropReason reason) {
  return reason == DropReason::wrong_source || reason == DropReason::wrong_id ||
         reason == DropReason::wrong_question;
}

}  // namespace

/// What is no answer, unless somebody wants to believe anything.
/// @param rest  what follows it in the datagram
Verdict Requester::Engine::believe_or_drop(Timestamp now, const Arrival& arrival, DropReason reason,
                                           std::uint32_t slot, Bytes rest) {
  const std::uint32_t believer = promiscuous_ > 0 ? promiscuous_slot(arrival.channel) : kNone;
  if (believer == kNone) return drop(reason, slot, rest);
  const Verdict verdict{.used = ReplyKind::reply, .request = handle_of(believer), .rest = {}};
  // What anybody may have said tells nothing of the peer and of the path to it.
  slots_[believer].heard = true;
  ++stats_.answered;
  RequestEvent& event = end(now, believer, Outcome::answered);
  event.from = arrival.from;
  event.payload = arrival.bytes;
  return verdict;
}

/// A last look at what only notes can say.
std::optional<DropReason> Requester::Engine::prepare_note(std::uint32_t slot, const ReplyView& view) {
  if (view.kind == ReplyKind::restarted && view.life == slots_[slot].life) {
    return DropReason::late;  // about a copy from before this life was known
  }
  if (view.kind == ReplyKind::verify) {
    // Also where it is not asked again at once: with an old cookie it would never be answered.
    keep_cookie(slots_[slot].peer, view.cookie);
    if (!grant_repeat(slot)) return DropReason::over_limit;
  }
  return std::nullopt;
}

/// Whose reply it is that bears a number.
/// @return kNone, and the reason in `fault`
inline std::uint32_t Requester::Engine::match_number(const Arrival& arrival, std::uint64_t number,
                                                     DropReason& fault) const {
  const std::uint32_t index = peers_.find(arrival.from);
  if (index == kNone) [[unlikely]] {
    fault = outstanding_ == 0 ? DropReason::no_request : DropReason::wrong_source;
    return kNone;
  }
  const NumberRing& numbers = peers_[index].numbers;
  const std::uint32_t slot = numbers.find(number).value_or(kNone);
  if (slot == kNone) [[unlikely]] {
    fault = number < numbers.next() ? DropReason::late : DropReason::wrong_id;
  } else {
    prefetch(slot);
  }
  return slot;
}

/// @return whether a reply with this ID is its request's, or else the reason in `fault`
inline bool Requester::Engine::matches(const RequestSlot& request, const Arrival& arrival, std::uint64_t id,
                                       DropReason& fault) const {
  if (request.channel != arrival.channel) [[unlikely]] {
    fault = DropReason::wrong_source;
    return false;
  }
  if (((id ^ request.id) & id_mask_) != 0 || request.id_spent) [[unlikely]] {
    fault = DropReason::wrong_id;
    return false;
  }
  if (request.attempts == 0) [[unlikely]] {
    fault = DropReason::no_request;  // the right ID of what was never sent: our own memory has leaked
    return false;
  }
  return true;
}

/// Whose reply it is that bears no number: at most one may be outstanding at this peer through this channel.
/// @return the request, also where the reply is not from its peer: then `foreign`; kNone for none
std::uint32_t Requester::Engine::match_channel(const Arrival& arrival, bool& foreign) const {
  const std::uint32_t index = peers_.find(arrival.from);
  if (index != kNone) {
    const auto known = by_channel_and_peer_.find(channel_key(arrival.channel, index));
    if (known != by_channel_and_peer_.end()) return known->second;
  }
  const auto other = by_channel_.find(arrival.channel);
  foreign = other != by_channel_.end();
  return foreign ? other->second : kNone;
}

/// A message of any codec.
Verdict Requester::Engine::handle_by_codec(Timestamp now, const Arrival& arrival) {
  if (arrival.truncated) return believe_or_drop(now, arrival, DropReason::truncated, kNone, {});
  std::uint32_t slot = kNone;
  if (!traits_.numbered) {
    bool foreign = false;
    slot = match_channel(arrival, foreign);
    if (foreign) return believe_or_drop(now, arrival, DropReason::wrong_source, slot, {});
    if (slot == kNone) {
      const DropReason silent = ever_started_ ? DropReason::late : DropReason::no_request;
      return believe_or_drop(now, arrival, silent, slot, {});
    }
  }
  const ReplyView view = codec_->decode_reply(arrival.bytes);
  DropReason fault = view.drop;
  bool used = view.kind != ReplyKind::dropped;
  if (used && slot == kNone) {
    slot = match_number(arrival, view.number, fault);
    used = slot != kNone;
  }
  used = used && matches(slots_[slot], arrival, view.id, fault);
  if (used && view.kind == ReplyKind::reply) {
    const auto mismatch = codec_->mismatch(slots_[slot].payload, view);
    used = !mismatch;
    fault = mismatch.value_or(fault);
  }
  if (!used) return believe_or_drop(now, arrival, fault, slot, view.rest);
  if (view.kind != ReplyKind::reply) return use_note(now, slot, arrival.bytes);
  const Verdict verdict{.used = ReplyKind::reply, .request = handle_of(slot), .rest = view.rest};
  if (!traits_.numbered) forget_channel(slot);
  RequestEvent& event = use(now, slot, view, arrival.from);
  if (traits_.numbered) event.hold = view.hold;
  return verdict;
}

Verdict Requester::Engine::drop(DropReason reason, std::uint32_t slot, Bytes rest) {
  stats_.dropped.add(reason);
  Verdict verdict{.drop = reason, .rest = rest};
  const bool mismatch = is_mismatch(reason);
  if (slot != kNone) {
    verdict.request = handle_of(slot);
    if (mismatch && ++slots_[slot].mismatches == options_.mismatch_alarm) ++stats_.alarms;
    if (reason == DropReason::wrong_id) note_guess(slots_[slot]);
  } else if (mismatch && ++unattributed_ >= options_.mismatch_alarm) {
    unattributed_ = 0;
    ++stats_.alarms;
  }
  return verdict;
}

/// A short ID is given up before guesses run through it (RFC 5452 §9.3 would go on with TCP), where no number
/// ties the copies of a request together. The next repeat leaves when it would have left anyway, with a new
/// one: guessing makes us send nothing.
void Requester::Engine::note_guess(RequestSlot& request) noexcept {
  if (traits_.numbered || traits_.id_bits == 0 || traits_.id_bits >= 64) return;
  if (++request.guesses >= options_.mismatch_alarm) request.id_spent = true;
}

std::uint32_t Requester::Engine::promiscuous_slot(std::uint32_t channel) const noexcept {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const RequestSlot& request = slots_[slot];
    if (request.state != RequestState::free && request.promiscuous && request.channel == channel &&
        request.attempts > 0) {
      return slot;
    }
  }
  return kNone;
}

/// Takes what everything that a peer says of a request tells.
inline Requester::Engine::Heard Requester::Engine::hear(Timestamp now, RequestSlot& request, Peer& peer,
                                                        const ReplyView& view) {
  const auto network = learn(now, request, peer, view);
  peer.bundles = view.bundles;
  request.heard = true;
  return {.network = network, .maybe_repeated = learn_life(now, request, peer, view)};
}

/// Takes a reply: the request has ended.
inline RequestEvent& Requester::Engine::use(Timestamp now, std::uint32_t slot, const ReplyView& view,
                                            const Endpoint& from) {
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[request.peer];
  const auto [network, maybe_repeated] = hear(now, request, peer, view);
  ++stats_.answered;
  const std::uint32_t index = request.peer;
  RequestEvent& event = finish(now, slot, request, peer, Outcome::answered);
  if (peer.probe != kNone) [[unlikely]]
    settle(now, index);
  event.from = from;
  event.payload = view.payload;
  event.rtt = network;
  event.maybe_repeated = maybe_repeated;
  return event;
}

/// What is no reply, but says something of the request.
Verdict Requester::Engine::use_note(Timestamp now, std::uint32_t slot, Bytes message) {
  const ReplyView view = codec_->decode_reply(message);
  if (const auto fault = prepare_note(slot, view)) return drop(*fault, slot, view.rest);
  const Verdict verdict{.used = view.kind, .request = handle_of(slot), .rest = view.rest};
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[request.peer];
  const bool maybe_repeated = hear(now, request, peer, view).maybe_repeated;
  const std::uint32_t index = request.peer;
  if (view.kind == ReplyKind::refused) {
    RequestEvent& event = end(now, slot, Outcome::declined);
    event.reason = view.reason;
    event.maybe_repeated = maybe_repeated;
  } else {
    heed(now, slot, view);
  }
  if (peers_[index].probe != kNone) settle(now, index);
  return verdict;
}

/// A note after which the request goes on.
void Requester::Engine::heed(Timestamp now, std::uint32_t slot, const ReplyView& view) {
  switch (view.kind) {
    case ReplyKind::working:
      ++stats_.working;
      slots_[slot].heard_busy = false;
      rest(now, slot, view);
      break;
    case ReplyKind::busy:
      ++stats_.busy;
      slots_[slot].heard_busy = true;
      rest(now, slot, view);
      break;
    case ReplyKind::restarted:
      ++stats_.restarted;
      meet_other_life(now, slot, view);
      break;
    case ReplyKind::verify: break;  // `prepare_note` has kept the cookie and queued the request
    case ReplyKind::reply:
    case ReplyKind::refused:
    case ReplyKind::dropped: break;
  }
}

/// @return whether an earlier life of the server may have run the request as well
inline bool Requester::Engine::learn_life(Timestamp now, RequestSlot& request, Peer& peer,
                                          const ReplyView& view) {
  if (view.life == 0) return false;
  if (peer.life != view.life) [[unlikely]] {
    peer.life = view.life;
    peer.life_since = now;
  }
  // It was that old when it said so, which was not later than now. The quickest answer shows it best.
  peer.life_since = std::min(peer.life_since, now - (view.age - view.age / kClockDriftWhole));
  // It has seen this very request: from now on it is for this life alone.
  const bool may_have_it = view.kind != ReplyKind::restarted;
  if (request.life == 0 && may_have_it) request.life = view.life;
  return request.doubtful && peer.life_since > request.exposed;
}

/// Takes what an answer tells about the path: time, and that there is room.
/// @return the time in the network, where it is known which transmission was answered
inline std::optional<Duration> Requester::Engine::learn(Timestamp now, RequestSlot& request, Peer& peer,
                                                        const ReplyView& view) {
  // "Busy" says that the path has room and the server has not: no reason to send it more.
  if (request.state == RequestState::in_flight && request.holds_place && view.kind != ReplyKind::busy) {
    peer.window.on_answer(peer.in_flight);
  }
  peer.window.on_heard();
  peer.heard = now;
  // Karn's rule (RFC 6298 §3): a sample only where it is certain which transmission was answered.
  std::uint32_t answered = view.attempt;
  if (answered == 0 && request.attempts == 1) answered = 1;
  const bool certain = answered >= 1 && answered <= request.attempts && answered < 255 &&
                       request.attempts - answered < RequestSlot::kSendTimes;
  if (!certain) return std::nullopt;
  const Timestamp sent = request.sent_at(answered);
  peer.heard_sent = std::max(peer.heard_sent, sent);
  const Duration total = now - sent;
  Duration network = total - view.hold;
  if (view.hold < Duration::zero()) network = total;
  if (view.hold > total) network = Duration::zero();
  const Duration counted = total - network < kHoldCountedMax ? total : network + kHoldCountedMax;
  const bool known = peer.rtt.has_sample();
  if (answered <= request.timed_out && !request.heard) [[unlikely]] {
    peer.rtt.on_late_sample(counted);
    // Copies before the one that was answered may be lost.
    const std::uint32_t late = request.given_up >= answered ? request.given_up - answered + 1 : 0;
    peer.window.on_late_answer(request.episode, std::min<std::uint32_t>(request.losses, late));
  } else if (request.leads) {
    // One sample for each datagram: RFC 6298 §2.3 forgets by the number of samples, and those of one trip are
    // one (RFC 7323, appendix G).
    peer.rtt.on_sample(counted);
  }
  if (!known) [[unlikely]]
    shorten_waits(now, peer, request);
  return network;
}

Verdict Requester::Engine::handle_datagram(Timestamp now, const Arrival& arrival) {
  ++(arrival.continued ? stats_.bundled : stats_.received);
  if (codec_ != &HollerCodec::kOne || arrival.truncated) [[unlikely]]
    return handle_by_codec(now, arrival);
  // The same as there, for nearly all messages. Nothing here may ask for the view's address: it then stays in
  // registers, and what is rare decodes the message again.
  const ReplyView view = HollerCodec::kOne.decode_reply(arrival.bytes);
  DropReason fault = view.drop;
  std::uint32_t slot = kNone;
  if (view.kind != ReplyKind::dropped) [[likely]] {
    slot = match_number(arrival, view.number, fault);
    if (slot != kNone && matches(slots_[slot], arrival, view.id, fault)) [[likely]] {
      if (view.kind != ReplyKind::reply) [[unlikely]]
        return use_note(now, slot, arrival.bytes);
      const Verdict verdict{.used = ReplyKind::reply, .request = handle_of(slot), .rest = view.rest};
      use(now, slot, view, arrival.from).hold = view.hold;
      return verdict;
    }
  }
  return believe_or_drop(now, arrival, fault, slot, view.rest);
}

/// The server has the request, or has no time for it: leave it alone for as long as it asks.
void Requester::Engine::rest(Timestamp now, std::uint32_t slot, const ReplyView& view) {
  leave(slot);
  RequestSlot& request = slots_[slot];
  request.doublings = 0;
  // A server that has no time for it will be no quicker than it says: silence from now on means as much.
  if (view.kind == ReplyKind::busy) {
    request.first_wait =
        std::clamp(view.retry_after, request.first_wait, std::max(request.first_wait, kBusyWait));
  }
  const Duration least = std::min(std::max(view.retry_after, request.first_wait), kRestMax);
  const Duration spread = scaled(least / request.jitter.whole, request.jitter.part);
  const Duration wait = random_->between(least, least + std::min(spread, kRestMax));
  timers_.set(slot, std::min(later(now, wait), request.deadline));
}

void Requester::Engine::keep_cookie(std::uint32_t peer_index, Bytes cookie) {
  Peer& peer = peers_[peer_index];
  peer.cookie_bytes = static_cast<std::uint8_t>(std::min(cookie.size(), peer.cookie.size()));
  std::copy_n(cookie.begin(), peer.cookie_bytes, peer.cookie.begin());
}

/// Asks again at once, if the peer has not made us do that too often.
bool Requester::Engine::grant_repeat(std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  if (request.repeats_granted >= kRepeatsGrantedMax) return false;
  ++request.repeats_granted;
  if (request.attempts_max != 0) ++request.attempts_max;  // not an attempt that the caller counted on
  leave(slot);
  timers_.set(slot, request.deadline);
  push_repeat(slot);
  return true;
}

/// The server has not taken the request, because the life that its copies name is not the server's. If this
/// life was there before the first of them was sent, no copy can have been run, and the request is for this
/// life from now on: the copies under way will never be run by anyone.
void Requester::Engine::meet_other_life(Timestamp now, std::uint32_t slot, const ReplyView& view) {
  RequestSlot& request = slots_[slot];
  if (!lived_through(request)) {
    if (!request.repeatable) {
      end(now, slot, Outcome::unknown);
      return;
    }
    request.doubtful = true;
  }
  request.life = view.life;
  // Copies that name no life may still be run by any, and are not forgotten.
  if (!request.doubtful) request.exposed = now;
  grant_repeat(slot);  // or else with its time to ask again
}

/// @param rest  what is quoted; without its first message after the call
std::uint32_t Requester::Engine::slot_of_quote(const Unreachability& news, Bytes& rest) const {
  const Bytes quote = std::exchange(rest, {});
  const std::uint32_t peer = peers_.find(news.peer);
  if (peer == kNone) return kNone;
  if (!traits_.numbered) {
    const auto known = by_channel_and_peer_.find(channel_key(news.channel, peer));
    return known == by_channel_and_peer_.end() ? kNone : known->second;
  }
  // Of the last message there may be no more than the header.
  const RequestView quoted = codec_->decode_request(quote);
  if (!quoted.identified) return kNone;
  rest = quoted.rest;
  const auto slot = peers_[peer].numbers.find(quoted.number);
  const bool ours = slot && slots_[*slot].id == quoted.id && slots_[*slot].channel == news.channel;
  return ours ? *slot : kNone;
}

std::optional<RequestHandle> Requester::Engine::handle_unreachable(Timestamp now,
                                                                   const Unreachability& news) {
  // The datagram may have held several requests.
  std::optional<RequestHandle> first;
  bool shared = false;
  for (Bytes rest = news.quote;;) {
    const std::uint32_t slot = slot_of_quote(news, rest);
    if (slot != kNone) {
      if (!first) first = handle_of(slot);
      hear_unreachable(now, slot, news, shared || !rest.empty());
    }
    shared = true;
    if (rest.empty()) return first;
  }
}

/// @param shared  the datagram held others as well
void Requester::Engine::hear_unreachable(Timestamp now, std::uint32_t slot, const Unreachability& news,
                                         bool shared) {
  switch (news.kind) {
    case Unreachable::refused: end(now, slot, Outcome::refused); break;
    // RFC 8085 §5.2: these may pass, so the request goes on until its deadline.
    case Unreachable::soft: slots_[slot].soft_error = true; break;
    case Unreachable::forbidden: slots_[slot].forbidden = true; break;
    case Unreachable::too_large:
      if (shared) {  // all of them together were: the next copy shares with fewer
        grant_repeat(slot);
        break;
      }
      // The kernel has learned the path's size from a hop, and fragments the next copy.
      if (news.path_mtu_bytes == 0 || !grant_repeat(slot)) {
        end(now, slot, Outcome::too_large).path_mtu_bytes = news.path_mtu_bytes;
      }
      break;
  }
}

}  // namespace holler
