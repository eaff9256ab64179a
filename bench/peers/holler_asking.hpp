#pragma once

#include <string_view>

#include "common.hpp"

namespace peers {

/// A mode: without the congestion window.
inline constexpr std::string_view kHollerUncontrolled = "uncontrolled";

/// `peer_holler ask`, by `Client::ask_async` with everything else as it is by default.
int ask_by_holler(const Options& options);

}  // namespace peers
