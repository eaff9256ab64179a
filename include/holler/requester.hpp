#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "holler/bundler.hpp"
#include "holler/bytes.hpp"
#include "holler/codec.hpp"
#include "holler/drop_reason.hpp"
#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

/// The asking half of the exchange engine. It has no socket, clock or thread: its owner tells it what time
/// it is and what has arrived, and asks it what to send, what has happened and when to come back. Drive it
/// in any loop like this (examples/foreign_loop.cpp is a whole program):
///
///     start(now, peer, payload)                    a new request
///     while (poll_transmit(now, buffer)) send it
///     wait for a datagram until next_timeout()
///     handle_datagram(now, …) or handle_timeout(now)
///     while (poll_event()) a request has ended
///     and again from poll_transmit
namespace holler {

/// One request of one Requester. A handle stays unique after its request has ended.
struct RequestHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend constexpr bool operator==(const RequestHandle&, const RequestHandle&) noexcept = default;
};

struct RequestOptions {
  /// From `start` until the request ends without an answer. 10 s: long enough for several tries at a slow
  /// or lossy peer, short enough for a person to wait.
  Duration deadline = std::chrono::seconds{10};
  /// The first wait toward a peer whose round-trip time is unknown, unless it becomes known meanwhile; 0 for
  /// the protocol's own, which is 1 s unless its standard says otherwise (RFC 8085 §3.1.1).
  Duration first_wait{};
  /// Transmissions at most; 0 for as many as the deadline allows.
  std::uint32_t attempts_max = 0;
  /// The longest wait between two transmissions (RFC 6298 §2.5 allows no less than 60 s for TCP).
  Duration backoff_max = std::chrono::seconds{60};
  /// Each wait is lengthened by up to this part of itself, at random, so that askers who started together
  /// drift apart; never beyond `backoff_max`.
  Ratio jitter = percent(25);
  /// The socket that the request uses, as the owner numbers them. A reply that arrives on another one is
  /// `wrong_source`.
  std::uint32_t channel = 0;
  /// It does no harm to run the request twice: where the server has been restarted, ask the new one, and do
  /// not end with Outcome::unknown.
  bool repeatable = false;
  /// Take any datagram from anyone as the answer: the danger that the rest of this library exists to
  /// prevent. For demonstrations only.
  bool promiscuous = false;
};

struct RequesterOptions {
  std::size_t outstanding_max = 1U << 20U;  ///< requests at once, all peers together
  std::size_t peers_max = 1U << 16U;        ///< peers remembered; the one unused for longest is forgotten
  std::size_t datagram_bytes_max = kPayloadBytesMaxV4;  ///< the largest datagram to send
  /// No congestion window: every request leaves at once, and is repeated in its own time, whatever becomes of
  /// the others (RFC 8085 §3.1.2 wants this to be a choice).
  bool uncontrolled = false;
  /// Datagrams with a wrong source, ID or question, for one request, that raise the alarm: somebody may be
  /// guessing (RFC 5452 §9.3). Where the ID has less than 64 bits (DNS's has 16), and so many wrong ones came
  /// from the right endpoint, nothing is believed any more until the next repeat, which has a new ID.
  std::uint32_t mismatch_alarm = 100;
  /// The owner hands in all that a datagram holds (`Verdict::rest`): peers may put several messages into one.
  /// And it puts messages that leave together into one datagram wherever `Sharing` lets it: the congestion
  /// window counts those as one, up to `kBundleBytesCareful`.
  bool bundles = false;
  /// New requests wait for so long for others to the same peer, to leave in one datagram with them, unless
  /// what waits fills one. 0: those that are there at the same time share datagrams, and nothing waits.
  Duration bundle_delay{};
};

enum class StartStatus : std::uint8_t {
  started,
  too_large,      ///< over `payload_bytes_max(peer)`
  not_encodable,  ///< the codec will not take this payload as a request
  table_full,     ///< `outstanding_max` reached, or 2^20 numbers of one conversation span
  channel_taken,  ///< the codec has no numbers, and this channel has a request outstanding at this peer
  bad_peer,       ///< port 0 or a wildcard address cannot be asked
};

struct StartResult {
  StartStatus status = StartStatus::table_full;
  RequestHandle handle;
};

/// A datagram as it arrived, or what is left of it. The bytes need to live only during the call, and while
/// events that show them are polled.
struct Arrival {
  Endpoint from;
  std::uint32_t channel = 0;
  Bytes bytes;
  bool truncated = false;
  bool continued = false;  ///< it is the `rest` of a datagram whose beginning has been handed in
};

/// What became of a message that arrived.
struct Verdict {
  std::optional<ReplyKind> used;         ///< reply, working, busy, refused, verify or restarted
  DropReason drop{};                     ///< otherwise
  std::optional<RequestHandle> request;  ///< whose it was, where that is known
  /// What follows it in the same datagram: another message, to be handed in like this one. Empty for none.
  Bytes rest;
};

enum class Unreachable : std::uint8_t {
  refused,    ///< port unreachable: nobody listens there
  soft,       ///< host or network unreachable, time exceeded: it may pass (RFC 1122 §4.2.3.9)
  too_large,  ///< fragmentation needed: `path_mtu_bytes` says what fits
  forbidden,  ///< administratively prohibited, or the local firewall says no
};

/// News that a datagram did not make it: an ICMP message from the error queue, or a send that failed.
struct Unreachability {
  Unreachable kind = Unreachable::soft;
  Endpoint peer;  ///< to whom the datagram was going
  std::uint32_t channel = 0;
  Bytes quote;                       ///< as much of the datagram's payload as came back, possibly none
  std::uint32_t path_mtu_bytes = 0;  ///< for too_large: with headers; 0 for unknown
};

struct Transmit {
  RequestHandle request;
  Endpoint to;
  std::uint32_t channel = 0;
  std::size_t bytes = 0;  ///< of the buffer that was handed in
  Sharing sharing = Sharing::alone;
  std::uint32_t attempt = 1;
  Duration wait{};  ///< until the next transmission, if nothing is heard
};

enum class Outcome : std::uint8_t {
  answered,
  no_answer,  ///< the deadline or the last wait passed in silence: it may have been run or not
  refused,    ///< ICMP: nobody listens there now; a former server may have run one of several `attempts`
  declined,   ///< the server refused, for `reason`
  busy,       ///< the last that was heard is that the server is overloaded
  forbidden,  ///< ICMP or the local system prohibits it
  too_large,  ///< a hop on the way takes no datagram of this size
  cancelled,
  unknown,  ///< the server has been restarted since it was asked: it may have run this or not
};
[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;

/// The end of a request; there is exactly one for each that was started.
struct RequestEvent {
  RequestHandle request;
  std::uint32_t channel = 0;
  Outcome outcome = Outcome::no_answer;
  Endpoint peer;                     ///< who was asked
  Endpoint from;                     ///< who answered: the same, unless promiscuous
  Bytes payload;                     ///< of the reply; points into the datagram of the last handle_datagram
  std::uint32_t attempts = 0;        ///< transmissions
  std::uint32_t mismatches = 0;      ///< datagrams that pretended to answer this request
  std::uint16_t reason = 0;          ///< for declined
  std::uint32_t path_mtu_bytes = 0;  ///< for too_large; 0 for unknown
  bool soft_error = false;           ///< some ICMP said "unreachable" along the way
  /// For answered and declined: an earlier life of the server may have run the request as well, because it
  /// was asked before this one began (docs/at-most-once.md).
  bool maybe_repeated = false;
  bool heard = false;            ///< the server has said "working" or "busy" at least once
  std::optional<Duration> rtt;   ///< in the network: of the transmission that was answered, without `hold`
  std::optional<Duration> hold;  ///< in the server, where the protocol tells
  Duration elapsed{};            ///< since `start`
};

struct RequesterStats {
  std::uint64_t started = 0;
  std::uint64_t answered = 0;
  std::uint64_t transmitted = 0;  ///< datagrams, repeats included
  std::uint64_t retransmitted = 0;
  std::uint64_t received = 0;  ///< datagrams handed in
  std::uint64_t bundled = 0;   ///< messages that came behind another one in the same datagram
  std::uint64_t working = 0;
  std::uint64_t busy = 0;
  std::uint64_t restarted = 0;  ///< notes that a request names another life of its server
  std::uint64_t alarms = 0;     ///< requests that reached `mismatch_alarm`
  DropCounts dropped;

  RequesterStats& operator+=(const RequesterStats& other) noexcept;
};

/// What is worth remembering of a peer between requests, and between requesters.
struct PeerMemory {
  std::optional<Duration> srtt;
  Duration rttvar{};
  std::uint32_t life = 0;  ///< of the server, as last heard; 0 for unknown
  friend bool operator==(const PeerMemory&, const PeerMemory&) = default;
};

/// How much of what docs/limits.md bounds is in use.
struct RequesterOccupancy {
  std::size_t outstanding = 0;  ///< `outstanding_max`
  std::size_t peers = 0;        ///< remembered: `peers_max`
};

class Requester {
 public:
  /// `codec` and `random` must outlive the requester. `random` makes IDs and conversations: in production it
  /// is `SystemRandom`.
  Requester(const Codec& codec, RandomSource& random, const RequesterOptions& options = {});
  Requester(Requester&&) noexcept;
  Requester& operator=(Requester&&) noexcept;
  ~Requester();

  /// Takes a request on; the payload is copied. Transmission follows by poll_transmit.
  [[nodiscard]] StartResult start(Timestamp now, const Endpoint& peer, Bytes payload,
                                  const RequestOptions& options = {});
  /// @return false if it has already ended. Otherwise it ends with Outcome::cancelled.
  bool cancel(Timestamp now, RequestHandle request);

  /// Takes in the first message of a datagram; where `rest` is not empty, hand that in as well.
  Verdict handle_datagram(Timestamp now, const Arrival& arrival);
  /// @return the request that it is about, if one is outstanding (RFC 8085 §5.2)
  std::optional<RequestHandle> handle_unreachable(Timestamp now, const Unreachability& news);
  void handle_timeout(Timestamp now);

  /// When handle_timeout wants to be called; kNever if no request is outstanding. Among many requests that
  /// may be a little before the first of them is due: it then has nothing to do but to say more exactly when.
  [[nodiscard]] Timestamp next_timeout() const;
  /// Writes the next message to send; call until it says nullopt. Each is a datagram by itself; those that
  /// come one after the other for the same peer and channel may also be put into one (`Sharing`).
  /// @param buffer  at least `datagram_bytes_max` bytes
  [[nodiscard]] std::optional<Transmit> poll_transmit(Timestamp now, MutableBytes buffer);
  /// The same into a place of the caller's.
  /// @return false, and `transmit` as it was: there is nothing to send
  [[nodiscard]] bool poll_transmit(Timestamp now, MutableBytes buffer, Transmit& transmit);
  /// The next request that has ended; call until it says nullopt, before the next handle_datagram.
  [[nodiscard]] std::optional<RequestEvent> poll_event();
  /// The same without a copy: good until the next call of this, or until another request ends; nullptr for
  /// none.
  [[nodiscard]] const RequestEvent* next_event();

  [[nodiscard]] std::size_t payload_bytes_max(const Endpoint& peer) const noexcept;
  [[nodiscard]] std::size_t outstanding() const noexcept;
  [[nodiscard]] RequesterOccupancy occupancy() const noexcept;
  [[nodiscard]] const RequesterStats& stats() const noexcept;
  /// The statistics since they were last taken; they start again from zero.
  RequesterStats take_stats() noexcept;
  [[nodiscard]] std::optional<PeerMemory> recall(const Endpoint& peer) const;
  void remember(const Endpoint& peer, const PeerMemory& memory);

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace holler
