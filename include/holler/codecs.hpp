#pragma once

#include "holler/codec.hpp"

/// The protocols that holler speaks. The objects live as long as the program.
namespace holler {

/// holler's own format (docs/protocol.md): numbers, 64-bit IDs, attempt echo, at-most-once.
[[nodiscard]] const Codec& holler_codec() noexcept;

/// No format at all: the payload is the datagram, and whatever comes back from the peer is the answer.
/// For nc, the chapter's programs and protocols made by hand. It has no ID, so each request uses a port
/// of its own, and a server cannot tell a repeat from a new request.
[[nodiscard]] const Codec& plain_codec() noexcept;

/// DNS queries (RFC 1035, RFC 6891). The payload is a whole DNS message both ways (see dns.hpp); the
/// codec writes the message ID and accepts only a response to the same ID and question (RFC 5452 §9.1).
[[nodiscard]] const Codec& dns_codec() noexcept;

}  // namespace holler
