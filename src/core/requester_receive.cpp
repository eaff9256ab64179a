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

Verdict Requester::Engine::handle_datagram(Timestamp now, const Arrival& arrival) {
  ++(arrival.continued ? stats_.bundled : stats_.received);
  Match found = match(arrival);
  if (found.drop && promiscuous_ > 0) {
    const std::uint32_t slot = promiscuous_slot(arrival.channel);
    if (slot != kNone) {
      found = {.slot = slot,
               .drop = {},
               .view = {.kind = ReplyKind::reply, .payload = arrival.bytes},
               .believed = true};
    }
  }
  Verdict verdict = handle_message(now, arrival, found);
  verdict.rest = found.view.rest;
  return verdict;
}

Verdict Requester::Engine::handle_message(Timestamp now, const Arrival& arrival, const Match& found) {
  if (found.drop) return drop(*found.drop, found.slot);
  const RequestHandle request = handle_of(found.slot);
  if (found.view.kind == ReplyKind::restarted && found.view.life == slots_[found.slot].life) {
    return drop(DropReason::late, found.slot);  // about a copy from before this life was known
  }
  if (found.view.kind == ReplyKind::verify) {
    // Also where it is not asked again at once: with an old cookie it would never be answered.
    keep_cookie(slots_[found.slot].peer, found.view.cookie);
    if (!grant_repeat(found.slot)) return drop(DropReason::over_limit, found.slot);
  }
  use(now, found, arrival.from);
  return {.used = found.view.kind, .request = request};
}

Requester::Engine::Match Requester::Engine::match(const Arrival& arrival) const {
  if (arrival.truncated) return {.drop = DropReason::truncated};
  Match found = traits_.numbered ? match_numbered(arrival) : match_by_channel(arrival);
  if (found.drop) return found;
  const RequestSlot& request = slots_[found.slot];
  const std::uint64_t mask =
      traits_.id_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << traits_.id_bits) - 1;
  if (request.channel != arrival.channel) {
    found.drop = DropReason::wrong_source;
  } else if (((found.view.id ^ request.id) & mask) != 0 || request.id_spent) {
    found.drop = DropReason::wrong_id;
  } else if (request.attempts == 0) {
    found.drop = DropReason::no_request;  // the right ID of what was never sent: our own memory has leaked
  } else if (found.view.kind == ReplyKind::reply) {
    found.drop = codec_->mismatch(request.payload, found.view);
  }
  return found;
}

Requester::Engine::Match Requester::Engine::match_numbered(const Arrival& arrival) const {
  Match found{.view = codec_->decode_reply(arrival.bytes)};
  if (found.view.kind == ReplyKind::dropped) {
    found.drop = found.view.drop;
    return found;
  }
  const auto peer = peers_.find(arrival.from);
  if (!peer) {
    found.drop = outstanding_ == 0 ? DropReason::no_request : DropReason::wrong_source;
    return found;
  }
  const NumberRing& numbers = peers_[*peer].numbers;
  if (const auto slot = numbers.find(found.view.number)) {
    found.slot = *slot;
  } else {
    found.drop = found.view.number < numbers.next() ? DropReason::late : DropReason::wrong_id;
  }
  return found;
}

Requester::Engine::Match Requester::Engine::match_by_channel(const Arrival& arrival) const {
  Match found;
  if (const auto peer = peers_.find(arrival.from)) {
    const auto known = by_channel_and_peer_.find(channel_key(arrival.channel, *peer));
    if (known != by_channel_and_peer_.end()) found.slot = known->second;
  }
  if (found.slot == kNone) {
    const auto other = by_channel_.find(arrival.channel);
    if (other != by_channel_.end()) {
      found.slot = other->second;
      found.drop = DropReason::wrong_source;
    } else {
      found.drop = !ever_started_ ? DropReason::no_request : DropReason::late;
    }
    return found;
  }
  found.view = codec_->decode_reply(arrival.bytes);
  if (found.view.kind == ReplyKind::dropped) found.drop = found.view.drop;
  return found;
}

Verdict Requester::Engine::drop(DropReason reason, std::uint32_t slot) {
  stats_.dropped.add(reason);
  Verdict verdict{.drop = reason};
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

void Requester::Engine::use(Timestamp now, const Match& found, const Endpoint& from) {
  const std::uint32_t slot = found.slot;
  const ReplyView& view = found.view;
  RequestSlot& request = slots_[slot];
  const std::uint32_t index = request.peer;
  // What anybody may have said tells nothing of the peer and of the path to it.
  const auto network = found.believed ? std::nullopt : learn(now, request, view);
  request.heard = true;
  if (!found.believed) peers_[request.peer].bundles = view.bundles;
  if (view.life != 0) learn_life(now, slot, view);
  const bool maybe_repeated = view.life != 0 && request.doubtful && !lived_through(request);
  switch (view.kind) {
    case ReplyKind::reply: {
      RequestEvent& event = end(now, slot, Outcome::answered);
      event.from = from;
      event.payload = view.payload;
      event.rtt = network;
      event.maybe_repeated = maybe_repeated;
      if (traits_.numbered && !found.believed) event.hold = view.hold;
      break;
    }
    case ReplyKind::working:
      ++stats_.working;
      request.heard_busy = false;
      rest(now, slot, view);
      break;
    case ReplyKind::busy:
      ++stats_.busy;
      request.heard_busy = true;
      rest(now, slot, view);
      break;
    case ReplyKind::refused: {
      RequestEvent& event = end(now, slot, Outcome::declined);
      event.reason = view.reason;
      event.maybe_repeated = maybe_repeated;
      break;
    }
    case ReplyKind::verify: break;  // handle_datagram has kept the cookie and queued the request
    case ReplyKind::restarted:
      ++stats_.restarted;
      meet_other_life(now, slot, view);
      break;
    case ReplyKind::dropped: break;
  }
  if (peers_[index].probe != kNone && !found.believed) settle(now, index);
}

void Requester::Engine::learn_life(Timestamp now, std::uint32_t slot, const ReplyView& view) {
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[request.peer];
  if (peer.life != view.life) {
    peer.life = view.life;
    peer.life_since = now;
  }
  // It was that old when it said so, which was not later than now. The quickest answer shows it best.
  peer.life_since = std::min(peer.life_since, now - (view.age - view.age / kClockDriftWhole));
  // It has seen this very request: from now on it is for this life alone.
  const bool may_have_it = view.kind != ReplyKind::restarted;
  if (request.life == 0 && may_have_it) request.life = view.life;
}

/// Takes what an answer tells about the path: time, and that there is room.
/// @return the time in the network, where it is known which transmission was answered
std::optional<Duration> Requester::Engine::learn(Timestamp now, RequestSlot& request, const ReplyView& view) {
  Peer& peer = peers_[request.peer];
  // "Busy" says that the path has room and the server has not: no reason to send it more.
  if (request.state == RequestState::in_flight && request.leads && view.kind != ReplyKind::busy) {
    peer.window.on_answer(peer.in_flight);
  }
  peer.window.on_heard();
  // Karn's rule (RFC 6298 §3): a sample only where it is certain which transmission was answered.
  std::uint32_t answered = view.attempt;
  if (answered == 0 && request.attempts == 1) answered = 1;
  const bool certain = answered >= 1 && answered <= request.attempts && answered < 255 &&
                       request.attempts - answered < RequestSlot::kSendTimes;
  if (!certain) return std::nullopt;
  const Timestamp sent = request.sent_at(answered);
  peer.heard_sent = std::max(peer.heard_sent, sent);
  const Duration total = now - sent;
  const Duration hold = std::clamp(view.hold, Duration::zero(), total);
  const Duration sample = total - hold + std::min(hold, kHoldCountedMax);
  if (answered <= request.timed_out && !request.heard) {
    peer.rtt.on_late_sample(sample);
    // Copies before the one that was answered may be lost.
    const std::uint32_t late = request.given_up >= answered ? request.given_up - answered + 1 : 0;
    peer.window.on_late_answer(request.episode, std::min(request.losses, late));
  } else {
    peer.rtt.on_sample(sample);
  }
  return total - hold;
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
  push_ready(slot, RequestState::repeat);
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
  const auto peer = peers_.find(news.peer);
  if (!peer) return kNone;
  if (!traits_.numbered) {
    const auto known = by_channel_and_peer_.find(channel_key(news.channel, *peer));
    return known == by_channel_and_peer_.end() ? kNone : known->second;
  }
  // Of the last message there may be no more than the header.
  const RequestView quoted = codec_->decode_request(quote);
  if (!quoted.identified) return kNone;
  rest = quoted.rest;
  const auto slot = peers_[*peer].numbers.find(quoted.number);
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
