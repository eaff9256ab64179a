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
  /// Whose reply a message pretends to be, and what is wrong with it.
  struct Match {
    std::uint32_t slot = kNone;
    std::optional<DropReason> drop;
  };
  /// A peer whose new requests wait for others to share a datagram with.
  struct Held {
    Timestamp until;
    std::uint32_t peer = kNone;
    std::uint32_t time = 0;  // `held_times` of the peer: another number means that they have left since
  };

  // slots and lists
  std::uint32_t take_slot();
  std::optional<StartStatus> objection(const Endpoint& peer, Bytes payload) const;
  void forget_channel(std::uint32_t slot);
  std::uint32_t slot_of(RequestHandle request) const noexcept;
  RequestHandle handle_of(std::uint32_t slot) const noexcept { return {slot, slots_[slot].generation}; }
  void push_ready(std::uint32_t slot, RequestState state);
  void unlink(std::uint32_t slot);
  void leave(std::uint32_t slot);
  void queue_peer(std::uint32_t peer);
  void queue_fresh(Timestamp now, std::uint32_t slot);
  void let_go(std::uint32_t index);
  void release_held(Timestamp now);
  bool may_send(const Peer& peer) const noexcept;
  Transmit transmit(Timestamp now, std::uint32_t slot, MutableBytes buffer);
  Duration first_wait(const RequestSlot& request, const Peer& peer) const noexcept;
  void expire(Timestamp now, std::uint32_t slot);
  RequestEvent& end(Timestamp now, std::uint32_t slot, Outcome outcome);
  static Outcome silent_outcome(const RequestSlot& request) noexcept;

  // what arrives
  ReplyView decode(Bytes message) const {
    return with_codec(*codec_, [&](const auto& codec) { return codec.decode_reply(message); });
  }
  [[gnu::always_inline]] Match match(const Arrival& arrival, const ReplyView& view) const;
  [[gnu::always_inline]] Match match_number(const Arrival& arrival, const ReplyView& view) const;
  Match match_channel(const Arrival& arrival) const;
  Verdict drop(DropReason reason, std::uint32_t slot, Bytes rest);
  Verdict believe_or_drop(Timestamp now, const Arrival& arrival, const Match& found, Bytes rest);
  void note_guess(RequestSlot& request) noexcept;
  std::uint32_t promiscuous_slot(std::uint32_t channel) const noexcept;
  [[gnu::always_inline]] std::optional<DropReason> prepare(std::uint32_t slot, const ReplyView& view);
  [[gnu::always_inline]] void use(Timestamp now, std::uint32_t slot, const ReplyView& view,
                                  const Endpoint& from);
  void heed(Timestamp now, std::uint32_t slot, const ReplyView& view);
  /// The life that the peer has now began before the request was exposed to any other.
  bool lived_through(const RequestSlot& request) const noexcept {
    return peers_[request.peer].life_since <= request.exposed;
  }
  [[gnu::always_inline]] void learn_life(Timestamp now, RequestSlot& request, const ReplyView& view);
  [[gnu::always_inline]] std::optional<Duration> learn(Timestamp now, RequestSlot& request,
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

}  // namespace holler
