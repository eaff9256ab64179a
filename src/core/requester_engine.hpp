#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "holler/requester.hpp"

#include "core/fifo.hpp"
#include "core/peer_table.hpp"
#include "core/timer_queue.hpp"
#include "wire/holler_codec.hpp"

namespace holler {

/// Where a request stands.
enum class RequestState : std::uint8_t {
  free,       // no request in this slot
  fresh,      // waits for its first transmission: in its peer's list `fresh`
  repeat,     // its time to ask again has come: in its peer's list `repeats`
  in_flight,  // a datagram is under way; the timer says when to give it up
  resting,    // the server has been heard; the timer says when to ask again
};

/// What starts anew with each request that a slot takes.
struct RequestCourse {
  static constexpr std::size_t kSendTimes = 4;

  RequestState state = RequestState::free;
  bool promiscuous = false;
  bool repeatable = false;
  bool doubtful = false;  // there are copies that a server may have run which is not the one of `life`
  bool heard = false;
  bool heard_busy = false;
  bool soft_error = false;
  bool forbidden = false;
  bool id_spent = false;             // guessed at too often: nothing is believed until a repeat has a new one
  std::uint8_t repeats_granted = 0;  // at once, for "verify", "restarted", a smaller path MTU
  std::uint32_t peer = kNone;
  std::uint32_t channel = 0;
  std::uint32_t before = kNone;  // in the peer's list
  std::uint32_t after = kNone;
  std::uint32_t attempts = 0;
  std::uint32_t attempts_max = 0;
  std::uint32_t doublings = 0;
  std::uint32_t life = 0;  // that its copies name; 0 until the peer has told one
  std::uint32_t mismatches = 0;
  std::uint32_t guesses = 0;  // of them, wrong IDs from the right endpoint, for this ID
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  Timestamp started;
  Timestamp deadline;
  Timestamp exposed;      // when the first copy was sent that a former life may have run
  Duration first_wait{};  // 0 until the first transmission, which fixes it: the gaps double from there
  Duration backoff_max{};
  Ratio jitter;
  std::array<Timestamp, kSendTimes> sent{};  // of the last attempts, by attempt modulo kSendTimes

  [[nodiscard]] Timestamp& sent_at(std::uint32_t attempt) noexcept { return sent[attempt % kSendTimes]; }
};

/// One outstanding request, or the place of one.
struct RequestSlot : RequestCourse {
  std::uint32_t generation = 0;
  ByteVector payload;  // its memory serves the next request
};

class Requester::Engine {
 public:
  Engine(const Codec& codec, RandomSource& random, const RequesterOptions& options);

  // requester.cpp: the life of a request
  StartResult start(Timestamp now, const Endpoint& to, Bytes payload, const RequestOptions& options);
  bool cancel(Timestamp now, RequestHandle request);
  void handle_timeout(Timestamp now);
  std::optional<Transmit> poll_transmit(Timestamp now, MutableBytes buffer);
  const RequestEvent* next_event();
  std::optional<PeerMemory> recall(const Endpoint& peer) const;
  void remember(const Endpoint& peer, const PeerMemory& memory);
  std::size_t payload_bytes_max(const Endpoint& peer) const noexcept;

  // requester_receive.cpp: what arrives
  Verdict handle_datagram(Timestamp now, const Arrival& arrival);
  std::optional<RequestHandle> handle_unreachable(Timestamp now, const Unreachability& news);

  Timestamp next_timeout() const {
    const Timestamp next = timers_.next();
    return held_.empty() ? next : std::min(next, held_.front().until);
  }
  std::size_t outstanding() const noexcept { return outstanding_; }
  RequesterOccupancy occupancy() const noexcept {
    return {.outstanding = outstanding_, .peers = peers_.size()};
  }
  const RequesterStats& stats() const noexcept { return stats_; }
  RequesterStats take_stats() noexcept { return std::exchange(stats_, {}); }

 private:
  static constexpr std::size_t kPayloadBytesKept = 4096;  ///< of memory, in a slot without a request

  /// A peer whose new requests wait for others to share a datagram with.
  struct Held {
    Timestamp until;
    std::uint32_t peer = kNone;
    std::uint32_t time = 0;  // `held_times` of the peer: another number means that they have left since
  };

  // slots and lists
  std::uint32_t take_slot();
  bool encodable(Bytes payload) const;
  void forget_channel(std::uint32_t slot);
  std::uint32_t slot_of(RequestHandle request) const noexcept;
  RequestHandle handle_of(std::uint32_t slot) const noexcept { return {slot, slots_[slot].generation}; }
  void append(Peer& peer, std::uint32_t slot, RequestState state);
  void unlink(Peer& peer, RequestSlot& request);
  void push_repeat(std::uint32_t slot);
  void leave(std::uint32_t slot);
  void queue_peer(std::uint32_t peer);
  [[gnu::always_inline]] void queue_fresh(Timestamp now, std::uint32_t index);
  void let_go(std::uint32_t index);
  void release_held(Timestamp now);
  bool may_send(const Peer& peer) const noexcept {
    return options_.uncontrolled || peer.in_flight < peer.window.datagrams();
  }
  [[gnu::always_inline]] void transmit(Timestamp now, Peer& peer, std::uint32_t slot, MutableBytes buffer,
                                       Transmit& out);
  void renew_id(RequestSlot& request);
  Duration first_wait(const RequestSlot& request, const Peer& peer) const noexcept {
    return peer.rtt.timeout(request.first_wait > Duration::zero() ? request.first_wait : initial_wait_);
  }
  void expire(Timestamp now, std::uint32_t slot);
  RequestEvent& end(Timestamp now, std::uint32_t slot, Outcome outcome);
  [[gnu::always_inline]] RequestEvent& finish(Timestamp now, std::uint32_t slot, Outcome outcome);
  static Outcome silent_outcome(const RequestSlot& request) noexcept;

  // what arrives
  Verdict handle_unnumbered(Timestamp now, const Arrival& arrival);
  [[gnu::always_inline]] std::uint32_t match_number(const Arrival& arrival, const ReplyView& view,
                                                    DropReason& fault) const;
  std::uint32_t match_channel(const Arrival& arrival, bool& foreign) const;
  [[gnu::always_inline]] bool matches(const RequestSlot& request, const Arrival& arrival,
                                      const ReplyView& view, DropReason& fault) const;
  Verdict drop(DropReason reason, std::uint32_t slot, Bytes rest);
  Verdict believe_or_drop(Timestamp now, const Arrival& arrival, DropReason reason, std::uint32_t slot,
                          Bytes rest);
  void note_guess(RequestSlot& request) noexcept;
  std::uint32_t promiscuous_slot(std::uint32_t channel) const noexcept;
  std::optional<DropReason> prepare_note(std::uint32_t slot, const ReplyView& view);
  [[gnu::always_inline]] Verdict use(Timestamp now, std::uint32_t slot, const ReplyView& view,
                                     const Endpoint& from);
  Verdict use_note(Timestamp now, std::uint32_t slot, const ReplyView& view);
  void heed(Timestamp now, std::uint32_t slot, const ReplyView& view);
  /// The life that the peer has now began before the request was exposed to any other.
  bool lived_through(const RequestSlot& request) const noexcept {
    return peers_[request.peer].life_since <= request.exposed;
  }
  [[gnu::always_inline]] bool learn_life(Timestamp now, RequestSlot& request, Peer& peer,
                                         const ReplyView& view);
  [[gnu::always_inline]] std::optional<Duration> learn(Timestamp now, RequestSlot& request, Peer& peer,
                                                       const ReplyView& view);
  void rest(Timestamp now, std::uint32_t slot, const ReplyView& view);
  bool grant_repeat(std::uint32_t slot);
  void keep_cookie(std::uint32_t peer, Bytes cookie);
  void meet_other_life(Timestamp now, std::uint32_t slot, const ReplyView& view);
  void hear_unreachable(Timestamp now, std::uint32_t slot, const Unreachability& news, bool shared);
  std::uint32_t slot_of_quote(const Unreachability& news, Bytes& rest) const;

  static std::uint64_t channel_key(std::uint32_t channel, std::uint32_t peer) noexcept {
    return std::uint64_t{channel} << 32U | peer;
  }

  const Codec* codec_;
  RandomSource* random_;
  RequesterOptions options_;
  CodecTraits traits_;
  Duration initial_wait_;  // toward a peer whose round-trip time is unknown, where a request names no other
  std::uint64_t id_mask_;  // the bits of an ID that travel
  PeerTable peers_;
  std::vector<RequestSlot> slots_;
  std::vector<std::uint32_t> free_;
  Fifo<std::uint32_t> sending_;  // peers with something to send, each once
  Fifo<Held> held_;              // in the order of their times, which are all equally far away
  std::uint32_t turn_ = 0;       // messages that the peer at the front has sent in a row
  Fifo<RequestEvent> events_;
  TimerQueue timers_;
  // For codecs without numbers: the one request of a channel at a peer, and any one of a channel.
  std::unordered_map<std::uint64_t, std::uint32_t> by_channel_and_peer_;
  std::unordered_map<std::uint32_t, std::uint32_t> by_channel_;
  std::size_t outstanding_ = 0;
  std::size_t promiscuous_ = 0;
  std::uint32_t unattributed_ = 0;  // mismatches whose request is unknown, since the last alarm
  bool ever_started_ = false;
  RequesterStats stats_;
};

/// At the end of one of its peer's lists.
inline void Requester::Engine::append(Peer& peer, std::uint32_t slot, RequestState state) {
  RequestSlot& request = slots_[slot];
  const bool fresh = state == RequestState::fresh;
  ListEnds& list = fresh ? peer.fresh : peer.repeats;
  request.state = state;
  request.before = list.tail;
  (list.tail == kNone ? list.head : slots_[list.tail].after) = slot;
  list.tail = slot;
  request.after = kNone;
  if (fresh) peer.fresh_bytes += request.payload.size() + traits_.request_overhead_bytes;
}

/// Out of the list that it stands in.
inline void Requester::Engine::unlink(Peer& peer, RequestSlot& request) {
  const bool fresh = request.state == RequestState::fresh;
  ListEnds& list = fresh ? peer.fresh : peer.repeats;
  if (fresh) peer.fresh_bytes -= request.payload.size() + traits_.request_overhead_bytes;
  (request.before == kNone ? list.head : slots_[request.before].after) = request.after;
  (request.after == kNone ? list.tail : slots_[request.after].before) = request.before;
}

/// Out of whatever its state keeps it in, except for the timer.
inline void Requester::Engine::leave(std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  if (request.state == RequestState::in_flight) {
    Peer& peer = peers_[request.peer];
    --peer.in_flight;
    if (!peer.queued && peer.has_ready()) queue_peer(request.peer);
  } else if (request.state == RequestState::fresh || request.state == RequestState::repeat) {
    unlink(peers_[request.peer], request);
  }
  request.state = RequestState::resting;
}

/// Ends a request. What is in its slot stays there until the event has been told.
inline RequestEvent& Requester::Engine::finish(Timestamp now, std::uint32_t slot, Outcome outcome) {
  leave(slot);
  timers_.remove(slot);
  RequestSlot& request = slots_[slot];
  Peer& peer = peers_[request.peer];
  peer.numbers.remove(request.number);
  if (!traits_.numbered) [[unlikely]]
    forget_channel(slot);
  --outstanding_;
  promiscuous_ -= request.promiscuous ? 1U : 0U;
  stats_.answered += outcome == Outcome::answered ? 1U : 0U;
  RequestEvent& event = events_.emplace_back();
  event.request = {slot, request.generation};
  event.channel = request.channel;
  event.outcome = outcome;
  event.peer = peer.endpoint;
  event.from = peer.endpoint;
  event.attempts = request.attempts;
  event.mismatches = request.mismatches;
  event.soft_error = request.soft_error;
  event.heard = request.heard;
  event.elapsed = now - request.started;
  request.state = RequestState::free;
  ++request.generation;
  if (request.payload.capacity() > kPayloadBytesKept) [[unlikely]]
    request.payload = {};
  if (--peer.outstanding == 0) peers_.mark_idle(request.peer);
  return event;
}

}  // namespace holler
