#pragma once

#include "common.hpp"

namespace peers {

/// Asks by `holler::Requester`s in one epoll loop, each with a socket of its own.
/// @param bundles  several questions may share a datagram
int load_by_machines(const Options& options, bool bundles);

}  // namespace peers
