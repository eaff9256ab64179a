#include "cli/sim_report.hpp"

#include <algorithm>
#include <fmt/core.h>

#include "cli/sim_plot.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

using sim::Asker;
using sim::CrowdOptions;

constexpr std::size_t kWindowSeconds = 5;
constexpr std::size_t kBarColumns = 40;
constexpr std::array<Ratio, 4> kShares{{{1, 2}, {9, 10}, {99, 100}, {999, 1000}}};

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// What the server should answer: what it can, or what reached it and had no answer yet.
std::uint64_t wanted_of(const CrowdOptions& options, const sim::CrowdCounts& second) {
  if (options.server_rate == 0) return second.started;
  const std::uint64_t unanswered =
      second.server.arrived - std::min(second.server.arrived, second.server.repeated);
  return std::min<std::uint64_t>(unanswered, options.server_rate);
}

std::string title(const CrowdOptions& options, Asker asker) {
  if (asker == Asker::holler) return "holler";
  return fmt::format("{} {}", name_of(asker), shown(options.interval));
}

std::string outcome_text(const SimResult& result) {
  std::string text;
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    if (result.outcomes[i] == 0) continue;
    std::string name{name_of(static_cast<Outcome>(i))};
    std::replace(name.begin(), name.end(), '_', ' ');
    text += fmt::format("  {:<12}{:>14}  {:6.2f} %\n", name, grouped(result.outcomes[i]),
                        share_of(result.outcomes[i], result.ended()));
  }
  return text;
}

/// 1, 2, 5, 10, 20 … of the smallest unit there is.
Duration next_step(Duration step) {
  std::int64_t power = 1;
  while (power * 10 <= step.count()) power *= 10;
  return Duration{step.count() / power == 2 ? 5 * power : 2 * step.count()};
}

std::string histogram(const sim::Latencies& latencies) {
  std::string text;
  std::uint64_t before = 0;
  for (Duration step{std::chrono::microseconds{1}}; before < latencies.count(); step = next_step(step)) {
    const std::uint64_t within = step >= latencies.longest() ? latencies.count() : latencies.within(step);
    const std::uint64_t here = within - before;
    before = within;
    if (here == 0 && within == 0) continue;
    const auto columns = static_cast<std::size_t>(here * kBarColumns / latencies.count());
    text += fmt::format(
        "  up to {:<9}{:<{}}  {:6.2f} %\n", shown(step),
        std::string(here != 0 && columns == 0 ? 1 : columns, here != 0 && columns == 0 ? '.' : '#'),
        kBarColumns, share_of(here, latencies.count()));
  }
  return text;
}

std::string latency_text(const sim::Latencies& latencies) {
  if (latencies.count() == 0) return "";
  std::string text = "latency of the answers\n ";
  for (const Ratio share : kShares) {
    text += fmt::format(" p{:g} {},", 100.0 * share.part / share.whole, shown(latencies.percentile(share)));
  }
  return text + fmt::format(" longest {}\n", shown(latencies.longest())) + histogram(latencies);
}

std::string server_text(const CrowdOptions& options, const SimResult& result) {
  const auto& server = result.totals.server;
  std::string text =
      fmt::format("datagrams\n  {:.2f} for each answer: {} of the askers, {} of the server\n",
                  result.datagrams_per_answer(), grouped(result.totals.transmitted), grouped(server.sent));
  if (options.server_rate != 0) {
    text += fmt::format(
        "  at the server: {} handled, {} repeated, {} turned away, {} dropped, {} found no room\n",
        grouped(server.handled), grouped(server.repeated), grouped(server.declined), grouped(server.dropped),
        grouped(server.overflown));
  }
  return text;
}

std::string recovery_text(const CrowdOptions& options, const SimResult& result) {
  if (options.outages.empty() || options.arrivals_per_second == 0) return "";
  const auto after = recovered_after(options, result);
  if (after) return fmt::format("goodput back for good {} s after the outage\n", *after);
  return "goodput not back for good after the outage\n";
}

std::string one_text(const CrowdOptions& options, const SimResult& result) {
  std::string text = fmt::format(
      "{}: {} questions of {} clients, seed {}, {} of virtual time{}\n", title(options, result.asker),
      grouped(result.ended()), grouped(options.clients), options.seed, shown(result.elapsed),
      result.interrupted ? fmt::format("; interrupted, of {}", grouped(options.requests)) : "");
  text += outcome_text(result) + latency_text(result.latencies) + server_text(options, result);
  if (options.server_rate != 0 || !options.outages.empty()) text += sim_plot(options, result);
  return text + recovery_text(options, result);
}

std::string comparison(const CrowdOptions& options, const std::vector<SimResult>& results) {
  std::string text = fmt::format("{:<28}", "in comparison");
  for (const SimResult& result : results) text += fmt::format("{:>16}", title(options, result.asker));
  text += '\n';
  const auto row = [&](std::string_view name, auto value) {
    text += fmt::format("  {:<26}", name);
    for (const SimResult& result : results) text += fmt::format("{:>16}", value(result));
    text += '\n';
  };
  row("answered",
      [](const SimResult& r) { return fmt::format("{:.2f} %", share_of(r.totals.answered, r.ended())); });
  for (const Ratio share : kShares) {
    row(fmt::format("latency p{:g}", 100.0 * share.part / share.whole), [share](const SimResult& r) {
      return r.latencies.count() == 0 ? "-" : shown(r.latencies.percentile(share));
    });
  }
  row("longest",
      [](const SimResult& r) { return r.latencies.count() == 0 ? "-" : shown(r.latencies.longest()); });
  row("datagrams for each answer",
      [](const SimResult& r) { return fmt::format("{:.2f}", r.datagrams_per_answer()); });
  row("datagrams, ours = 1", [&](const SimResult& r) {
    const double ours = results.front().datagrams_per_answer();
    return ours == 0 ? "-" : fmt::format("{:.2f}", r.datagrams_per_answer() / ours);
  });
  if (options.server_rate != 0) {
    row("most offered in a second", [&](const SimResult& r) {
      std::uint64_t most = 0;
      for (const auto& second : r.seconds) most = std::max(most, second.transmitted);
      return fmt::format("{:.2f} x", static_cast<double>(most) / options.server_rate);
    });
  }
  if (!options.outages.empty() && options.arrivals_per_second != 0) {
    row("goodput back after", [&](const SimResult& r) {
      const auto after = recovered_after(options, r);
      return after ? fmt::format("{} s", *after) : std::string{"never"};
    });
  }
  return text;
}

}  // namespace

double SimResult::datagrams_per_answer() const noexcept {
  if (totals.answered == 0) return 0;
  return static_cast<double>(totals.transmitted + totals.server.sent) / static_cast<double>(totals.answered);
}

SimResult result_of(const sim::Crowd& crowd, bool interrupted) {
  SimResult result{.asker = crowd.options().asker,
                   .interrupted = interrupted,
                   .elapsed = crowd.elapsed(),
                   .totals = crowd.totals(),
                   .latencies = crowd.latencies(),
                   .seconds = crowd.seconds()};
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    result.outcomes[i] = crowd.ended_with(static_cast<Outcome>(i));
  }
  return result;
}

std::optional<std::size_t> recovered_after(const CrowdOptions& options, const SimResult& result) {
  Duration end{};
  for (const auto& outage : options.outages) end = std::max(end, outage.start + outage.length);
  const auto first = static_cast<std::size_t>(std::chrono::ceil<std::chrono::seconds>(end).count());
  std::size_t last = result.seconds.size();
  while (last > 0 && result.seconds[last - 1].started == 0) --last;
  if (last > 0) --last;  // the second in which the last question was asked is not a whole one
  if (last < first + kWindowSeconds) return std::nullopt;
  for (std::size_t start = last - kWindowSeconds;; --start) {
    std::uint64_t wanted = 0;
    std::uint64_t answered = 0;
    for (std::size_t i = start; i < start + kWindowSeconds; ++i) {
      wanted += wanted_of(options, result.seconds[i]);
      answered += result.seconds[i].answered;
    }
    if (100 * answered < 95 * wanted) {
      if (start + kWindowSeconds >= last) return std::nullopt;
      return start + 1 - first;
    }
    if (start == first) return 0;
  }
}

std::uint64_t capacity_of(const CrowdOptions& options, const std::vector<SimResult>& results) {
  std::uint64_t most = options.server_rate;
  if (most != 0) return most;
  for (const SimResult& result : results) {
    for (const auto& second : result.seconds) most = std::max(most, second.answered);
  }
  return std::max<std::uint64_t>(most, 1);
}

std::string sim_text(const CrowdOptions& options, const std::vector<SimResult>& results) {
  std::string text;
  for (const SimResult& result : results)
    text += one_text(options, result) + (results.size() > 1 ? "\n" : "");
  if (results.size() > 1) text += comparison(options, results);
  return text;
}

}  // namespace holler::cli
