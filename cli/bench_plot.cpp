#include "cli/bench_plot.hpp"

#include <array>
#include <cmath>
#include <fmt/core.h>

#include "cli/escape.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr std::array<std::int64_t, 24> kSeries{10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30,
                                               33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91};
constexpr std::size_t kBoundsMax = 16 * kSeries.size();  // up to 10^17 ns, three years

constexpr std::size_t kRowsMax = 20;
constexpr std::size_t kBarColumns = 40;

// The picture, in its own units.
constexpr std::size_t kSvgBinsMax = 96;
constexpr double kLeft = 70;
constexpr double kWidth = 800;
constexpr double kPanelHeight = 200;
constexpr double kFirstTop = 60;
constexpr double kSecondTop = kFirstTop + kPanelHeight + 80;
constexpr double kPictureWidth = kLeft + kWidth + 30;
constexpr double kPictureHeight = kSecondTop + kPanelHeight + 50;

struct Mark {
  const char* name;
  Ratio share;
};
constexpr std::array<Mark, 4> kMarks{
    {{"p50", {1, 2}}, {"p90", {9, 10}}, {"p99", {99, 100}}, {"p99.9", {999, 1000}}}};

/// The bound of that number: 10 ns, 11 ns, 12 ns …
Duration bound(std::size_t number) {
  std::int64_t value = kSeries.at(number % kSeries.size());
  for (std::size_t decade = number / kSeries.size(); decade > 0; --decade) value *= 10;
  return Duration{value};
}

/// The first bound, of each so manieth, that is not below a length.
std::size_t bound_for(Duration length, std::size_t step) {
  std::size_t number = 0;
  while (number < kBoundsMax && bound(number) < length) number += step;
  return number;
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string escaped_xml(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

/// Where a length is on an axis that has a length of its own for each decade, from 0 to 1.
class LogScale {
 public:
  LogScale(Duration low, Duration high)
      : low_{std::log10(count_of(low))}, span_{std::max(std::log10(count_of(high)) - low_, 0.01)} {}
  [[nodiscard]] double operator()(Duration length) const {
    return std::clamp((std::log10(count_of(length)) - low_) / span_, 0.0, 1.0);
  }

 private:
  static double count_of(Duration length) {
    return static_cast<double>(std::max<std::int64_t>(length.count(), 1));
  }
  double low_;
  double span_;
};

/// Some round lengths between both ends, for an axis.
std::vector<Duration> ticks(Duration low, Duration high) {
  std::vector<Duration> found;
  for (const std::size_t step : {std::size_t{4}, std::size_t{8}, std::size_t{24}}) {
    found.clear();
    for (std::size_t i = 0; i < kBoundsMax; i += step) {
      if (const Duration at = bound(i); at >= low && at <= high) found.push_back(at);
    }
    if (found.size() <= 12) break;
  }
  return found;
}

std::string frame(double top, const std::string& title) {
  return fmt::format(
      "<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n<text x=\"{}\" "
      "y=\"{}\">{}</text>\n",
      kLeft, top, kWidth, kPanelHeight, kLeft, top - 10, title);
}

std::string histogram_panel(const LatencyHistogram& latencies) {
  const auto bins = latency_bins(latencies, kSvgBinsMax);
  const LogScale scale{bins.front().from, bins.back().up_to};
  const auto x = [&](Duration length) { return kLeft + kWidth * scale(length); };
  // The bins are not all of one width: it is the area of a bar that shows how many there are.
  const auto density = [&](const LatencyBin& bin) {
    return static_cast<double>(bin.count) / std::max(x(bin.up_to) - x(bin.from), 1.0);
  };
  double most = 0;
  for (const LatencyBin& bin : bins) most = std::max(most, density(bin));
  const double bottom = kFirstTop + kPanelHeight;
  std::string text = frame(kFirstTop, fmt::format("{} answers by their latency", grouped(latencies.count())));
  for (const LatencyBin& bin : bins) {
    if (bin.count == 0) continue;
    // One of a million is to be seen as well.
    const double height = std::max(kPanelHeight * density(bin) / most, 1.0);
    text +=
        fmt::format("<rect class=\"bar\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
                    x(bin.from), bottom - height, std::max(x(bin.up_to) - x(bin.from) - 0.5, 0.5), height);
  }
  for (const Duration tick : ticks(bins.front().from, bins.back().up_to)) {
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(tick),
                        bottom + 18, shown_finely(tick));
  }
  double line = kFirstTop + 14;
  for (const Mark& mark : kMarks) {
    const Duration at = latencies.percentile(mark.share);
    const bool at_right = scale(at) > 0.85;
    text += fmt::format("<line class=\"mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n", x(at),
                        kFirstTop, bottom);
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{} {}</text>\n",
                        x(at) + (at_right ? -4 : 4), line, at_right ? "end" : "start", mark.name,
                        shown_finely(at));
    line += 16;
  }
  return text;
}

/// Each step to the right has a tenth of the answers behind it: half, 90 %, 99 % …
std::string percentile_panel(const LatencyHistogram& latencies) {
  const double decades = std::max(std::ceil(std::log10(static_cast<double>(latencies.count()))), 1.0);
  const LogScale scale{latencies.shortest(), latencies.longest()};
  const double bottom = kSecondTop + kPanelHeight;
  const auto y = [&](Duration length) { return bottom - kPanelHeight * scale(length); };
  std::string text = frame(kSecondTop, "this part of the answers took no longer than");
  for (const Duration tick : ticks(latencies.shortest(), latencies.longest())) {
    text += fmt::format("<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>\n", kLeft,
                        kLeft + kWidth, y(tick));
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 6, y(tick) + 4,
                        shown_finely(tick));
  }
  for (int decade = 0; decade <= static_cast<int>(decades); ++decade) {
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.{}f} %</text>\n",
                        kLeft + kWidth * decade / decades, bottom + 18, 100 - std::pow(10.0, 2 - decade),
                        std::max(decade - 2, 0));
  }
  std::string points;
  std::uint64_t before = 0;
  const auto total = static_cast<double>(latencies.count());
  latencies.for_each([&](Duration longest, std::uint64_t count) {
    const double behind = 1 - static_cast<double>(before) / total;
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ",
                          kLeft + kWidth * std::min(-std::log10(behind) / decades, 1.0),
                          y(std::min(longest, latencies.longest())));
    before += count;
  });
  points += fmt::format(" {:.1f},{:.1f}", kLeft + kWidth, y(latencies.longest()));
  return text + fmt::format("<polyline class=\"curve\" points=\"{}\"/>\n", points);
}

}  // namespace

std::vector<LatencyBin> latency_bins(const LatencyHistogram& latencies, std::size_t bins_max) {
  if (latencies.count() == 0) return {};
  Duration shortest = kForever;  // as long as all of its bucket, with which it is counted
  latencies.for_each([&](Duration longest, std::uint64_t) { shortest = std::min(shortest, longest); });
  shortest = std::min(shortest, latencies.longest());
  std::size_t step = 0;
  std::size_t first = 0;
  std::size_t last = 0;
  for (const std::size_t wider : {1U, 2U, 4U, 8U, 24U}) {
    step = wider;
    first = bound_for(shortest, step);
    last = bound_for(latencies.longest(), step);
    if ((last - first) / step < bins_max) break;
  }
  std::vector<LatencyBin> bins;
  for (std::size_t number = first; number <= last; number += step) {
    bins.push_back({.from = number < step ? Duration::zero() : bound(number - step), .up_to = bound(number)});
  }
  auto bin = bins.begin();
  latencies.for_each([&](Duration longest, std::uint64_t count) {
    while (std::min(longest, latencies.longest()) > bin->up_to && bin + 1 != bins.end()) ++bin;
    bin->count += count;
  });
  return bins;
}

std::string latency_bars(const LatencyHistogram& latencies) {
  const auto bins = latency_bins(latencies, kRowsMax);
  std::uint64_t most = 1;
  for (const LatencyBin& bin : bins) most = std::max(most, bin.count);
  std::string text;
  for (const LatencyBin& bin : bins) {
    const double part = static_cast<double>(bin.count) / static_cast<double>(most);
    const auto columns = static_cast<std::size_t>(std::llround(part * kBarColumns));
    const bool too_few = bin.count != 0 && columns == 0;
    text += fmt::format("  up to {:<9}{:<{}}  {:6.2f} %  {:>11}\n", shown_finely(bin.up_to),
                        too_few ? std::string{"."} : std::string(columns, '#'), kBarColumns,
                        share_of(bin.count, latencies.count()), grouped(bin.count));
  }
  return text;
}

std::string latency_svg(const std::string& title, const LatencyHistogram& latencies) {
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n"
      "<style>\n"
      ".page {{ fill: #fff }} text {{ fill: #222 }} .frame {{ fill: none; stroke: #888 }}\n"
      ".grid {{ stroke: #ddd }} .bar {{ fill: #2b6cb0 }} .mark {{ stroke: #c05621; stroke-dasharray: 4 3 }}\n"
      ".curve {{ fill: none; stroke: #2b6cb0; stroke-width: 2 }}\n"
      "@media (prefers-color-scheme: dark) {{\n"
      ".page {{ fill: #16181d }} text {{ fill: #e6e6e6 }} .grid {{ stroke: #3a3f48 }}\n"
      ".bar {{ fill: #63b3ed }} .mark {{ stroke: #f6ad55 }} .curve {{ stroke: #63b3ed }}\n"
      "}}\n"
      "</style>\n"
      "<rect class=\"page\" width=\"{0}\" height=\"{1}\"/>\n"
      "<text x=\"{2}\" y=\"24\" font-size=\"15\">{3}</text>\n",
      kPictureWidth, kPictureHeight, kLeft, escaped_xml(title));
  if (latencies.count() == 0) {
    text += fmt::format("<text x=\"{}\" y=\"{}\">no question was answered</text>\n", kLeft, kFirstTop);
  } else {
    text += histogram_panel(latencies) + percentile_panel(latencies);
  }
  return text + "</svg>\n";
}

}  // namespace holler::cli
