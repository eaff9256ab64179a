#include "cli/sim_plot.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/core.h>
#include <fstream>
#include <system_error>

namespace holler::cli {
namespace {

using sim::CrowdCounts;
using sim::CrowdOptions;

constexpr std::size_t kLinesMax = 120;
constexpr std::size_t kColumns = 60;  // twice what the server can do
constexpr std::size_t kCapacityColumn = kColumns / 2;

// The picture, in its own units.
constexpr double kLeft = 60;
constexpr double kWidth = 800;
constexpr double kPanelHeight = 180;
constexpr double kGap = 60;
constexpr std::array<const char*, 3> kColours{"#0a7a3c", "#c0392b", "#b7791f"};  // as sim::Asker counts

/// One line: '#' is goodput, '.' what was offered beyond it, '|' what the server can do.
std::string bar(double offered, double goodput) {
  std::string text(kColumns + 1, ' ');
  const auto columns = [](double share) {
    return static_cast<std::size_t>(std::min(share * kCapacityColumn, static_cast<double>(kColumns)));
  };
  std::fill_n(text.begin(), columns(offered), '.');
  std::fill_n(text.begin(), columns(goodput), '#');
  if (offered > 2) text[kColumns] = '>';
  text[kCapacityColumn] = '|';
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

struct Panel {
  const char* title;
  double top;
  double highest;  // what its top edge means
  std::uint64_t CrowdCounts::* figure;
};

std::string curve(const Panel& panel, const SimResult& result, std::size_t seconds, double capacity) {
  std::string points;
  for (std::size_t i = 0; i < result.seconds.size(); ++i) {
    const double share = static_cast<double>(result.seconds[i].*panel.figure) / capacity;
    const double x = kLeft + kWidth * (static_cast<double>(i) + 0.5) / static_cast<double>(seconds);
    const double y = panel.top + kPanelHeight * (1 - std::min(share / panel.highest, 1.0));
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x, y);
  }
  return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>\n",
                     kColours.at(static_cast<std::size_t>(result.asker)), points);
}

std::string frame(const Panel& panel, const CrowdOptions& options, std::size_t seconds) {
  std::string text;
  for (const auto& outage : options.outages) {
    const auto x = [&](Duration at) {
      const double share = std::chrono::duration<double>(at).count() / static_cast<double>(seconds);
      return kLeft + kWidth * std::min(share, 1.0);
    };
    const double left = x(outage.start);
    text += fmt::format("<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#eee\"/>\n", left,
                        panel.top, x(outage.start + outage.length) - left, kPanelHeight);
  }
  text += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>\n",
                      kLeft, panel.top, kWidth, kPanelHeight);
  text += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kLeft, panel.top - 8, panel.title);
  const double step = panel.highest <= 2 ? 0.5 : panel.highest <= 10 ? 2 : 5;
  for (int line = 0; line * step <= panel.highest; ++line) {
    const double share = line * step;
    const double y = panel.top + kPanelHeight * (1 - share / panel.highest);
    text +=
        fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", kLeft - 6, y + 4, share);
    text += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n",
                        kLeft, kLeft + kWidth, y);
  }
  return text;
}

std::string time_axis(double y, std::size_t seconds) {
  std::string text;
  const std::size_t step = std::max<std::size_t>(1, (seconds + 14) / 15);
  for (std::size_t second = 0; second <= seconds; second += step) {
    text +=
        fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{} s</text>\n",
                    kLeft + kWidth * static_cast<double>(second) / static_cast<double>(seconds), y, second);
  }
  return text;
}

}  // namespace

std::string sim_plot(const CrowdOptions& options, const SimResult& result) {
  const std::size_t count = result.seconds.size();
  if (count == 0) return "";
  const std::size_t each = (count + kLinesMax - 1) / kLinesMax;
  const auto capacity = static_cast<double>(capacity_of(options, {result}));
  std::string text =
      fmt::format("offered load and goodput over time; 1 is {} a second\n", capacity_of(options, {result}));
  for (std::size_t first = 0; first < count; first += each) {
    const std::size_t last = std::min(first + each, count);
    double offered = 0;
    double goodput = 0;
    for (std::size_t i = first; i < last; ++i) {
      offered += static_cast<double>(result.seconds[i].transmitted);
      goodput += static_cast<double>(result.seconds[i].answered);
    }
    offered /= capacity * static_cast<double>(last - first);
    goodput /= capacity * static_cast<double>(last - first);
    text += fmt::format("  {:>5} s {:>6.2f} {:>5.2f}  {}\n", last, offered, goodput, bar(offered, goodput));
  }
  return text;
}

std::string sim_svg(const CrowdOptions& options, const std::vector<SimResult>& results) {
  std::size_t seconds = 1;
  double most = 2;
  const auto capacity = static_cast<double>(capacity_of(options, results));
  for (const SimResult& result : results) {
    seconds = std::max(seconds, result.seconds.size());
    for (const auto& second : result.seconds) {
      most = std::max(most, static_cast<double>(second.transmitted) / capacity);
    }
  }
  const std::array<Panel, 2> panels{
      {{"goodput: answers in time, 1 = what the server can do", 40, 1.5, &CrowdCounts::answered},
       {"offered load: datagrams of the askers, on the same scale", 40 + kPanelHeight + kGap, most,
        &CrowdCounts::transmitted}}};
  const double height = panels[1].top + kPanelHeight + 60;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      kLeft + kWidth + 20, height);
  for (const Panel& panel : panels) {
    text += frame(panel, options, seconds) + time_axis(panel.top + kPanelHeight + 16, seconds);
    for (const SimResult& result : results) text += curve(panel, result, seconds, capacity);
  }
  double x = kLeft;
  for (const SimResult& result : results) {
    text += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n", x, height - 16,
                        kColours.at(static_cast<std::size_t>(result.asker)), name_of(result.asker));
    x += 100;
  }
  return text + "</svg>\n";
}

Parsed<bool> write_sim_svg(const std::string& path, const CrowdOptions& options,
                           const std::vector<SimResult>& results) {
  errno = 0;
  std::ofstream file{path, std::ios::binary};
  file << sim_svg(options, results);
  file.close();
  if (file.fail()) {
    return std::unexpected{"cannot write '" + path + "': " + std::generic_category().message(errno)};
  }
  return true;
}

}  // namespace holler::cli
