#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "holler/requester.hpp"
#include "holler/responder.hpp"

#include "sim/fingerprint.hpp"
#include "sim/host.hpp"
#include "sim/server_host.hpp"

/// What the oracle writes down.
namespace holler::sim {

/// A request of a client or a job of a server, in one of the host's lives.
struct AskKey {
  std::uint32_t host = 0;
  std::uint32_t life = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const AskKey&, const AskKey&) = default;
};
struct AskKeyHash {
  std::size_t operator()(const AskKey& key) const noexcept {
    return Fingerprint{}
        .add(std::uint64_t{key.host} << 32U | key.life)
        .add(std::uint64_t{key.slot} << 32U | key.generation)
        .value();
  }
};

/// A client, in one of its lives, and somebody whom it asks.
struct PeerKey {
  std::uint32_t client = 0;
  std::uint32_t life = 0;
  Endpoint peer;
  friend bool operator==(const PeerKey&, const PeerKey&) = default;
};
struct PeerKeyHash {
  std::size_t operator()(const PeerKey& key) const noexcept {
    return Fingerprint{}
        .add(std::uint64_t{key.client} << 32U | key.life)
        .add(std::hash<Endpoint>{}(key.peer))
        .value();
  }
};

/// One question, from its start. Times are on its client's clock.
struct AskLedger {
  AskKey key;
  const Host* client = nullptr;
  const Codec* codec = nullptr;
  Endpoint peer;
  RequestOptions options;
  std::uint64_t payload = 0;  // its fingerprint
  Timestamp started;
  Timestamp deadline;
  std::uint32_t ends = 0;
  bool cancelled = false;
  bool lost = false;  // its client has lost its memory

  // of its transmissions
  std::uint32_t attempts = 0;
  std::uint64_t conversation = 0;
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  Timestamp first_sent;            // in the world's time
  std::vector<Timestamp> sent_at;  // each of them
  Timestamp sent;                  // the last of them
  Timestamp quiet_until;           // the engine waits until then, unless it hears something
  Duration first_wait{};           // at least, without its jitter
  std::uint32_t doublings = 0;
  std::uint32_t granted = 0;         // repeats at once
  std::uint64_t heard_at_send = 0;   // PeerLedger::heard
  std::uint64_t opened_at_send = 0;  // PeerLedger::opened
  bool in_flight = false;            // nothing was heard of it since it was sent
  bool leads = false;                // the last copy was the first in its datagram
  std::uint32_t given_up = 0;        // the last copy that another one was sent for, because nothing came
  bool heard = false;                // at any time
  // since the last transmission
  enum class Next : std::uint8_t { by_timer, after_rest, at_once } next = Next::by_timer;
  Timestamp rested;  // for after_rest: not before
  // at any time
  bool busy = false;  // the last note was "busy"
};

/// A loss that was answered by a smaller window.
struct ReductionLedger {
  std::uint64_t window_before = 0;  // at most
  Timestamp reduced_before;         // PeerLedger::reduced
  /// Questions, and the copy of each that was given up and has not been answered late.
  std::unordered_map<std::uint32_t, std::uint32_t> missed;
};

/// What the congestion window of a client toward a peer can be at most.
struct PeerLedger {
  std::uint64_t conversation = 0;  // another one: the client had forgotten the peer
  std::uint64_t heard = 0;         // answers of any kind
  Timestamp heard_last = Timestamp::min();
  std::uint64_t opened = 0;   // of them, the first of their datagrams
  std::uint64_t window = 10;  // RFC 6928 §2, and docs/limits.md
  std::uint64_t opened_at_reduction = 0;
  Timestamp heard_since_reduction = kNever;  // the first time
  std::uint64_t heard_before_loss = 0;       // when what was lost then had been sent
  Timestamp reduced = Timestamp::min();
  std::vector<ReductionLedger> reductions;  // that may still be taken back, the latest last
  Duration longest_wait{};                  // of all questions to it
  bool timed = false;                       // it is known how long an answer takes
  std::vector<std::uint32_t> untimed;       // questions that were sent before that
  std::vector<std::uint32_t> in_flight;  // the first of each datagram; some may have been heard or have ended
};

/// What a client has written last, and others may share a datagram with.
struct DatagramLedger {
  const Host* client = nullptr;
  Endpoint peer;
  std::uint32_t channel = 0;
  std::size_t bytes = 0;           // of all messages that count as one datagram
  std::size_t last_bytes = 0;      // of the last one
  std::uint64_t last_message = 0;  // its fingerprint
};

/// docs/limits.md: repeats at once that a peer can cause for a question.
inline constexpr std::uint32_t kGrantsMax = 3;

/// One run of a handler.
struct RunLedger {
  std::uint32_t server = 0;
  std::uint32_t life = 0;
  bool identified = false;
  std::uint64_t conversation = 0;
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  bool names_life = false;  // the copy that ran is for a certain life of the server
  Endpoint asker;
  Endpoint asked;
  std::uint64_t payload = 0;   // of the question: its fingerprint
  Timestamp remembered_until;  // on the server's clock: no copy may run again before
  bool decided = false;
  bool postponed = false;
  Answer::Kind kind = Answer::Kind::reply;
  std::uint16_t reason = 0;
  std::uint64_t reply = 0;  // its fingerprint
  std::size_t reply_bytes = 0;
  std::size_t question_bytes = 0;
};

/// What a server and one address have sent to each other, with IP and UDP headers.
struct AddressLedger {
  std::uint64_t from_it = 0;
  std::uint64_t to_it = 0;
  bool verified = false;                      // it has sent a cookie that the server had sent to it
  std::unordered_set<std::uint64_t> cookies;  // sent to it: their fingerprints
};

struct ServerLedger {
  const Host* host = nullptr;
  Timestamp began = Timestamp::min();                      // its present life, in the world's time
  std::unordered_map<std::uint32_t, std::uint32_t> lives;  // by the number that it tells: the host's restarts
  std::unordered_map<Endpoint, AddressLedger> addresses;   // with port 0
};

/// A datagram that a client has just taken for something.
struct AcceptedLedger {
  const Host* client = nullptr;
  RequestHandle request;
  Endpoint from;
  bool altered = false;
  bool injected = false;
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  std::uint32_t life = 0;
};

}  // namespace holler::sim
