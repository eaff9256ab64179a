#pragma once

#include "common.hpp"

namespace peers {

/// `peer_holler ask`, by `Client::ask_async` with everything as it is by default.
int ask_by_holler(const Options& options);

}  // namespace peers
