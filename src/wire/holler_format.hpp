#pragma once

#include <cstddef>
#include <cstdint>

/// The numbers of holler's own wire format; docs/protocol.md has the bits, with worked examples.
namespace holler::format_v1 {

inline constexpr std::uint16_t kMagic =
    0xf548;  ///< F5 occurs in no UTF-8 text: plain text is never taken for holler's
inline constexpr std::uint8_t kVersion = 1;

enum class Type : std::uint8_t {
  request = 1,
  reply = 2,
  working = 3,
  busy = 4,
  refused = 5,
  probe = 6,        // reserved for path MTU discovery
  probe_reply = 7,  // likewise
  verify = 8,
  restarted = 9,
};

inline constexpr std::uint8_t kFlagCookie = 0x01;
inline constexpr std::uint8_t kFlagBundles = 0x02;
/// A receiver that does not know one of these flags must drop the datagram; the others it may ignore.
inline constexpr std::uint8_t kCriticalFlags = 0xf0;

// Where the fields lie that every message has, in bytes from its beginning.
inline constexpr std::size_t kVersionAt = 2;
inline constexpr std::size_t kTypeAt = 3;
inline constexpr std::size_t kAttemptAt = 4;
inline constexpr std::size_t kFlagsAt = 5;
inline constexpr std::size_t kWordAt = 6;  ///< payload bytes, or reason
inline constexpr std::size_t kPrefixBytes = 8;
inline constexpr std::size_t kConversationAt = kPrefixBytes;  ///< in a request

inline constexpr std::size_t kRequestHeaderBytes = 44;
inline constexpr std::size_t kReplyHeaderBytes = 36;
inline constexpr std::size_t kCookieBytes = 16;
inline constexpr std::size_t kPayloadBytesMax =
    0xffff;  ///< of what a message can tell; a datagram takes less
inline constexpr std::uint32_t kNoTimeLimit = 0xffffffff;

}  // namespace holler::format_v1
