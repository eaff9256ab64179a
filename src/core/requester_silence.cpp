#include <algorithm>
#include <utility>

#include "core/requester_engine.hpp"

// A wait has passed, and no answer has come. If an answer has come to something that was sent later, this one
// datagram is lost, and asked again. If not, all that is under way may be lost, or all of it late: one
// request is asked again for all, as TCP repeats one segment and not all (RFC 6298 §5.4), and the others wait
// until the peer is heard, or the wait of that one has passed as well.

namespace holler {
namespace {

/// So many probes, one after the other, are asked for all others of a silent flight.
constexpr std::uint32_t kProbesMax = 2;

/// A request waits for a probe no longer than for so many doublings of its own wait.
constexpr std::uint32_t kHeldDoublings = 2;

}  // namespace

/// The path's time is known for the first time. What was sent before waits for no longer than that (RFC 6298
/// §5.3), but for last copies: those who count them want each to have its time.
/// @param answered  whose answer has shown it
void Requester::Engine::shorten_waits(Timestamp now, const Peer& peer, const RequestSlot& answered) {
  for (std::uint64_t number = peer.numbers.done_below(); number < peer.numbers.next(); ++number) {
    const auto slot = peer.numbers.find(number);
    if (!slot) continue;
    RequestSlot& request = slots_[*slot];
    if (request.attempts == 0) return;  // nor was any with a higher number sent
    const Duration learned = peer.rtt.timeout(request.first_wait);
    if (learned >= request.first_wait || is_last_copy(request)) continue;
    request.first_wait = learned;
    if (request.state != RequestState::in_flight || &request == &answered) continue;
    const Duration wait = request.backoff().interval(request.doublings, *random_);
    request.due = std::min(std::max(now, later(request.sent_at(request.attempts), wait)), request.due);
    timers_.set(*slot, request.due);
    if (request.doublings > 0) free_place(now, *slot);
  }
}

/// Whoever repeats waits for twice as long each time, but a datagram is under way for no longer than the path
/// takes (RFC 5681 §2 counts what is in the network). So the place of a copy whose wait was doubled is
/// another's once the path's own time-out has passed; where nothing was heard since it was sent, once that
/// has passed and as much as the silence had lasted by then, so that the places of a silent path are free
/// less and less often (RFC 8085 §3.1.1). The request itself waits until it is due.
void Requester::Engine::free_place(Timestamp now, std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  const Peer& peer = peers_[request.peer];
  const bool wanted = request.holds_place && peer.outstanding > 1 && !options_.uncontrolled;
  if (!wanted) return timers_.set(slot, request.due);
  const Timestamp sent = request.sent_at(request.attempts);
  Timestamp until = later(sent, std::max(peer.rtt.timeout(request.first_wait), request.first_wait));
  const bool silent = now > sent && peer.heard < sent;
  if (silent) until = peer.heard == Timestamp::min() ? request.due : later(until, sent - peer.heard);
  if (now < until) return timers_.set(slot, std::min(until, request.due));
  count_loss(now, request);
  request.holds_place = false;
  vacate(request.peer);
  timers_.set(slot, request.due);
}

/// The path has become slower since the request was sent, as other answers have shown: what it was to wait
/// for was too short, and the gaps double from what is known now.
/// @return false if it has waited for long enough in any case
bool Requester::Engine::wait_longer(Timestamp now, std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  const Duration waited = request.backoff().nominal(request.doublings);
  const Duration learned = std::min(peers_[request.peer].rtt.timeout(waited), request.backoff_max);
  if (learned <= waited) return false;
  request.first_wait = learned;
  request.doublings = 0;
  const Timestamp due =
      later(request.sent_at(request.attempts), request.backoff().interval(request.doublings, *random_));
  if (due <= now) return false;
  request.due = std::min(due, request.deadline);
  timers_.set(slot, request.due);
  return true;
}

/// @return whether it waits for what becomes of another one. Otherwise it is to be asked again now: because
/// it alone is lost, or for all.
bool Requester::Engine::hold_back(Timestamp now, std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[request.peer];
  if (options_.uncontrolled || peer.heard_sent >= request.sent_at(request.attempts)) return false;
  if (peer.probe == slot) return pass_on(now, slot);
  // Not for one whose waits have become long in an outage: then this one is the better probe.
  const Duration most = request.backoff().nominal(request.doublings + kHeldDoublings);
  if (peer.probe == kNone || probe_takes(now, peer.probe) > most) {
    peer.probe = slot;
    peer.probes = 1;
    return false;
  }
  if (request.given_up == request.attempts) {
    give_up(now, slot);  // as its place was
  } else {
    request.timed_out = request.attempts;
    leave(slot);
  }
  timers_.set(slot, request.deadline);
  append(peer, slot, RequestState::doubted);
  return true;
}

/// The probe has gone unanswered. Another takes its place, in case the server ignores this one; and in the
/// end all are asked again.
bool Requester::Engine::pass_on(Timestamp now, std::uint32_t slot) {
  Peer& peer = peers_[slots_[slot].peer];
  const std::uint32_t next = peer.doubted.head;
  // Nor to one whose own waits have become too long for those that it would be asked for.
  const auto wait_of = [&](std::uint32_t one, std::uint32_t more) {
    return slots_[one].backoff().nominal(slots_[one].doublings + more);
  };
  if (next == kNone || peer.probes >= kProbesMax || wait_of(next, 1) > wait_of(slot, kHeldDoublings)) {
    settle(now, slots_[slot].peer);
    peer.probe = slot;
    peer.probes = 1;
    return false;
  }
  give_up(now, slot);
  timers_.set(slot, slots_[slot].deadline);
  append(peer, slot, RequestState::doubted);
  give_up_doubted(now, next);
  slots_[next].doublings = std::max(slots_[next].doublings, slots_[slot].doublings);
  push_repeat(next);
  peer.probe = next;
  ++peer.probes;
  return true;
}

/// Until its wait has passed.
Duration Requester::Engine::probe_takes(Timestamp now, std::uint32_t slot) const noexcept {
  const RequestSlot& probe = slots_[slot];
  if (probe.state == RequestState::in_flight) return probe.due - now;
  return probe.backoff().nominal(probe.doublings);  // it waits for a place in the window
}

/// The last copy is taken for lost.
void Requester::Engine::count_loss(Timestamp now, RequestSlot& request) {
  request.timed_out = request.attempts;
  if (std::exchange(request.given_up, request.attempts) == request.attempts) return;  // it is lost once
  CongestionWindow& window = peers_[request.peer].window;
  window.on_loss(now, request.sent_at(request.attempts));
  if (std::exchange(request.episode, window.episode()) != window.episode()) request.losses = 0;
  if (request.losses < 255) ++request.losses;
}

void Requester::Engine::give_up(Timestamp now, std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  count_loss(now, request);
  leave(slot);
  if (request.doublings < 255) ++request.doublings;
}

/// It may have been given up before it was doubted.
void Requester::Engine::give_up_doubted(Timestamp now, std::uint32_t slot) {
  if (slots_[slot].given_up == slots_[slot].attempts) return leave(slot);
  give_up(now, slot);
}

/// The peer has been heard, or the probe has gone unanswered for as long as it was to wait.
void Requester::Engine::settle(Timestamp now, std::uint32_t peer_index) {
  Peer& peer = peers_[peer_index];
  peer.probe = kNone;
  while (peer.doubted.head != kNone) {
    const std::uint32_t slot = peer.doubted.head;
    RequestSlot& request = slots_[slot];
    if (wait_longer(now, slot)) {
      unlink(peer, request);
      request.state = RequestState::in_flight;
      request.holds_place = request.leads;
      peer.in_flight += request.leads ? 1 : 0;
    } else {
      give_up_doubted(now, slot);
      push_repeat(slot);
    }
  }
}

}  // namespace holler
