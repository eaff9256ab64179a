#pragma once

#include "holler/link.hpp"

/// The simulator's names for the link that it shares with the relay.
namespace holler::sim {

using holler::BurstLoss;
using holler::Link;
using holler::LinkSettings;
using holler::Loss;
using holler::Passage;

}  // namespace holler::sim
