#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "holler/bytes.hpp"
#include "holler/drop_reason.hpp"
#include "holler/time.hpp"

/// The seam between the exchange engine and a wire format.
///
/// `Requester` and `Responder` know when to ask again, whose answer counts and what a repeat is; a codec
/// knows bytes. It says how a request is stamped, what a datagram that arrives says about a request, and
/// which two requests are the same one. A codec has no state: one object serves any number of engines and
/// threads. To add a protocol, derive from `Codec` and override the side or sides you need.
namespace holler {

/// What the engine knows of one transmission of one request. A codec writes what its format has room for.
struct RequestStamp {
  std::uint64_t conversation = 0;  ///< random, one for each requester and peer
  std::uint64_t number = 0;        ///< counts up within the conversation, from 1
  std::uint64_t done_below = 0;    ///< every number below this has ended (RIFL §3.3); at most `number`
  std::uint64_t id = 0;            ///< unpredictable; a format with room for fewer bits takes the lowest
  std::uint8_t attempt = 1;        ///< 1 for the first transmission; stays at 255
  Duration time_left{};            ///< until the asker gives up
  std::uint32_t life = 0;  ///< of the server, as the asker knows it (docs/at-most-once.md); 0: unknown
  bool bundles = false;    ///< who sends this takes several messages in one datagram
  Bytes cookie;            ///< proof of an earlier `verify`, or empty
};

/// What a datagram from a peer says.
enum class ReplyKind : std::uint8_t {
  reply,      ///< the answer
  working,    ///< the request has arrived and is being worked on: do not hurry
  busy,       ///< overloaded: ask again after `retry_after`
  refused,    ///< will not be answered, for `reason`
  verify,     ///< repeat the request with `cookie`, to show that its source address is yours
  restarted,  ///< not taken: the request names another life of the server than this one
  dropped,    ///< none of these, for `drop`
};

struct ReplyView {
  ReplyKind kind = ReplyKind::dropped;
  DropReason drop = DropReason::foreign;
  std::uint64_t number = 0;  ///< where the traits say `numbered`
  std::uint64_t id = 0;      ///< as many of the low bits as the format carries
  std::uint8_t attempt = 0;  ///< the transmission that this answers; 0 where the format does not say
  Duration hold{};           ///< how long the server had the request, of the round trip
  Duration retry_after{};    ///< for working and busy
  std::uint32_t life = 0;    ///< of the server that says this; 0 where the format does not tell
  Duration age{};            ///< of that life, for reply, refused and restarted: never more than the truth
  std::uint16_t reason = 0;  ///< for refused: the protocol's own code
  bool bundles = false;      ///< who says this takes several messages in one datagram
  Bytes payload;             ///< points into the datagram
  Bytes cookie;              ///< for verify; points into the datagram
  Bytes rest;                ///< the messages behind this one in the same datagram; empty for none
};

/// What a datagram from an asker says.
struct RequestView {
  std::optional<DropReason> drop;  ///< set: not a request, and why
  /// False: the format cannot tell a repeat from a new request. Also true with `drop` where the header of a
  /// request is whole and its payload is not, as in what ICMP messages quote.
  bool identified = false;
  std::uint64_t conversation = 0;
  std::uint64_t number = 0;
  std::uint64_t done_below = 0;
  std::uint64_t id = 0;
  std::uint8_t attempt = 0;
  Duration time_left = kForever;
  std::uint32_t life = 0;  ///< of the server that the asker has heard; 0: it has heard none
  bool bundles = false;    ///< who asks takes several messages in one datagram
  Bytes payload;           ///< points into the datagram
  Bytes cookie;            ///< points into the datagram; empty for none
  Bytes rest;              ///< the messages behind this one in the same datagram; empty for none
};

/// What the engine knows of one datagram on its way back.
struct ReplyStamp {
  ReplyKind kind = ReplyKind::reply;
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  std::uint8_t attempt = 0;
  Duration hold{};
  Duration retry_after{};
  std::uint32_t life = 0;
  Duration age{};
  std::uint16_t reason = 0;
  bool bundles = false;
  std::size_t payload_bytes = 0;  ///< that will follow what is written, in a reply
  Bytes cookie;
};

/// When a protocol's standard wants a request repeated, instead of holler's own schedule.
struct Schedule {
  Duration first_wait{};           ///< before any sample of the round-trip time
  std::uint32_t attempts_max = 0;  ///< transmissions of one request; 0: as many as the deadline allows
};

struct CodecTraits {
  std::string_view name;
  /// Bytes that a request has beside its payload, at most.
  std::size_t request_overhead_bytes = 0;
  /// Bytes that a reply has in front of its payload, exactly.
  std::size_t reply_header_bytes = 0;
  /// Bits of the ID that travel both ways; 0 for a format without one.
  unsigned id_bits = 0;
  /// Replies carry the request's number, so that it is found without a search, and any number may be
  /// outstanding on one socket. Without it, one socket has one outstanding request for each peer.
  bool numbered = false;
  /// Each request wants a socket, and so a random port, of its own (RFC 5452 §9.2).
  bool fresh_port = false;
  /// A message tells where it ends, so that several may share a datagram.
  bool bundles = false;
  Schedule schedule{};
};

class Codec {
 public:
  Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  virtual ~Codec() = default;

  [[nodiscard]] virtual const CodecTraits& traits() const noexcept = 0;

  // The asker's side.

  /// Writes one transmission of a request.
  /// @return its size in bytes, which may be 0 (an empty datagram is valid); nullopt where it does not fit
  ///         `out` or `payload` is not a request of this format
  [[nodiscard]] virtual std::optional<std::size_t> encode_request(const RequestStamp& stamp, Bytes payload,
                                                                  MutableBytes out) const = 0;
  [[nodiscard]] virtual ReplyView decode_reply(Bytes datagram) const = 0;
  /// A last look at a reply whose source and ID are right: does it answer this request?
  /// @return nullopt if it does, or why it is dropped (such as another question in it)
  [[nodiscard]] virtual std::optional<DropReason> mismatch(Bytes request_payload,
                                                           const ReplyView& reply) const;

  // The server's side; a codec without one leaves these alone.

  [[nodiscard]] virtual RequestView decode_request(Bytes datagram) const;
  /// Writes what stands in front of a reply's payload.
  /// @return its size in bytes; nullopt where it does not fit, or where this format cannot say `stamp.kind`
  [[nodiscard]] virtual std::optional<std::size_t> encode_reply_header(const ReplyStamp& stamp,
                                                                       MutableBytes out) const;
};

}  // namespace holler
