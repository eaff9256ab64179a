#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/crowd.hpp"

/// What `holler sim` says at its end. Nothing in it comes from a clock of ours: the same seed, the same text.
namespace holler::cli {

/// What is kept of a crowd when it has gone home.
struct SimResult {
  sim::Asker asker = sim::Asker::holler;
  bool interrupted = false;
  Duration elapsed{};  ///< virtual
  std::array<std::uint64_t, sim::kOutcomes> outcomes{};
  sim::CrowdCounts totals;
  sim::Latencies latencies;
  std::vector<sim::CrowdCounts> seconds;

  [[nodiscard]] std::uint64_t ended() const noexcept { return totals.answered + totals.failed; }
  /// Of the askers and the server, for each answer; 0 where there is none.
  [[nodiscard]] double datagrams_per_answer() const noexcept;
};

[[nodiscard]] SimResult result_of(const sim::Crowd& crowd, bool interrupted);

/// Seconds from the end of the last outage until goodput stays at 95 % of what the server can do, or of what
/// is asked of it if that is less, in every 5 s that follow; nothing where it does not, or nothing can be
/// said.
[[nodiscard]] std::optional<std::size_t> recovered_after(const sim::CrowdOptions& options,
                                                         const SimResult& result);
/// What a share of goodput or load is a share of: the server's rate, or else the most that was answered in a
/// second.
[[nodiscard]] std::uint64_t capacity_of(const sim::CrowdOptions& options,
                                        const std::vector<SimResult>& results);

[[nodiscard]] std::string sim_text(const sim::CrowdOptions& options, const std::vector<SimResult>& results);
void print_sim_json(const sim::CrowdOptions& options, const std::vector<SimResult>& results);

}  // namespace holler::cli
