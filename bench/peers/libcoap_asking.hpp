#pragma once

#include "common.hpp"

namespace peers {

/// `peer_libcoap ask`: confirmable messages, all outstanding at a time (libcoap alone would send one and keep
/// the others back: NSTART, RFC 7252 §4.7), and all else as it is by default.
int ask_by_libcoap(const Options& options, const char* resource);

}  // namespace peers
