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

/// One outstanding request.
struct RequestSlot {
  static constexpr std::size_t kSendTimes = 4;

  RequestState state = RequestState::free;
  bool promiscuous = false;
  bool repeatable = false;
  bool doubtful = false;  // there are copies that a server may have run which is not the one of `life`
  bool heard = false;
  bool heard_busy = false;
  bool soft_error = false;
  bool forbidden = false;
  bool leads = false;                // its last copy was the first in its datagram, and stands for it
  bool id_spent = false;             // guessed at too often: nothing is believed until a repeat has a new one
  std::uint8_t repeats_granted = 0;  // at once, for "verify", "restarted", a smaller path MTU
  std::uint32_t generation = 0;
  std::uint32_t peer = kNone;
  std::uint32_t channel = 0;
  std::uint32_t before = kNone;  // in the peer's list
  std::uint32_t after = kNone;
  std::uint32_t attempts = 0;
  std::uint32_t attempts_max = 0;
  std::uint32_t doublings = 0;
  std::uint32_t timed_out = 0;  // the last attempt whose wait has passed in silence
  std::uint32_t given_up = 0;   // the last that was taken for lost
  std::uint32_t episode = 0;    // of the window, in which it was last taken for lost
  std::uint32_t losses = 0;     // how often in that
  std::uint32_t life = 0;       // that its copies name; 0 until the peer has told one
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
  ByteVector payload;

  [[nodiscard]] Timestamp& sent_at(std::uint32_t attempt) noexcept { return sent[attempt % kSendTimes]; }
  [[nodiscard]] Backoff backoff() const noexcept {
    return {.first = first_wait, .cap = backoff_max, .jitter = jitter};
  }
};

class Requester::Engine {
 public:
  Engine(const Codec& codec, RandomSource& random, const RequesterOptions& options);

  // requester.cpp: the life of a request
  StartResult start(Timestamp now, const Endpoint& peer, Bytes payload, const RequestOptions& options);
  bool cancel(Timestamp now, RequestHandle request);
  void handle_timeout(Timestamp now);
  std::optional<Transmit> poll_transmit(Timestamp now, MutableBytes buffer);
  std::optional<RequestEvent> poll_event();
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
  /// Whose reply a datagram pretends to be, and what is wrong with it.
  struct Match {
    std::uint32_t slot = kNone;
    std::optional<DropReason> drop;
    ReplyView view;
    bool believed = false;  ///< nothing shows that it is an answer, and `promiscuous` takes it for one
  };
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
    std::uint32_t doublings = 0;
    Duration wait{};
  };

  // slots and lists
  std::uint32_t take_slot();
  std::uint32_t slot_of(RequestHandle request) const noexcept;
  RequestHandle handle_of(std::uint32_t slot) const noexcept { return {slot, slots_[slot].generation}; }
  void push_ready(std::uint32_t slot, RequestState state);
  void unlink(std::uint32_t slot);
  void leave(std::uint32_t slot);
  void queue_peer(std::uint32_t peer);
  void queue_fresh(Timestamp now, std::uint32_t slot);
  void let_go(std::uint32_t index);
  void release_held(Timestamp now);
  static ListEnds& list_of(Peer& peer, RequestState state) noexcept;
  bool may_send(const Peer& peer) const noexcept;
  Transmit transmit(Timestamp now, std::uint32_t slot, bool joins, MutableBytes buffer);
  Duration first_wait(const RequestSlot& request, const Peer& peer) const noexcept;
  bool joins_datagram(Timestamp now, std::uint32_t slot) const noexcept;
  void expire(Timestamp now, std::uint32_t slot);
  RequestEvent& end(Timestamp now, std::uint32_t slot, Outcome outcome);
  static Outcome silent_outcome(const RequestSlot& request) noexcept;

  // requester_silence.cpp: what silence means
  bool wait_longer(Timestamp now, std::uint32_t slot);
  bool hold_back(Timestamp now, std::uint32_t slot);
  bool pass_on(Timestamp now, std::uint32_t slot);
  Duration probe_takes(Timestamp now, std::uint32_t slot) const noexcept;
  void give_up(Timestamp now, std::uint32_t slot);
  void settle(Timestamp now, std::uint32_t peer);

  // what arrives
  Verdict handle_message(Timestamp now, const Arrival& arrival, const Match& found);
  Match match(const Arrival& arrival) const;
  Match match_numbered(const Arrival& arrival) const;
  Match match_by_channel(const Arrival& arrival) const;
  Verdict drop(DropReason reason, std::uint32_t slot);
  void note_guess(RequestSlot& request) noexcept;
  std::uint32_t promiscuous_slot(std::uint32_t channel) const noexcept;
  void use(Timestamp now, const Match& found, const Endpoint& from);
  /// The life that the peer has now began before the request was exposed to any other.
  bool lived_through(const RequestSlot& request) const noexcept {
    return peers_[request.peer].life_since <= request.exposed;
  }
  void learn_life(Timestamp now, std::uint32_t slot, const ReplyView& view);
  std::optional<Duration> learn(Timestamp now, RequestSlot& request, const ReplyView& view);
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
  PeerTable peers_;
  std::vector<RequestSlot> slots_;
  std::vector<std::uint32_t> free_;
  Fifo<std::uint32_t> sending_;  // peers with something to send, each once
  Fifo<Held> held_;              // in the order of their times, which are all equally far away
  OpenDatagram open_;
  std::uint32_t turn_ = 0;  // messages that the peer at the front has sent in a row
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

}  // namespace holler
