#pragma once

#include "common.hpp"

namespace peers {

/// `peer_enet ask`: reliable packets, each place in a channel of its own, because the packets of one channel
/// wait for those before them.
int ask_by_enet(const Options& options);

}  // namespace peers
