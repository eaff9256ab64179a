#include "cli/impair_report.hpp"

#include <fmt/core.h>

#include "cli/output.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

/// Fits a terminal of 80 columns as long as the counters have not gone far.
std::string live_text(const ImpairerStats& stats, Duration elapsed) {
  const auto way = [](std::string_view name, const WayStats& counts) {
    return fmt::format("{} {} in, {} out, {} lost", name, counts.received, counts.delivered,
                       counts.lost_total());
  };
  return fmt::format("{}  {} | {} | {}", shown(elapsed), counted(stats.clients, "client"),
                     way("up", stats.up), way("down", stats.down));
}

std::string way_text(std::string_view name, const WayStats& counts) {
  std::string text = fmt::format("  {:<5} {} received, {} delivered, {} lost", name, counts.received,
                                 counts.delivered, counts.lost_total());
  std::string reasons;
  for (std::size_t i = 1; i < kLossKinds; ++i) {
    if (counts.lost[i] == 0) continue;
    reasons +=
        fmt::format("{}{} {}", reasons.empty() ? "" : ", ", name_of(static_cast<Loss>(i)), counts.lost[i]);
  }
  if (!reasons.empty()) text += " (" + reasons + ")";
  const auto add = [&text](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format(", {} {}", count, what);
  };
  add(counts.duplicated, "duplicated");
  add(counts.held_back, "held back");
  add(counts.corrupted, "corrupted");
  add(counts.pending, "still on the way");
  add(counts.no_client, "dropped for want of a socket");
  add(counts.no_room, "dropped for want of room");
  add(counts.send_failed, "that could not be sent");
  add(counts.kernel_drops, "lost by the kernel before");
  add(counts.refused, "refused by the receiver's host (ICMP; a relay cannot pass that on)");
  add(counts.unreachable, "unreachable (ICMP)");
  return text + "\n";
}

std::string key_of(Loss loss) {
  switch (loss) {
    case Loss::none: break;
    case Loss::chance: return "chance";
    case Loss::burst: return "burst";
    case Loss::queue_full: return "queue_full";
    case Loss::too_big: return "too_big";
    case Loss::checksum: return "checksum";
    case Loss::blocked: return "outage";
    case Loss::meddled: return "meddled";
  }
  return "none";
}

Json way_json(const WayStats& counts) {
  Json lost = Json::object();
  for (std::size_t i = 1; i < kLossKinds; ++i) {
    if (counts.lost[i] != 0) lost[key_of(static_cast<Loss>(i))] = counts.lost[i];
  }
  Json object;
  object["received"] = counts.received;
  object["received_bytes"] = counts.received_bytes;
  object["delivered"] = counts.delivered;
  object["delivered_bytes"] = counts.delivered_bytes;
  object["lost"] = counts.lost_total();
  object["lost_by"] = lost;
  object["duplicated"] = counts.duplicated;
  object["held_back"] = counts.held_back;
  object["corrupted"] = counts.corrupted;
  object["pending"] = counts.pending;
  object["no_client"] = counts.no_client;
  object["no_room"] = counts.no_room;
  object["send_failed"] = counts.send_failed;
  object["refused"] = counts.refused;
  object["unreachable"] = counts.unreachable;
  object["kernel_drops"] = counts.kernel_drops;
  return object;
}

Json counters_json(std::string_view event, const ImpairerStats& stats, Duration elapsed) {
  Json object;
  object["event"] = event;
  object["time"] = utc_time();
  object["elapsed_ms"] = json_milliseconds(elapsed);
  object["clients"] = stats.clients;
  object["clients_most"] = stats.clients_most;
  object["clients_total"] = stats.clients_total;
  object["up"] = way_json(stats.up);
  object["down"] = way_json(stats.down);
  return object;
}

}  // namespace

ImpairReport::ImpairReport(bool json, bool quiet) noexcept
    : json_{json}, quiet_{quiet}, live_{!json && !quiet && standard_error().is_terminal()} {}

void ImpairReport::listening(const Endpoint& local, const Endpoint& target, std::uint64_t seed) const {
  if (!json_) {
    standard_output().write(
        fmt::format("Listening at {}, relaying to {} (--seed {} gives the same luck again)\n",
                    local.to_string(), target.to_string(), seed));
    return;
  }
  Json object;
  object["event"] = "listening";
  object["time"] = utc_time();
  object["endpoint"] = local.to_string();
  object["address"] = local.address.to_string();
  object["port"] = local.port;
  object["target"] = target.to_string();
  object["seed"] = seed;
  print_json(object);
}

void ImpairReport::progress(const ImpairerStats& stats, Duration elapsed) {
  if (live_) return line_.show(live_text(stats, elapsed));
  const Json object = counters_json("counters", stats, elapsed);
  if (json_) return print_json(object);
  if (!quiet_) standard_error().write(json_line(object));
}

void ImpairReport::summary(const ImpairerStats& stats, Duration elapsed) {
  if (json_) return print_json(counters_json("summary", stats, elapsed));
  line_.clear();
  standard_output().write(fmt::format("Relayed for {}: {}, {} at one time\n", shown(elapsed),
                                      counted(stats.clients_total, "client"), stats.clients_most) +
                          way_text("up", stats.up) + way_text("down", stats.down));
}

}  // namespace holler::cli
