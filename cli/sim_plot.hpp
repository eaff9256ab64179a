#pragma once

#include <string>
#include <vector>

#include "cli/sim_report.hpp"
#include "cli/values.hpp"

/// Offered load and goodput over virtual time.
namespace holler::cli {

/// A line for each second, or for some where there are many.
[[nodiscard]] std::string sim_plot(const sim::CrowdOptions& options, const SimResult& result);
/// Two panels, with a curve for each asker.
[[nodiscard]] std::string sim_svg(const sim::CrowdOptions& options, const std::vector<SimResult>& results);
/// @return why it could not be written
[[nodiscard]] Parsed<bool> write_sim_svg(const std::string& path, const sim::CrowdOptions& options,
                                         const std::vector<SimResult>& results);

}  // namespace holler::cli
