#include "cli/round_trips.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

#include "cli/text.hpp"

namespace holler::cli {

void RoundTrips::add(const RoundTrip& trip) {
  ++asked_;
  if (trip.answered) ++answered_;
  datagrams_ += trip.attempts;
  dropped_ += trip.dropped;
  alarms_ += trip.alarms;
  if (!trip.rtt) return;
  ++timed_;
  shortest_ = std::min(shortest_, *trip.rtt);
  longest_ = std::max(longest_, *trip.rtt);
  const auto value = static_cast<double>(trip.rtt->count());
  const double difference = value - mean_ns_;
  mean_ns_ += difference / static_cast<double>(timed_);
  squares_ns_ += difference * (value - mean_ns_);
}

double RoundTrips::loss_percent() const noexcept {
  return asked_ == 0 ? 0 : 100.0 * static_cast<double>(asked_ - answered_) / static_cast<double>(asked_);
}

Duration RoundTrips::mean() const noexcept { return Duration{std::llround(mean_ns_)}; }

Duration RoundTrips::deviation() const noexcept {
  return Duration{timed_ == 0 ? 0 : std::llround(std::sqrt(squares_ns_ / static_cast<double>(timed_)))};
}

std::string RoundTrips::to_text(const std::string& peer, Duration elapsed) const {
  const auto milliseconds = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  std::string text =
      fmt::format("--- {} ---\n{} asked, {} answered, {:.3g} % without an answer; {} sent, {}; {}\n", peer,
                  asked_, answered_, loss_percent(), counted(datagrams_, "datagram"),
                  counted(repeats(), "retransmission"), shown(elapsed));
  if (timed_ > 0) {
    text += fmt::format("round trip min/avg/max/stddev = {:.3f}/{:.3f}/{:.3f}/{:.3f} ms\n",
                        milliseconds(shortest_), milliseconds(mean()), milliseconds(longest_),
                        milliseconds(deviation()));
  }
  if (dropped_.total() > 0) text += fmt::format("dropped: {}\n", shown(dropped_));
  if (alarms_ > 0) text += fmt::format("alarms: {}\n", alarms_);
  return text;
}

Json RoundTrips::to_json(Duration elapsed) const {
  Json rtt = nullptr;
  if (timed_ > 0) {
    rtt = Json{{"min", json_milliseconds(shortest_)},
               {"avg", json_milliseconds(mean())},
               {"max", json_milliseconds(longest_)},
               {"stddev", json_milliseconds(deviation())}};
  }
  Json numbers;
  numbers["asked"] = asked_;
  numbers["answered"] = answered_;
  numbers["loss_percent"] = loss_percent();
  numbers["datagrams"] = datagrams_;
  numbers["retransmissions"] = repeats();
  numbers["rtt_ms"] = rtt;
  numbers["elapsed_ms"] = json_milliseconds(elapsed);
  numbers["dropped"] = json_counts(dropped_);
  numbers["alarms"] = alarms_;
  return Json{{"statistics", numbers}};
}

}  // namespace holler::cli
