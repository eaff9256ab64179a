#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>

#include "holler/bundler.hpp"
#include "holler/bytes.hpp"
#include "holler/codec.hpp"
#include "holler/drop_reason.hpp"
#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

/// The answering half of the exchange engine, without socket, clock or thread. It hands each request out
/// once, however often it arrives, answers repeats from memory, and keeps within docs/limits.md.
namespace holler {

/// A request that has been handed out and not yet answered.
struct JobHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend constexpr bool operator==(const JobHandle&, const JobHandle&) noexcept = default;
};

struct ResponderOptions {
  std::size_t jobs_max = 1U << 16U;           ///< handed out and unanswered; beyond it askers are told "busy"
  std::size_t conversations_max = 1U << 20U;  ///< remembered; beyond it new askers are told "busy"
  std::size_t replies_max = 1U << 20U;        ///< remembered requests; beyond it askers are told "busy"
  std::size_t reply_bytes_max = 256U << 20U;  ///< remembered reply payloads together, in bytes
  std::size_t datagram_bytes_max = kPayloadBytesMaxV4;  ///< the largest datagram to send
  /// How long a copy of a request may still arrive after its asker has given up (RFC 8085 §3.3: 2 minutes
  /// and more); a reply is remembered until then.
  Duration datagram_lifetime = std::chrono::minutes{2};
  /// An asker's deadline counts for no more than this, so that no one can make us remember for ever.
  Duration time_left_max = std::chrono::minutes{10};
  Duration working_retry = std::chrono::seconds{1};  ///< what "working" tells an asker to wait
  Duration busy_retry = std::chrono::seconds{1};     ///< what "busy" tells an asker to wait, at least
  /// When every datagram of the last 100 ms has lain in the receive buffer for longer than this, and than 32
  /// requests take, the server is asked more than it can do: of new requests most are told "busy", each to
  /// come back a little later than the one before (RFC 8289 §4.2: 5 ms). 0: it takes on what comes.
  Duration standing_wait = std::chrono::milliseconds{5};
  /// Replies to an address that has not shown that it is the asker's have at most this many times the
  /// bytes that it sent, IP and UDP headers included (RFC 9000 §8.1); 0 for no limit. Loopback counts as
  /// shown.
  std::uint32_t amplification_max = 3;
  /// Which life of the server this is (docs/at-most-once.md); 0 to draw a number. Several responders that
  /// serve one address from one memory share it.
  std::uint32_t life = 0;
  /// When that life took over its addresses; empty for the first call that tells the time. Never earlier than
  /// the truth: what was asked before then, an earlier server at the same address may have done.
  std::optional<Timestamp> born;
  /// A request of an asker who has heard of no life yet may have been run by an earlier one. Until this life
  /// has lasted for so long, such a request is not taken: its asker is told to name this life, which costs a
  /// round trip. With 0 it is taken, and the asker is told how young this life is. Where nothing may be done
  /// twice, `datagram_lifetime` and the longest deadline of any asker together are right.
  Duration strangers_after{};
  bool answer_broadcast = false;  ///< answer what arrives by broadcast or multicast
  /// The owner hands in all that a datagram holds (`ReceiptResult::rest`): askers may put several requests
  /// into one.
  bool bundles = false;
  /// Replies wait for so long for others to the same asker, to leave in one datagram with them. 0: those that
  /// are there at the same time share datagrams, and nothing waits.
  Duration bundle_delay{};
};

/// A datagram as it arrived at a server, or what is left of it.
struct Incoming {
  Endpoint from;
  Endpoint to;  ///< the address and port that it was sent to; the reply leaves from there
  std::uint32_t channel = 0;
  std::uint32_t interface = 0;  ///< index of the interface it arrived on; 0 for unknown
  Delivery delivery = Delivery::unicast;
  Bytes bytes;
  bool truncated = false;
  bool continued = false;  ///< it is the `rest` of a datagram whose beginning has been handed in
  /// How long it lay in the receive buffer before it was read: that much of its asker's time is gone.
  Duration waited{};
};

enum class Receipt : std::uint8_t {
  request,          ///< new: poll_request hands it out
  repeat_working,   ///< a copy; its asker is told that work is under way
  repeat_answered,  ///< a copy; it gets the remembered reply
  declined,         ///< refused politely: busy, wants proof of the address, or is for another life
  dropped,
};

struct ReceiptResult {
  Receipt receipt = Receipt::dropped;
  DropReason drop{};  ///< for dropped
  /// What follows the message in the same datagram. Where it is not empty, call `handle_rest`, or hand it in
  /// with `Incoming::continued`, once `poll_request` has said nullopt.
  Bytes rest;
};

struct IncomingRequest {
  JobHandle job;
  Endpoint from;
  Endpoint to;
  std::uint32_t channel = 0;
  Delivery delivery = Delivery::unicast;
  const Codec* codec = nullptr;
  bool identified = true;           ///< false where a repeat looks like a new request
  std::uint8_t attempt = 1;         ///< 0 where the protocol does not tell
  Duration time_left = kForever;    ///< until the asker gives up
  Bytes payload;                    ///< points into the datagram of the last handle_datagram
  std::size_t reply_bytes_max = 0;  ///< that fit a reply
};

struct ResponseTransmit {
  Endpoint to;
  Endpoint from;  ///< the address that was asked
  std::uint32_t channel = 0;
  std::uint32_t interface = 0;
  std::size_t bytes = 0;
  ReplyKind kind = ReplyKind::reply;
  bool repeat = false;  ///< this reply has been sent before
  Sharing sharing = Sharing::alone;
};

/// What has become of a reply that could have left at once.
struct PromptReply {
  enum class State : std::uint8_t {
    rejected,  ///< the job is unknown or the reply too large: nothing is sent
    taken,     ///< as `reply` takes it: if there is anything to send, `poll_transmit` will say so
    written,   ///< it is in the buffer, and leaves by the way that the request has come
  };
  State state = State::rejected;
  // where it is written:
  ReplyKind kind = ReplyKind::reply;
  bool repeat = false;  ///< this reply has been sent before
  Sharing sharing = Sharing::alone;
  std::uint32_t bytes = 0;
};

struct ResponderStats {
  std::uint64_t received = 0;  ///< datagrams handed in
  std::uint64_t bundled = 0;   ///< messages that came behind another one in the same datagram
  std::uint64_t requests = 0;  ///< handed out to the handler
  std::uint64_t answered = 0;  ///< requests whose reply was first sent
  std::uint64_t repeated = 0;  ///< copies of a request already known
  std::uint64_t working = 0;   ///< "working" notes sent
  std::uint64_t busy = 0;      ///< "busy" notes sent
  std::uint64_t refused = 0;
  std::uint64_t restarted = 0;  ///< "restarted" notes sent: requests for another life
  std::uint64_t verified = 0;   ///< addresses that showed a valid cookie
  DropCounts dropped;

  ResponderStats& operator+=(const ResponderStats& other) noexcept;
};

/// How much of what docs/limits.md bounds is in use.
struct ResponderOccupancy {
  std::size_t jobs = 0;           ///< handed out and unanswered: `jobs_max`
  std::size_t conversations = 0;  ///< `conversations_max`
  std::size_t places = 0;         ///< for requests remembered: `replies_max`
  std::size_t payload_bytes = 0;  ///< of replies remembered: `reply_bytes_max`
  std::size_t outgoing = 0;       ///< datagrams that wait to be sent
};

class Responder {
 public:
  /// Codecs are tried in order; the first that does not call a datagram foreign has it. They and `random`
  /// must outlive the responder.
  Responder(std::initializer_list<const Codec*> codecs, RandomSource& random,
            const ResponderOptions& options = {});
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();

  /// Takes in the first message of a datagram; where `rest` is not empty, hand that in as well.
  ReceiptResult handle_datagram(Timestamp now, const Incoming& incoming);
  /// Takes in the next message of the datagram that was handed in last, whose bytes must still be there. Only
  /// where the call before has said that there is a `rest`.
  ReceiptResult handle_rest(Timestamp now);
  void handle_timeout(Timestamp now);
  /// When handle_timeout wants to be called; kNever for never. Among many it may be a little earlier than the
  /// first of them, as with a `Requester`.
  [[nodiscard]] Timestamp next_timeout() const;

  /// The next new request; call until it says nullopt, before the next handle_datagram.
  [[nodiscard]] std::optional<IncomingRequest> poll_request();
  /// `poll_request` without a copy: it points to what is good until the next message is taken in.
  /// @return nullptr for none
  [[nodiscard]] const IncomingRequest* take_request() noexcept;
  /// Answers a job. It may be called at any later time; the payload is copied.
  /// @param not_before  hold the reply back until then, but for `time_left_max` at most; askers who repeat
  ///                    are told "working"
  /// @return false, and nothing is sent, if the job is unknown or the reply too large
  bool reply(Timestamp now, JobHandle job, Bytes payload, Timestamp not_before = Timestamp::min());
  /// `reply`, for an owner that can send now: where nothing else is ready to leave before it, the message is
  /// written into `buffer`, as `poll_transmit` would have done, and is not queued. Only for the request that
  /// was handed out last, while no copy of it has come; for any other it is as `reply`.
  /// @param buffer  at least `datagram_bytes_max` bytes
  PromptReply reply_at_once(Timestamp now, JobHandle job, Bytes payload, MutableBytes buffer);
  /// Tells the asker that this will not be done; `reason` is the application's.
  bool refuse(Timestamp now, JobHandle job, std::uint16_t reason);
  /// Tells the asker to come back; the request is forgotten, so that a later copy is handed out anew. For
  /// a handler that has not begun.
  bool postpone(Timestamp now, JobHandle job, Duration retry_after);
  /// Ends a job without any answer.
  bool ignore(Timestamp now, JobHandle job);

  /// Writes the next message to send; call until it says nullopt. Each is a datagram by itself; those that
  /// come one after the other with the same addresses may also be put into one (`Sharing`).
  /// @param buffer  at least `datagram_bytes_max` bytes
  [[nodiscard]] std::optional<ResponseTransmit> poll_transmit(Timestamp now, MutableBytes buffer);

  [[nodiscard]] std::size_t reply_bytes_max(JobHandle job) const noexcept;
  [[nodiscard]] std::size_t jobs() const noexcept;
  [[nodiscard]] std::size_t remembered_requests() const noexcept;
  [[nodiscard]] std::size_t remembered_bytes() const noexcept;
  [[nodiscard]] ResponderOccupancy occupancy() const noexcept;
  [[nodiscard]] const ResponderStats& stats() const noexcept;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace holler
