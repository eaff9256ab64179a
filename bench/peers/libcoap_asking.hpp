#pragma once

#include <string_view>

#include "common.hpp"

namespace peers {

/// Modes of asking: as the standard has it, or with the least ACK_TIMEOUT that libcoap takes, 1 s in place of
/// 2 s.
inline constexpr std::string_view kCoapStandard = "standard";
inline constexpr std::string_view kCoapNear = "near";

/// `peer_libcoap ask`: confirmable messages, all outstanding at a time (libcoap alone would send one and keep
/// the others back: NSTART, RFC 7252 §4.7), and all else as it is by default.
int ask_by_libcoap(const Options& options, const char* resource);

}  // namespace peers
