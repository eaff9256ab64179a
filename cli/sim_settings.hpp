#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/link_options.hpp"
#include "sim/crowd.hpp"

/// What `holler sim` was asked for.
namespace holler::cli {

/// What was said on the command line. What was not said is the preset's, or the simulator's default.
struct SimSettings {
  std::string preset;
  std::optional<std::uint32_t> clients;
  std::optional<std::uint32_t> requests;
  std::uint64_t seed = 1;
  std::optional<std::uint32_t> arrival;
  std::optional<Duration> think;
  std::optional<Duration> deadline;
  std::optional<std::uint32_t> size;
  std::optional<std::uint32_t> server_rate;
  std::optional<std::uint32_t> server_buffer;
  LinkChoices way;  ///< each of the two
  std::string compare;
  std::string asker = "holler";
  Duration interval = std::chrono::seconds{1};
  std::string svg;
  bool json = false;
  bool quiet = false;
};

/// The presets' names, and what `--help` says of each.
[[nodiscard]] std::string sim_preset_table();
[[nodiscard]] std::vector<std::string> sim_preset_names();

/// The simulation that was asked for, or why it cannot be.
[[nodiscard]] Parsed<sim::CrowdOptions> crowd_options(const SimSettings& settings);
/// Who asks: one, or with `--compare` ours and the others, in the order of the table.
[[nodiscard]] std::vector<sim::Asker> sim_askers(const SimSettings& settings);

}  // namespace holler::cli
