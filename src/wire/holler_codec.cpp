#include <algorithm>
#include <cstring>
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

/// Why a datagram that begins like this is not read any further.
std::optional<DropReason> prefix_fault(Bytes datagram) {
  if (datagram.size() < 2 || load_number<std::uint16_t>(datagram.data()) != kMagic)
    return DropReason::foreign;
  if (datagram.size() < kPrefixBytes) return DropReason::malformed;
  if (std::to_integer<std::uint8_t>(datagram[kVersionAt]) != kVersion) return DropReason::unknown_version;
  if ((std::to_integer<std::uint8_t>(datagram[kFlagsAt]) & kCriticalFlags) != 0) return DropReason::malformed;
  return std::nullopt;
}

/// What follows a message that begins like one; anything else is a part of it, and makes it malformed.
bool another_follows(Bytes rest) {
  return rest.empty() || (rest.size() >= 2 && load_number<std::uint16_t>(rest.data()) == kMagic);
}

/// @param word  of a request or reply the size of its payload, of a refusal the reason
void store_prefix(std::byte* out, Type type, std::uint8_t attempt, std::uint8_t flags, std::uint16_t word) {
  const auto head = std::uint64_t{kMagic} << 48U | std::uint64_t{kVersion} << 40U |
                    std::uint64_t{static_cast<std::uint8_t>(type)} << 32U | std::uint64_t{attempt} << 24U |
                    std::uint64_t{flags} << 16U | word;
  store_number(out, head);
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
    const std::size_t header_bytes = kRequestHeaderBytes + (cookie ? kCookieBytes : 0);
    if (stamp.number == 0 || span >= stamp.number || span > std::numeric_limits<std::uint32_t>::max() ||
        payload.size() > kPayloadBytesMax || out.size() < header_bytes + payload.size()) {
      return std::nullopt;
    }
    const int flags = (cookie ? kFlagCookie : 0) | (stamp.bundles ? kFlagBundles : 0);
    store_prefix(out.data(), Type::request, stamp.attempt, static_cast<std::uint8_t>(flags),
                 static_cast<std::uint16_t>(payload.size()));
    store_number(out.data() + kConversationAt, stamp.conversation);
    store_number(out.data() + 16, stamp.number);
    store_number(out.data() + 24, stamp.id);
    store_number(out.data() + 32, static_cast<std::uint32_t>(span));
    store_number(out.data() + 36, encode_time_left(stamp.time_left));
    store_number(out.data() + 40, stamp.life);
    if (cookie) std::memcpy(out.data() + kRequestHeaderBytes, stamp.cookie.data(), kCookieBytes);
    if (!payload.empty()) std::memcpy(out.data() + header_bytes, payload.data(), payload.size());
    return header_bytes + payload.size();
  }

  [[nodiscard]] ReplyView decode_reply(Bytes datagram) const override {
    if (const auto fault = prefix_fault(datagram)) return {.drop = *fault};
    const auto type = std::to_integer<std::uint8_t>(datagram[kTypeAt]);
    const auto kind = reply_kind_of(type);
    if (!kind) return {.drop = DropReason::unknown_type};
    const auto word = load_number<std::uint16_t>(datagram.data() + kWordAt);
    const bool proof = *kind == ReplyKind::verify;
    const std::size_t payload_bytes = *kind == ReplyKind::reply ? word : 0;
    const std::size_t header_bytes = kReplyHeaderBytes + (proof ? kCookieBytes : 0);
    if (datagram.size() < header_bytes + payload_bytes) return {.drop = DropReason::malformed};
    const std::byte* const data = datagram.data();
    const Bytes rest = datagram.subspan(header_bytes + payload_bytes);
    const std::chrono::milliseconds time{load_number<std::uint32_t>(data + 28)};
    const bool waits = asks_to_wait(Type{type});
    ReplyView view{.kind = *kind,
                   .number = load_number<std::uint64_t>(data + 8),
                   .id = load_number<std::uint64_t>(data + 16),
                   .attempt = std::to_integer<std::uint8_t>(data[kAttemptAt]),
                   .hold = std::chrono::microseconds{load_number<std::uint32_t>(data + 24)},
                   .retry_after = waits ? Duration{time} : Duration{},
                   .life = load_number<std::uint32_t>(data + 32),
                   .age = waits ? Duration{} : Duration{time},
                   .reason = *kind == ReplyKind::reply ? std::uint16_t{0} : word,
                   .bundles = (std::to_integer<std::uint8_t>(data[kFlagsAt]) & kFlagBundles) != 0,
                   .payload = datagram.subspan(header_bytes, payload_bytes),
                   .cookie = datagram.subspan(kReplyHeaderBytes, proof ? kCookieBytes : 0),
                   .rest = rest};
    const bool lifeless = *kind == ReplyKind::restarted && view.life == 0;
    if (lifeless || !another_follows(rest)) return {.drop = DropReason::malformed};
    return view;
  }

  [[nodiscard]] RequestView decode_request(Bytes datagram) const override {
    if (const auto fault = prefix_fault(datagram)) return {.drop = fault};
    if (Type{std::to_integer<std::uint8_t>(datagram[kTypeAt])} != Type::request) {
      return {.drop = DropReason::unknown_type};
    }
    if (datagram.size() < kRequestHeaderBytes) return {.drop = DropReason::malformed};
    const std::byte* const data = datagram.data();
    const auto flags = std::to_integer<std::uint8_t>(data[kFlagsAt]);
    const auto number = load_number<std::uint64_t>(data + 16);
    const auto span = load_number<std::uint32_t>(data + 32);
    const auto left = load_number<std::uint32_t>(data + 36);
    if (span >= number) return {.drop = DropReason::malformed};
    RequestView view{.identified = true,
                     .conversation = load_number<std::uint64_t>(data + kConversationAt),
                     .number = number,
                     .done_below = number - span,
                     .id = load_number<std::uint64_t>(data + 24),
                     .attempt = std::to_integer<std::uint8_t>(data[kAttemptAt]),
                     .time_left = left == kNoTimeLimit ? kForever : Duration{std::chrono::milliseconds{left}},
                     .life = load_number<std::uint32_t>(data + 40),
                     .bundles = (flags & kFlagBundles) != 0};
    const std::size_t cookie_bytes = (flags & kFlagCookie) != 0 ? kCookieBytes : 0;
    const std::size_t header_bytes = kRequestHeaderBytes + cookie_bytes;
    const auto payload_bytes = load_number<std::uint16_t>(data + kWordAt);
    if (datagram.size() < header_bytes + payload_bytes) {
      view.drop = DropReason::malformed;  // cut off, as ICMP quotes it: whose it is can be told all the same
      return view;
    }
    view.cookie = datagram.subspan(kRequestHeaderBytes, cookie_bytes);
    view.payload = datagram.subspan(header_bytes, payload_bytes);
    view.rest = datagram.subspan(header_bytes + payload_bytes);
    if (!another_follows(view.rest)) return {.drop = DropReason::malformed};
    return view;
  }

  [[nodiscard]] std::optional<std::size_t> encode_reply_header(const ReplyStamp& stamp,
                                                               MutableBytes out) const override {
    const auto type = type_of(stamp.kind);
    if (!type) return std::nullopt;
    constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
    const bool sized = *type == Type::reply;
    const bool proof = *type == Type::verify;
    const std::size_t header_bytes = kReplyHeaderBytes + (proof ? kCookieBytes : 0);
    if (out.size() < header_bytes || (sized && stamp.payload_bytes > kPayloadBytesMax) ||
        (proof && stamp.cookie.size() != kCookieBytes)) {
      return std::nullopt;
    }
    store_prefix(out.data(), *type, stamp.attempt, stamp.bundles ? kFlagBundles : 0,
                 sized ? static_cast<std::uint16_t>(stamp.payload_bytes) : stamp.reason);
    store_number(out.data() + 8, stamp.number);
    store_number(out.data() + 16, stamp.id);
    store_number(out.data() + 24, saturated<std::chrono::microseconds>(stamp.hold, kMost));
    store_number(out.data() + 28, asks_to_wait(*type)
                                      ? saturated<std::chrono::milliseconds>(stamp.retry_after, kMost)
                                      : encode_age(stamp.age));
    store_number(out.data() + 32, stamp.life);
    if (proof) std::memcpy(out.data() + kReplyHeaderBytes, stamp.cookie.data(), kCookieBytes);
    return header_bytes;
  }
};

}  // namespace

const Codec& holler_codec() noexcept {
  static const HollerCodec codec;
  return codec;
}

}  // namespace holler
