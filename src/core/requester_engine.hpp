#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "holler/requester.hpp"

#include "core/backoff.hpp"
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
  doubted,    // the same, and nothing was heard of the peer: in its peer's list `doubted`
  in_flight,  // a datagram is under way; the timer says when to give it up
  resting,    // the server has been heard; the timer says when to ask again
};

/// What starts anew with each request that a slot takes.
struct RequestCourse {
  static constexpr std::size_t kSendTimes = 4;

  RequestState state = RequestState::free;
  bool promiscuous : 1 = false;
  bool repeatable : 1 = false;
  bool heard_busy : 1 = false;
  bool soft_error : 1 = false;
  bool forbidden : 1 = false;
  bool id_spent : 1 = false;  // guessed at too often: nothing is believed until a repeat has a new one
  bool doubtful = false;      // there are copies that a server may have run which is not the one of `life`
  bool heard = false;
  bool leads = false;                // its last copy was the first in its datagram, and stands for it
  bool holds_place = false;          // that one counts as under way
  std::uint8_t losses = 0;           // how often it was taken for lost in `episode`: up to 255
  std::uint8_t repeats_granted = 0;  // at once, for "verify", "restarted", a smaller path MTU
  std::uint8_t doublings = 0;        // as many as count: no wait doubles 255 times
  std::uint32_t peer = kNone;
  std::uint32_t channel = 0;
  std::uint32_t before = kNone;  // in the peer's list
  std::uint32_t after = kNone;
  std::uint32_t attempts = 0;
  std::uint32_t attempts_max = 0;
  std::uint32_t timed_out = 0;  // the last attempt whose wait has passed in silence
  std::uint32_t given_up = 0;   // the last that was taken for lost
  std::uint32_t episode = 0;    // of the window, in which it was last taken for lost
  std::uint32_t life = 0;       // that its copies name; 0 until the peer has told one
  std::uint32_t mismatches = 0;
  std::uint32_t guesses = 0;     // of them, wrong IDs from the right endpoint, for this ID
  std::uint32_t generation = 0;  // of the slot: how many requests it has had
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  Timestamp started;
  Timestamp deadline;
  Timestamp due;          // while in flight: when the wait of its last copy has passed
  Timestamp exposed;      // when the first copy was sent that a former life may have run
  Duration first_wait{};  // 0 until the first transmission, which fixes it: the gaps double from there
  Duration backoff_max{};
  Ratio jitter;
  std::array<Timestamp, kSendTimes> sent{};  // of the last attempts, by attempt modulo kSendTimes

  [[nodiscard]] Timestamp& sent_at(std::uint32_t attempt) noexcept { return sent[attempt % kSendTimes]; }
  [[nodiscard]] Backoff backoff() const noexcept {
    return {.first = first_wait, .cap = backoff_max, .jitter = jitter};
  }
};

/// One outstanding request, or the place of one: three lines of the processor's cache.
struct alignas(64) RequestSlot : RequestCourse {
  ByteVector payload;  // its memory serves the next request
};

/// Requests that have ended, in order. Places are used again and never cleared.
class EventLine {
 public:
  /// One more at the end, with whatever an earlier one has left there.
  RequestEvent& extend() {
    if (ended_ == places_.size()) [[unlikely]]
      make_room();
    return places_[ended_++];
  }
  /// The oldest, which stays where it is until the next `extend`; nullptr for none.
  const RequestEvent* take() {
    if (taken_ == ended_) {
      taken_ = ended_ = 0;
      if (places_.size() > kKeptMax) [[unlikely]]
        places_ = {};
      return nullptr;
    }
    return &places_[taken_++];
  }

 private:
  static constexpr std::size_t kKeptMax = 1024;  // events whose memory an empty line keeps

  void make_room();

  std::vector<RequestEvent> places_;
  std::size_t taken_ = 0;
  std::size_t ended_ = 0;
};

class Requester::Engine {
 public:
  Engine(const Codec& codec, RandomSource& random, const RequesterOptions& options);

  // requester.cpp: the life of a request
  StartResult start(Timestamp now, const Endpoint& to, Bytes payload, const RequestOptions& options);
  bool cancel(Timestamp now, RequestHandle request);
  void handle_timeout(Timestamp now);
  bool poll_transmit(Timestamp now, MutableBytes buffer, Transmit& out);
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

  /// The datagram that the last message goes into, for as long as others may join it.
  struct OpenDatagram {
    std::uint32_t peer = kNone;
    std::uint32_t channel = 0;
    std::size_t bytes = 0;
    Timestamp when;
    Backoff backoff;  // of its last message, and what came of it
    std::uint8_t doublings = 0;
    Duration wait{};
  };

  /// What a message tells beside what it says.
  struct Heard {
    std::optional<Duration> network;  // its time there, where it is known which transmission was answered
    bool maybe_repeated = false;      // an earlier life of the server may have run the request as well
  };

  // slots and lists
  std::uint32_t take_slot();
  bool encodable(Bytes payload) const;
  void forget_channel(std::uint32_t slot);
  std::uint32_t slot_of(RequestHandle request) const noexcept;
  RequestHandle handle_of(std::uint32_t slot) const noexcept { return {slot, slots_[slot].generation}; }
  void append(Peer& peer, std::uint32_t slot, RequestState state);
  void unlink(Peer& peer, RequestSlot& request);
  static ListEnds& list_of(Peer& peer, RequestState state) noexcept;
  void push_repeat(std::uint32_t slot);
  void vacate(std::uint32_t index);
  void leave(std::uint32_t slot);
  void queue_peer(std::uint32_t index);
  [[gnu::always_inline]] void queue_fresh(Timestamp now, std::uint32_t index);
  void let_go(std::uint32_t index);
  void release_held(Timestamp now);
  bool may_send(const Peer& peer) const noexcept {
    return options_.uncontrolled || peer.in_flight < peer.window.datagrams();
  }
  bool joins_datagram(Timestamp now, const RequestSlot& request) const noexcept {
    return open_.peer == request.peer && open_.channel == request.channel && open_.when == now &&
           sharing_of_attempt(true, request.attempts + 1) != Sharing::alone &&
           open_.bytes + request.payload.size() + traits_.request_overhead_bytes <= kBundleBytesCareful;
  }
  [[gnu::always_inline]] Duration enter_datagram(Timestamp now, const RequestSlot& request, Sharing sharing,
                                                 std::size_t bytes);
  [[gnu::always_inline]] void transmit(Timestamp now, Peer& peer, std::uint32_t slot, bool joins,
                                       MutableBytes buffer, Transmit& out);
  void renew_id(RequestSlot& request);
  Duration first_wait(const RequestSlot& request, const Peer& peer) const noexcept {
    return peer.rtt.timeout(request.first_wait > Duration::zero() ? request.first_wait : initial_wait_);
  }
  static bool is_last_copy(const RequestSlot& request) noexcept {
    return request.attempts_max != 0 && request.attempts >= request.attempts_max;
  }
  void expire(Timestamp now, std::uint32_t slot);
  RequestEvent& end(Timestamp now, std::uint32_t slot, Outcome outcome);
  [[gnu::always_inline]] RequestEvent& finish(Timestamp now, std::uint32_t slot, RequestSlot& request,
                                              Peer& peer, Outcome outcome);
  static Outcome silent_outcome(const RequestSlot& request) noexcept;

  // requester_silence.cpp: what silence means
  void shorten_waits(Timestamp now, const Peer& peer, const RequestSlot& answered);
  void free_place(Timestamp now, std::uint32_t slot);
  void count_loss(Timestamp now, RequestSlot& request);
  bool wait_longer(Timestamp now, std::uint32_t slot);
  bool hold_back(Timestamp now, std::uint32_t slot);
  bool pass_on(Timestamp now, std::uint32_t slot);
  Duration probe_takes(Timestamp now, std::uint32_t slot) const noexcept;
  void give_up(Timestamp now, std::uint32_t slot);
  void give_up_doubted(Timestamp now, std::uint32_t slot);
  void settle(Timestamp now, std::uint32_t peer_index);

  // what arrives
  /// A slot among a million lies in no cache: all of its lines at once, and its timer.
  void prefetch(std::uint32_t slot) const noexcept {
    const auto* line = reinterpret_cast<const std::byte*>(&slots_[slot]);
    __builtin_prefetch(line);
    __builtin_prefetch(line + 64);
    __builtin_prefetch(line + 128);
    timers_.prefetch(slot);
  }
  Verdict handle_by_codec(Timestamp now, const Arrival& arrival);
  [[gnu::always_inline]] std::uint32_t match_number(const Arrival& arrival, std::uint64_t number,
                                                    DropReason& fault) const;
  std::uint32_t match_channel(const Arrival& arrival, bool& foreign) const;
  [[gnu::always_inline]] bool matches(const RequestSlot& request, const Arrival& arrival, std::uint64_t id,
                                      DropReason& fault) const;
  Verdict drop(DropReason reason, std::uint32_t slot, Bytes rest);
  Verdict believe_or_drop(Timestamp now, const Arrival& arrival, DropReason reason, std::uint32_t slot,
                          Bytes rest);
  void note_guess(RequestSlot& request) noexcept;
  std::uint32_t promiscuous_slot(std::uint32_t channel) const noexcept;
  std::optional<DropReason> prepare_note(std::uint32_t slot, const ReplyView& view);
  [[gnu::always_inline]] RequestEvent& use(Timestamp now, std::uint32_t slot, const ReplyView& view,
                                           const Endpoint& from);
  Verdict use_note(Timestamp now, std::uint32_t slot, Bytes message);
  void heed(Timestamp now, std::uint32_t slot, const ReplyView& view);
  /// The life that the peer has now began before the request was exposed to any other.
  bool lived_through(const RequestSlot& request) const noexcept {
    return peers_[request.peer].life_since <= request.exposed;
  }
  [[gnu::always_inline]] Heard hear(Timestamp now, RequestSlot& request, Peer& peer, const ReplyView& view);
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
  OpenDatagram open_;
  std::uint32_t turn_ = 0;  // messages that the peer at the front has sent in a row
  EventLine events_;
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

inline ListEnds& Requester::Engine::list_of(Peer& peer, RequestState state) noexcept {
  if (state == RequestState::fresh) return peer.fresh;
  return state == RequestState::repeat ? peer.repeats : peer.doubted;
}

/// At the end of one of its peer's lists.
inline void Requester::Engine::append(Peer& peer, std::uint32_t slot, RequestState state) {
  RequestSlot& request = slots_[slot];
  ListEnds& list = list_of(peer, state);
  request.state = state;
  request.before = list.tail;
  (list.tail == kNone ? list.head : slots_[list.tail].after) = slot;
  list.tail = slot;
  request.after = kNone;
  if (state == RequestState::fresh)
    peer.fresh_bytes += request.payload.size() + traits_.request_overhead_bytes;
}

/// Out of the list that it stands in.
inline void Requester::Engine::unlink(Peer& peer, RequestSlot& request) {
  ListEnds& list = list_of(peer, request.state);
  if (request.state == RequestState::fresh)
    peer.fresh_bytes -= request.payload.size() + traits_.request_overhead_bytes;
  (request.before == kNone ? list.head : slots_[request.before].after) = request.after;
  (request.after == kNone ? list.tail : slots_[request.after].before) = request.before;
}

/// A datagram is no longer under way.
inline void Requester::Engine::vacate(std::uint32_t index) {
  Peer& peer = peers_[index];
  --peer.in_flight;
  if (!peer.queued && peer.has_ready()) queue_peer(index);
}

/// Out of whatever its state keeps it in, except for the timer.
inline void Requester::Engine::leave(std::uint32_t slot) {
  RequestSlot& request = slots_[slot];
  if (request.state == RequestState::in_flight) {
    if (request.holds_place) vacate(request.peer);
  } else if (request.state == RequestState::fresh || request.state == RequestState::repeat ||
             request.state == RequestState::doubted) {
    unlink(peers_[request.peer], request);
  }
  request.state = RequestState::resting;
}

/// Ends a request of a codec with numbers. What is in its slot stays there until the event has been told.
/// @return the event, whose remaining fields say nothing yet
inline RequestEvent& Requester::Engine::finish(Timestamp now, std::uint32_t slot, RequestSlot& request,
                                               Peer& peer, Outcome outcome) {
  leave(slot);
  timers_.remove(slot);
  peer.numbers.remove(request.number);
  --outstanding_;
  promiscuous_ -= request.promiscuous ? 1U : 0U;
  // Field by field: to clear them all first would cost as much again.
  RequestEvent& event = events_.extend();
  event.request = {slot, request.generation};
  event.channel = request.channel;
  event.outcome = outcome;
  event.peer = peer.endpoint;
  event.from = peer.endpoint;
  event.payload = {};
  event.attempts = request.attempts;
  event.mismatches = request.mismatches;
  event.reason = 0;
  event.path_mtu_bytes = 0;
  event.soft_error = request.soft_error;
  event.maybe_repeated = false;
  event.heard = request.heard;
  event.rtt.reset();
  event.hold.reset();
  event.elapsed = now - request.started;
  request.state = RequestState::free;
  ++request.generation;
  if (request.payload.capacity() > kPayloadBytesKept) [[unlikely]]
    request.payload = {};
  __builtin_prefetch(request.payload.data(), 1);  // the next request is likely to take this slot
  if (--peer.outstanding == 0) peers_.mark_idle(request.peer);
  if (peer.probe == slot) [[unlikely]]
    settle(now, request.peer);
  return event;
}

}  // namespace holler
