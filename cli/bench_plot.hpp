#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/latency_histogram.hpp"

/// Pictures of latencies: their histogram in a terminal, and with the percentiles as SVG.
namespace holler::cli {

/// How many lengths are above `from`, and not above `up_to`, to within 1 % of a length.
struct LatencyBin {
  Duration from{};
  Duration up_to{};
  std::uint64_t count = 0;
};

/// From the shortest to the longest, each some part wider than the one before; the bounds are numbers of the
/// E series (IEC 60063), as many in each decade as make no more than `bins_max` bins.
[[nodiscard]] std::vector<LatencyBin> latency_bins(const LatencyHistogram& latencies, std::size_t bins_max);

/// A line for each bin.
[[nodiscard]] std::string latency_bars(const LatencyHistogram& latencies);
/// Two panels: the histogram, and the latency of each percentile. It follows the viewer's light or dark.
/// @param title  as text, not yet XML
[[nodiscard]] std::string latency_svg(const std::string& title, const LatencyHistogram& latencies);

}  // namespace holler::cli
