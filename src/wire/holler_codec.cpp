#include <algorithm>
#include <limits>

#include "holler/codecs.hpp"

#include "wire/holler_format.hpp"

namespace holler {
namespace {

using namespace format_v1;

/// A duration in whole units, rounded up so that "a little" never becomes "nothing", and saturated.
template <class Unit>
std::uint32_t saturated(Duration length, std::uint32_t most) {
  if (length <= Duration::zero()) return 0;
  const auto units =
      std::chrono::ceil<Unit>(std::min(length, Duration::max() - std::chrono::seconds{1})).count();
  return units >= most ? most : static_cast<std::uint32_t>(units);
}

/// Rounded down: a server must never seem to be older than it is.
std::uint32_t encode_age(Duration age) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(std::max(age, Duration::zero())).count();
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  return whole >= kMost ? kMost : static_cast<std::uint32_t>(whole);
}

/// `working` and `busy` say when to ask again; what ends a request says how old the server is.
bool asks_to_wait(Type type) { return type == Type::working || type == Type::busy; }

std::uint32_t encode_time_left(Duration left) {
  if (left == kForever) return kNoTimeLimit;
  return saturated<std::chrono::milliseconds>(left, kNoTimeLimit - 1);
}

std::optional<Type> type_of(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::reply: return Type::reply;
    case ReplyKind::working: return Type::working;
    case ReplyKind::busy: return Type::busy;
    case ReplyKind::refused: return Type::refused;
    case ReplyKind::verify: return Type::verify;
    case ReplyKind::restarted: return Type::restarted;
    case ReplyKind::dropped: break;
  }
  return std::nullopt;
}

std::optional<ReplyKind> reply_kind_of(std::uint8_t type) {
  switch (Type{type}) {
    case Type::reply: return ReplyKind::reply;
    case Type::working: return ReplyKind::working;
    case Type::busy: return ReplyKind::busy;
    case Type::refused: return ReplyKind::refused;
    case Type::verify: return ReplyKind::verify;
    case Type::restarted: return ReplyKind::restarted;
    default: return std::nullopt;
  }
}

/// The eight bytes that every message of holler's begins with.
struct Prefix {
  std::uint8_t type = 0;
  std::uint8_t attempt = 0;
  std::uint8_t flags = 0;
  std::uint16_t word = 0;  // of a request or reply the size of its payload, of a refusal the reason
  std::optional<DropReason> drop;
};

Prefix read_prefix(ByteReader& reader) {
  Prefix prefix;
  const auto magic = reader.read<std::uint16_t>();
  const auto version = reader.read<std::uint8_t>();
  prefix.type = reader.read<std::uint8_t>();
  prefix.attempt = reader.read<std::uint8_t>();
  prefix.flags = reader.read<std::uint8_t>();
  prefix.word = reader.read<std::uint16_t>();
  if (magic != kMagic) {
    prefix.drop = DropReason::foreign;
  } else if (!reader.ok()) {
    prefix.drop = DropReason::malformed;
  } else if (version != kVersion) {
    prefix.drop = DropReason::unknown_version;
  } else if ((prefix.flags & kCriticalFlags) != 0) {
    prefix.drop = DropReason::malformed;
  }
  return prefix;
}

void write_prefix(ByteWriter& writer, Type type, std::uint8_t attempt, std::uint8_t flags,
                  std::uint16_t word) {
  writer.write(kMagic).write(kVersion).write(static_cast<std::uint8_t>(type));
  writer.write(attempt).write(flags).write(word);
}

/// What follows a message that begins like one; anything else is a part of it, and makes it malformed.
bool another_follows(Bytes rest) {
  return rest.size() >= 2 && rest[0] == std::byte{kMagic >> 8U} && rest[1] == std::byte{kMagic & 0xffU};
}

class HollerCodec final : public Codec {
 public:
  [[nodiscard]] const CodecTraits& traits() const noexcept override {
    static constexpr CodecTraits kTraits{.name = "holler",
                                         .request_overhead_bytes = kRequestHeaderBytes + kCookieBytes,
                                         .reply_header_bytes = kReplyHeaderBytes,
                                         .id_bits = 64,
                                         .numbered = true,
                                         .bundles = true};
    return kTraits;
  }

  [[nodiscard]] std::optional<std::size_t> encode_request(const RequestStamp& stamp, Bytes payload,
                                                          MutableBytes out) const override {
    const bool cookie = stamp.cookie.size() == kCookieBytes;
    const std::uint64_t span = stamp.number - stamp.done_below;
    if (stamp.number == 0 || span >= stamp.number || span > std::numeric_limits<std::uint32_t>::max() ||
        payload.size() > kPayloadBytesMax) {
      return std::nullopt;
    }
    ByteWriter writer{out};
    const int flags = (cookie ? kFlagCookie : 0) | (stamp.bundles ? kFlagBundles : 0);
    write_prefix(writer, Type::request, stamp.attempt, static_cast<std::uint8_t>(flags),
                 static_cast<std::uint16_t>(payload.size()));
    writer.write(stamp.conversation).write(stamp.number).write(stamp.id);
    writer.write(static_cast<std::uint32_t>(span)).write(encode_time_left(stamp.time_left));
    writer.write(stamp.life);
    if (cookie) writer.write_bytes(stamp.cookie);
    writer.write_bytes(payload);
    if (!writer.ok()) return std::nullopt;
    return writer.size();
  }

  [[nodiscard]] ReplyView decode_reply(Bytes datagram) const override {
    ByteReader reader{datagram};
    const Prefix prefix = read_prefix(reader);
    if (prefix.drop) return {.drop = *prefix.drop};
    const auto kind = reply_kind_of(prefix.type);
    if (!kind) return {.drop = DropReason::unknown_type};
    ReplyView view{.kind = *kind, .attempt = prefix.attempt};
    if (*kind != ReplyKind::reply) view.reason = prefix.word;
    view.bundles = (prefix.flags & kFlagBundles) != 0;
    view.number = reader.read<std::uint64_t>();
    view.id = reader.read<std::uint64_t>();
    view.hold = std::chrono::microseconds{reader.read<std::uint32_t>()};
    const std::chrono::milliseconds time{reader.read<std::uint32_t>()};
    (asks_to_wait(Type{prefix.type}) ? view.retry_after : view.age) = time;
    view.life = reader.read<std::uint32_t>();
    if (*kind == ReplyKind::verify) view.cookie = reader.read_bytes(kCookieBytes);
    if (*kind == ReplyKind::reply) view.payload = reader.read_bytes(prefix.word);
    view.rest = reader.rest();
    if (!reader.ok() || (!view.rest.empty() && !another_follows(view.rest))) {
      return {.drop = DropReason::malformed};
    }
    if (*kind == ReplyKind::restarted && view.life == 0) return {.drop = DropReason::malformed};
    return view;
  }

  [[nodiscard]] RequestView decode_request(Bytes datagram) const override {
    ByteReader reader{datagram};
    const Prefix prefix = read_prefix(reader);
    if (prefix.drop) return {.drop = prefix.drop};
    if (Type{prefix.type} != Type::request) return {.drop = DropReason::unknown_type};
    RequestView view{.identified = true, .attempt = prefix.attempt};
    view.conversation = reader.read<std::uint64_t>();
    view.number = reader.read<std::uint64_t>();
    view.id = reader.read<std::uint64_t>();
    const auto span = reader.read<std::uint32_t>();
    const auto left = reader.read<std::uint32_t>();
    view.life = reader.read<std::uint32_t>();
    view.done_below = view.number - span;
    view.time_left = left == kNoTimeLimit ? kForever : Duration{std::chrono::milliseconds{left}};
    if ((prefix.flags & kFlagCookie) != 0) view.cookie = reader.read_bytes(kCookieBytes);
    view.bundles = (prefix.flags & kFlagBundles) != 0;
    const bool whole_header = reader.ok();
    view.payload = reader.read_bytes(prefix.word);
    view.rest = reader.rest();
    if (whole_header && !reader.ok()) {  // cut off, as ICMP quotes it: whose it is can be told all the same
      view.drop = DropReason::malformed;
      return view;
    }
    if (!reader.ok() || span >= view.number || (!view.rest.empty() && !another_follows(view.rest))) {
      return {.drop = DropReason::malformed};
    }
    return view;
  }

  [[nodiscard]] std::optional<std::size_t> encode_reply_header(const ReplyStamp& stamp,
                                                               MutableBytes out) const override {
    const auto type = type_of(stamp.kind);
    if (!type) return std::nullopt;
    constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
    ByteWriter writer{out};
    const bool sized = *type == Type::reply;
    if (sized && stamp.payload_bytes > kPayloadBytesMax) return std::nullopt;
    write_prefix(writer, *type, stamp.attempt, stamp.bundles ? kFlagBundles : 0,
                 sized ? static_cast<std::uint16_t>(stamp.payload_bytes) : stamp.reason);
    writer.write(stamp.number).write(stamp.id);
    writer.write(saturated<std::chrono::microseconds>(stamp.hold, kMost));
    writer.write(asks_to_wait(*type) ? saturated<std::chrono::milliseconds>(stamp.retry_after, kMost)
                                     : encode_age(stamp.age));
    writer.write(stamp.life);
    if (*type == Type::verify) {
      if (stamp.cookie.size() != kCookieBytes) return std::nullopt;
      writer.write_bytes(stamp.cookie);
    }
    if (!writer.ok()) return std::nullopt;
    return writer.size();
  }
};

}  // namespace

const Codec& holler_codec() noexcept {
  static const HollerCodec codec;
  return codec;
}

}  // namespace holler
