#include "cli/bench_report.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <fmt/core.h>
#include <mutex>

#include "holler/system.hpp"

#include "cli/bench_plot.hpp"
#include "cli/live_line.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr std::size_t kJsonBinsMax = 96;

struct Percentile {
  const char* name;
  Ratio share;
};
constexpr std::array<Percentile, 4> kPercentiles{
    {{"p50", {1, 2}}, {"p90", {9, 10}}, {"p99", {99, 100}}, {"p99.9", {999, 1000}}}};

/// 0 where there was no time.
double per_second(std::uint64_t count, Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds <= 0 ? 0 : static_cast<double>(count) / seconds;
}

/// Three digits that count, at least, and no more than the point needs.
std::string rate_text(double rate) {
  if (rate >= 100) return grouped(static_cast<std::uint64_t>(std::llround(rate)));
  return fmt::format("{:.{}f}", rate, rate < 10 ? 2 : 1);
}

std::string row(std::string_view name, std::uint64_t count, const std::string& remark = {}) {
  std::string text = fmt::format("  {:<18}{:>13}", name, grouped(count));
  if (!remark.empty()) text += "  " + remark;
  return text + "\n";
}

std::string title_of(const BenchStory& story) {
  const BenchPlan& plan = story.plan;
  std::string text = story.peer;
  if (!story.answered_by.empty() && story.answered_by != story.peer) text += " (" + story.answered_by + ")";
  text += plan.rate == 0 ? fmt::format(", {} outstanding", grouped(plan.outstanding))
                         : fmt::format(", {} a second", grouped(plan.rate));
  return text + fmt::format(", {}", counted(plan.payload.size(), "byte"));
}

std::string failure_remark(ErrorCode code, const BenchStory& story) {
  if (code == ErrorCode::no_answer) {
    const std::uint64_t asked = story.tally.asked;
    const std::uint64_t lost = story.tally.failures(code);
    if (lost == 0) return {};
    return fmt::format("{:.3g} %, within {}", 100.0 * static_cast<double>(lost) / static_cast<double>(asked),
                       shown(story.plan.ask.deadline));
  }
  return {};
}

std::string counts_text(const BenchStory& story) {
  const BenchEnd& end = story.end;
  const std::uint64_t asked = story.tally.asked;
  const std::uint64_t answered = story.tally.latencies.count();
  std::string began = story.plan.rate == 0
                          ? std::string{}
                          : fmt::format("{} a second; wanted {}", rate_text(per_second(asked, end.asking)),
                                        grouped(story.plan.rate));
  std::string text = row("asked", asked, began);
  if (end.not_begun > 0)
    text += row("not begun", end.not_begun, "they were due, but this machine was too slow, or had no room");
  text += row("answered", answered, fmt::format("{} a second", rate_text(per_second(answered, end.elapsed))));
  for (std::size_t i = 0; i < kErrorCodes; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const std::uint64_t count = story.tally.failures(code);
    if (code == ErrorCode::cancelled || (count == 0 && code != ErrorCode::no_answer)) continue;
    std::string name{name_of(code)};
    std::replace(name.begin(), name.end(), '_', ' ');
    text += row(name, count, failure_remark(code, story));
  }
  if (const std::uint64_t count = story.tally.failures(ErrorCode::cancelled); count > 0)
    text += row("unfinished", count, "when it was interrupted");
  const std::uint64_t late = end.traffic.dropped[DropReason::late];
  text += row("retransmissions", end.traffic.retransmitted);
  text += row("late or doubled", late, late == 0 ? "" : "replies to what had ended already");
  text += row("kernel drops", end.traffic.kernel_drops,
              end.traffic.kernel_drops == 0 ? "" : "replies that found this machine's receive buffer full");
  DropCounts others;
  end.traffic.dropped.for_each([&](DropReason reason, std::uint64_t count) {
    if (reason != DropReason::late) others.add(reason, count);
  });
  if (others.total() > 0) text += fmt::format("  other drops: {}\n", shown(others));
  return text;
}

std::string latency_text(const BenchStory& story) {
  const LatencyHistogram& latencies = story.tally.latencies;
  if (latencies.count() == 0) return {};
  std::string heading = fmt::format("  {:>9}", "min");
  std::string values = fmt::format("  {:>9}", shown_finely(latencies.shortest()));
  for (const Percentile& percentile : kPercentiles) {
    heading += fmt::format("{:>11}", percentile.name);
    values += fmt::format("{:>11}", shown_finely(latencies.percentile(percentile.share)));
  }
  heading += fmt::format("{:>11}\n", "max");
  values += fmt::format("{:>11}\n", shown_finely(latencies.longest()));
  std::string text = story.plan.rate == 0 ? "latency of the answers\n"
                                          : "latency of the answers, from when each question was due\n";
  text += heading + values;
  const LatencyHistogram& lateness = story.tally.lateness;
  if (lateness.count() > 0) {
    text += fmt::format("  of which this machine was late: p50 {}, p99 {}, max {}\n",
                        shown_finely(lateness.percentile({1, 2})),
                        shown_finely(lateness.percentile({99, 100})), shown_finely(lateness.longest()));
  }
  return text + latency_bars(latencies);
}

Json fine_milliseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

Json latency_json(const LatencyHistogram& latencies) {
  Json object = Json::object();
  const bool any = latencies.count() != 0;
  const auto add = [&](const char* name, Duration length) {
    object[name] = any ? fine_milliseconds(length) : Json(nullptr);
  };
  add("min", latencies.shortest());
  for (const Percentile& percentile : kPercentiles)
    add(percentile.name, latencies.percentile(percentile.share));
  add("max", latencies.longest());
  return object;
}

Json histogram_json(const LatencyHistogram& latencies) {
  Json list = Json::array();
  for (const LatencyBin& bin : latency_bins(latencies, kJsonBinsMax)) {
    list.push_back(Json{{"above_ms", fine_milliseconds(bin.from)},
                        {"up_to_ms", fine_milliseconds(bin.up_to)},
                        {"count", bin.count}});
  }
  return list;
}

}  // namespace

std::string bench_text(const BenchStory& story) {
  std::string text =
      fmt::format("{}; {}{}\n", title_of(story), shown(story.end.asking),
                  story.end.interrupted ? ", interrupted"
                                        : fmt::format(" after a warm-up of {}", shown(story.plan.warmup)));
  text += counts_text(story) + latency_text(story);
  if (story.tally.asked == 0 && story.error.empty() && !story.end.interrupted) {
    text += "nothing was measured: the questions of the warm-up took longer than all of --duration\n";
  }
  return text;
}

Json bench_json(const BenchStory& story) {
  const BenchPlan& plan = story.plan;
  const BenchEnd& end = story.end;
  const BenchTally& tally = story.tally;
  const std::uint64_t asked = tally.asked;
  const bool closed = plan.rate == 0;
  Json failed = Json::object();
  for (std::size_t i = 0; i < kErrorCodes; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (code == ErrorCode::no_answer || code == ErrorCode::cancelled || tally.failures(code) == 0) continue;
    failed[std::string{name_of(code)}] = tally.failures(code);
  }
  Json object;
  object["peer"] = story.answered_by.empty() ? Json(nullptr) : Json(story.answered_by);
  object["loop"] = closed ? "closed" : "open";
  object["outstanding"] = closed ? Json(plan.outstanding) : Json(nullptr);
  object["wanted_per_second"] = closed ? Json(nullptr) : Json(plan.rate);
  object["bytes"] = plan.payload.size();
  object["deadline_ms"] = json_milliseconds(plan.ask.deadline);
  object["warmup_ms"] = json_milliseconds(plan.warmup);
  object["asking_ms"] = json_milliseconds(end.asking);
  object["elapsed_ms"] = json_milliseconds(end.elapsed);
  object["interrupted"] = end.interrupted;
  object["asked"] = asked;
  object["asked_per_second"] = per_second(asked, end.asking);
  object["not_begun"] = end.not_begun;
  object["answered"] = tally.latencies.count();
  object["answered_per_second"] = per_second(tally.latencies.count(), end.elapsed);
  object["lost"] = tally.failures(ErrorCode::no_answer);
  object["failed"] = failed;
  object["unfinished"] = tally.failures(ErrorCode::cancelled);
  object["retransmissions"] = end.traffic.retransmitted;
  object["late_or_doubled"] = end.traffic.dropped[DropReason::late];
  object["kernel_drops"] = end.traffic.kernel_drops;
  object["dropped"] = json_counts(end.traffic.dropped);
  object["latency_ms"] = latency_json(tally.latencies);
  object["begun_late_ms"] = closed ? Json(nullptr) : latency_json(tally.lateness);
  object["histogram"] = histogram_json(tally.latencies);
  object["error"] = story.error.empty() ? Json(nullptr) : Json(story.error);
  return object;
}

std::string bench_svg(const BenchStory& story) { return latency_svg(title_of(story), story.tally.latencies); }

BenchProgress::BenchProgress(const BenchRun& run)
    : run_{run}, thread_{[this](const std::stop_token& stop) { show(stop); }} {}

BenchProgress::~BenchProgress() = default;

void BenchProgress::show(const std::stop_token& stop) {
  LiveLine line;
  LatencyHistogram before;
  Timestamp last = monotonic_now();
  std::mutex mutex;
  std::condition_variable_any never;
  const auto stopped = [&](Timestamp turn) {
    std::unique_lock lock{mutex};
    return never.wait_for(lock, stop, turn - monotonic_now(), [&] { return stop.stop_requested(); });
  };
  for (Timestamp turn = later(last, std::chrono::seconds{1}); !stopped(turn);
       turn = later(last, std::chrono::seconds{1})) {
    const Timestamp now = monotonic_now();
    const LatencyHistogram so_far{run_.tally().latencies};
    LatencyHistogram news{so_far};
    news.subtract(before);
    const Duration time = run_.since_warmup(now);
    if (time < Duration::zero()) {
      line.show("warming up");
    } else {
      line.show(fmt::format("{} s  {} a second | answered {} | lost {} | p50 {}  p99 {}",
                            std::chrono::round<std::chrono::seconds>(time).count(),
                            rate_text(per_second(news.count(), std::min(now - last, time))),
                            grouped(so_far.count()), grouped(run_.tally().failures(ErrorCode::no_answer)),
                            shown_finely(news.percentile({1, 2})), shown_finely(news.percentile({99, 100}))));
    }
    before = so_far;
    last = now;
  }
  line.clear();
}

}  // namespace holler::cli
