#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "holler/codec.hpp"

#include "base/small_copy.hpp"
#include "wire/holler_format.hpp"

namespace holler {

/// holler's own format. It stands in a header so that the engine's way of a message, which calls it four
/// times, is compiled with it (`with_codec`).
class HollerCodec final : public Codec {
 public:
  [[nodiscard]] const CodecTraits& traits() const noexcept override;
  [[nodiscard, gnu::always_inline]] inline std::optional<std::size_t> encode_request(
      const RequestStamp& stamp, Bytes payload, MutableBytes out) const override;
  [[nodiscard, gnu::always_inline]] inline ReplyView decode_reply(Bytes datagram) const override;
  /// Number and ID say all that there is to say.
  [[nodiscard]] std::optional<DropReason> mismatch(Bytes /*request_payload*/,
                                                   const ReplyView& /*reply*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] RequestView decode_request(Bytes datagram) const override;
  [[nodiscard, gnu::always_inline]] inline std::optional<std::size_t> encode_reply_header(
      const ReplyStamp& stamp, MutableBytes out) const override;

  /// Whether a datagram begins with a whole request, and either ends there or goes on with another message.
  [[nodiscard, gnu::always_inline]] static inline bool holds_request(Bytes datagram) noexcept;
  /// `decode_request` of a datagram that does: the way of nearly all, on which nothing else is asked.
  [[nodiscard, gnu::always_inline]] static inline RequestView read_request(Bytes datagram) noexcept;

  /// The only one; what `holler_codec()` returns.
  static const HollerCodec kOne;

 private:
  /// What the header of a request says, which is whole, and what else there is of it.
  [[nodiscard, gnu::always_inline]] static inline RequestView request_view(const std::byte* header,
                                                                           Bytes payload, Bytes cookie,
                                                                           Bytes rest) noexcept;
};

/// Calls `use` with a codec, and where it is holler's own with its own type, so that no call is virtual.
template <class Use>
[[gnu::always_inline]] inline decltype(auto) with_codec(const Codec& codec, Use&& use) {
  if (&codec == &HollerCodec::kOne) [[likely]]
    return use(HollerCodec::kOne);
  return use(codec);
}

namespace format_v1 {

/// A duration in whole units, rounded up so that "a little" never becomes "nothing", and saturated.
template <class Unit>
[[nodiscard]] inline std::uint32_t saturated(Duration length, std::uint32_t most) noexcept {
  constexpr std::uint64_t kUnit = std::chrono::duration_cast<Duration>(Unit{1}).count();
  if (length <= Duration::zero()) return 0;
  const std::uint64_t units = (static_cast<std::uint64_t>(length.count()) + (kUnit - 1)) / kUnit;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(units, most));
}

/// Rounded down: a server must never seem to be older than it is.
[[nodiscard]] inline std::uint32_t encode_age(Duration age) noexcept {
  constexpr std::uint64_t kMillisecond = 1'000'000;
  if (age <= Duration::zero()) return 0;
  const std::uint64_t whole = static_cast<std::uint64_t>(age.count()) / kMillisecond;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(whole, std::numeric_limits<std::uint32_t>::max()));
}

[[nodiscard]] inline std::uint32_t encode_time_left(Duration left) noexcept {
  if (left == kForever) return kNoTimeLimit;
  return saturated<std::chrono::milliseconds>(left, kNoTimeLimit - 1);
}

/// `working` and `busy` say when to ask again; what ends a request says how old the server is.
[[nodiscard]] constexpr bool asks_to_wait(ReplyKind kind) noexcept {
  return kind == ReplyKind::working || kind == ReplyKind::busy;
}

/// By ReplyKind, up to `dropped`.
inline constexpr std::array<Type, 6> kTypeOfKind{Type::reply,   Type::working, Type::busy,
                                                 Type::refused, Type::verify,  Type::restarted};

[[nodiscard]] constexpr ReplyKind reply_kind_of(std::uint8_t type) noexcept {
  for (std::size_t kind = 0; kind < kTypeOfKind.size(); ++kind) {
    if (static_cast<std::uint8_t>(kTypeOfKind[kind]) == type) return static_cast<ReplyKind>(kind);
  }
  return ReplyKind::dropped;
}
/// By type: a message is looked at for every answer.
inline constexpr auto kKindOfType = [] {
  std::array<ReplyKind, 256> kinds{};
  for (std::size_t type = 0; type < kinds.size(); ++type) {
    kinds[type] = reply_kind_of(static_cast<std::uint8_t>(type));
  }
  return kinds;
}();

/// What of the first eight bytes is the same in every message: magic, version, and no critical flag.
inline constexpr std::uint64_t kFixedBits = 0xffff'ff00'0000'0000U | std::uint64_t{kCriticalFlags} << 16U;
inline constexpr std::uint64_t kFixed = std::uint64_t{kMagic} << 48U | std::uint64_t{kVersion} << 40U;

/// The first eight bytes of a message.
struct Prefix {
  std::uint64_t bits = 0;

  [[nodiscard]] std::uint8_t type() const noexcept { return static_cast<std::uint8_t>(bits >> 32U); }
  [[nodiscard]] std::uint8_t attempt() const noexcept { return static_cast<std::uint8_t>(bits >> 24U); }
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept {
    return (bits & std::uint64_t{flag} << 16U) != 0;
  }
  /// Of a request or reply the size of its payload, of a refusal the reason.
  [[nodiscard]] std::uint16_t word() const noexcept { return static_cast<std::uint16_t>(bits); }
  /// It is one, of this type.
  [[nodiscard]] bool begins(Type wanted) const noexcept {
    constexpr std::uint64_t kTypeBits = std::uint64_t{0xff} << 32U;
    return (bits & (kFixedBits | kTypeBits)) ==
           (kFixed | std::uint64_t{static_cast<std::uint8_t>(wanted)} << 32U);
  }
};

/// How many bytes a request that begins like this has in front of its payload.
[[nodiscard]] inline std::size_t request_header_bytes(Prefix prefix) noexcept {
  return kRequestHeaderBytes + (prefix.has(kFlagCookie) ? kCookieBytes : 0);
}

/// Why a datagram that begins like this is not read any further.
[[nodiscard]] DropReason prefix_fault(Bytes datagram) noexcept;

/// @return nullopt where `prefix_fault` says why not
[[nodiscard]] inline std::optional<Prefix> read_prefix(Bytes datagram) noexcept {
  if (datagram.size() < kPrefixBytes) return std::nullopt;
  const Prefix prefix{load_number<std::uint64_t>(datagram.data())};
  if ((prefix.bits & kFixedBits) != kFixed) return std::nullopt;
  return prefix;
}

inline void store_prefix(std::byte* out, Type type, std::uint8_t attempt, std::uint8_t flags,
                         std::uint16_t word) noexcept {
  store_number(out, kFixed | std::uint64_t{static_cast<std::uint8_t>(type)} << 32U |
                        std::uint64_t{attempt} << 24U | std::uint64_t{flags} << 16U | word);
}

/// What follows a message that begins like one; anything else is a part of it, and makes it malformed.
[[nodiscard]] inline bool another_follows(Bytes rest) noexcept {
  return rest.empty() || (rest.size() >= 2 && load_number<std::uint16_t>(rest.data()) == kMagic);
}

}  // namespace format_v1

std::optional<std::size_t> HollerCodec::encode_request(const RequestStamp& stamp, Bytes payload,
                                                       MutableBytes out) const {
  using namespace format_v1;
  const bool cookie = stamp.cookie.size() == kCookieBytes;
  const std::uint64_t span = stamp.number - stamp.done_below;
  const std::size_t header_bytes = kRequestHeaderBytes + (cookie ? kCookieBytes : 0);
  if (stamp.number == 0 || span >= stamp.number || span > std::numeric_limits<std::uint32_t>::max() ||
      payload.size() > kPayloadBytesMax || out.size() < header_bytes + payload.size()) {
    return std::nullopt;
  }
  const int flags = (cookie ? kFlagCookie : 0) | (stamp.bundles ? kFlagBundles : 0);
  std::byte* const data = out.data();
  store_prefix(data, Type::request, stamp.attempt, static_cast<std::uint8_t>(flags),
               static_cast<std::uint16_t>(payload.size()));
  store_number(data + kConversationAt, stamp.conversation);
  store_number(data + 16, stamp.number);
  store_number(data + 24, stamp.id);
  store_number(data + 32, static_cast<std::uint32_t>(span));
  store_number(data + 36, encode_time_left(stamp.time_left));
  store_number(data + 40, stamp.life);
  if (cookie) std::memcpy(data + kRequestHeaderBytes, stamp.cookie.data(), kCookieBytes);
  small_copy(data + header_bytes, payload);
  return header_bytes + payload.size();
}

ReplyView HollerCodec::decode_reply(Bytes datagram) const {
  using namespace format_v1;
  const auto prefix = read_prefix(datagram);
  if (!prefix) return {.drop = prefix_fault(datagram)};
  const ReplyKind kind = kKindOfType[prefix->type()];
  if (kind == ReplyKind::dropped) return {.drop = DropReason::unknown_type};
  const bool proof = kind == ReplyKind::verify;
  const std::size_t payload_bytes = kind == ReplyKind::reply ? prefix->word() : 0;
  const std::size_t header_bytes = kReplyHeaderBytes + (proof ? kCookieBytes : 0);
  if (datagram.size() < header_bytes + payload_bytes) return {.drop = DropReason::malformed};
  const std::byte* const data = datagram.data();
  const Bytes rest = datagram.subspan(header_bytes + payload_bytes);
  const auto life = load_number<std::uint32_t>(data + 32);
  const bool lifeless = kind == ReplyKind::restarted && life == 0;
  if (lifeless || !another_follows(rest)) return {.drop = DropReason::malformed};
  const std::chrono::milliseconds time{load_number<std::uint32_t>(data + 28)};
  const bool waits = asks_to_wait(kind);
  return {.kind = kind,
          .number = load_number<std::uint64_t>(data + 8),
          .id = load_number<std::uint64_t>(data + 16),
          .attempt = prefix->attempt(),
          .hold = std::chrono::microseconds{load_number<std::uint32_t>(data + 24)},
          .retry_after = waits ? Duration{time} : Duration{},
          .life = life,
          .age = waits ? Duration{} : Duration{time},
          .reason = kind == ReplyKind::reply ? std::uint16_t{0} : prefix->word(),
          .bundles = prefix->has(kFlagBundles),
          .payload = datagram.subspan(header_bytes, payload_bytes),
          .cookie = datagram.subspan(kReplyHeaderBytes, proof ? kCookieBytes : 0),
          .rest = rest};
}

bool HollerCodec::holds_request(Bytes datagram) noexcept {
  using namespace format_v1;
  if (datagram.size() < kRequestHeaderBytes) [[unlikely]]
    return false;
  const std::byte* const data = datagram.data();
  const Prefix prefix{load_number<std::uint64_t>(data)};
  if (!prefix.begins(Type::request) ||
      load_number<std::uint32_t>(data + 32) >= load_number<std::uint64_t>(data + 16)) [[unlikely]] {
    return false;
  }
  const std::size_t bytes = request_header_bytes(prefix) + prefix.word();
  return datagram.size() >= bytes && another_follows(datagram.subspan(bytes));
}

RequestView HollerCodec::read_request(Bytes datagram) noexcept {
  using namespace format_v1;
  const Prefix prefix{load_number<std::uint64_t>(datagram.data())};
  const std::size_t header_bytes = request_header_bytes(prefix);
  return request_view(datagram.data(), datagram.subspan(header_bytes, prefix.word()),
                      datagram.subspan(kRequestHeaderBytes, header_bytes - kRequestHeaderBytes),
                      datagram.subspan(header_bytes + prefix.word()));
}

RequestView HollerCodec::request_view(const std::byte* header, Bytes payload, Bytes cookie,
                                      Bytes rest) noexcept {
  using namespace format_v1;
  const Prefix prefix{load_number<std::uint64_t>(header)};
  const auto number = load_number<std::uint64_t>(header + 16);
  const auto left = load_number<std::uint32_t>(header + 36);
  return {.drop = std::nullopt,
          .identified = true,
          .conversation = load_number<std::uint64_t>(header + kConversationAt),
          .number = number,
          .done_below = number - load_number<std::uint32_t>(header + 32),
          .id = load_number<std::uint64_t>(header + 24),
          .attempt = prefix.attempt(),
          .time_left = left == kNoTimeLimit ? kForever : std::chrono::milliseconds{left},
          .life = load_number<std::uint32_t>(header + 40),
          .bundles = prefix.has(kFlagBundles),
          .payload = payload,
          .cookie = cookie,
          .rest = rest};
}

std::optional<std::size_t> HollerCodec::encode_reply_header(const ReplyStamp& stamp, MutableBytes out) const {
  using namespace format_v1;
  if (stamp.kind == ReplyKind::dropped) [[unlikely]]
    return std::nullopt;
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  const bool sized = stamp.kind == ReplyKind::reply;
  const bool proof = stamp.kind == ReplyKind::verify;
  const std::size_t header_bytes = kReplyHeaderBytes + (proof ? kCookieBytes : 0);
  if (out.size() < header_bytes || (sized && stamp.payload_bytes > kPayloadBytesMax) ||
      (proof && stamp.cookie.size() != kCookieBytes)) [[unlikely]] {
    return std::nullopt;
  }
  std::byte* const data = out.data();
  store_prefix(data, kTypeOfKind[static_cast<std::size_t>(stamp.kind)], stamp.attempt,
               stamp.bundles ? kFlagBundles : 0,
               sized ? static_cast<std::uint16_t>(stamp.payload_bytes) : stamp.reason);
  store_number(data + 8, stamp.number);
  store_number(data + 16, stamp.id);
  store_number(data + 24, saturated<std::chrono::microseconds>(stamp.hold, kMost));
  store_number(data + 28, asks_to_wait(stamp.kind)
                              ? saturated<std::chrono::milliseconds>(stamp.retry_after, kMost)
                              : encode_age(stamp.age));
  store_number(data + 32, stamp.life);
  if (proof) std::memcpy(data + kReplyHeaderBytes, stamp.cookie.data(), kCookieBytes);
  return header_bytes;
}

}  // namespace holler
