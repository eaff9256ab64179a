#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/link_values.hpp"

/// The options that say how bad a link is: of a relay's, and of a simulated one.
namespace holler::cli {

/// What was said of a link, or of two. What was not said stays as it is.
struct LinkChoices {
  std::optional<Duration> delay;
  std::optional<Duration> jitter;
  std::optional<Ratio> loss;
  std::optional<BurstLoss> burst;
  std::optional<ShareAndTime> duplication;
  std::optional<ShareAndTime> reordering;
  std::optional<Ratio> corruption;
  std::optional<std::uint64_t> rate;
  std::optional<std::uint32_t> queue;
  std::optional<std::uint32_t> mtu;
  std::vector<Outage> outages;
  std::vector<DelayStep> delay_steps;

  /// All but the outages and the steps, which are none of the link's own.
  void apply(LinkSettings& link) const;
};

/// @param which  what stands before each name, as in "up-"
/// @param real   whether it carries real datagrams, with bytes to alter and sizes to look at
std::vector<CLI::Option*> add_link_options(CLI::App& command, const std::string& which, LinkChoices& choices,
                                           bool real);

}  // namespace holler::cli
