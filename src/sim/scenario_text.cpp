#include <array>

#include "holler/format.hpp"

#include "sim/scenario.hpp"

namespace holler::sim {
namespace {

constexpr std::array<std::string_view, 12> kEventNames{
    "weather",        "cut up",         "cut down",       "partition",      "freeze client", "freeze server",
    "suspend client", "suspend server", "restart client", "restart server", "halt server",   "rebind"};

/// Whole units where there are any: 1500 ms is `1500 ms`, 1 ns is `1 ns`.
std::string words(Duration time) {
  using namespace std::chrono_literals;
  const auto count = [time](Duration unit) { return std::to_string(time / unit); };
  if (time == kForever) return "for ever";
  if (time % 1s == 0s) return count(1s) + " s";
  if (time % 1ms == 0s) return count(1ms) + " ms";
  if (time % 1us == 0s) return count(1us) + " us";
  return count(1ns) + " ns";
}

void tell(std::string& out, std::string_view what, Ratio ratio) {
  if (ratio.part != 0) out += holler::format(", {} {}/{}", what, ratio.part, ratio.whole);
}

void tell(std::string& out, std::string_view what, Duration time) {
  if (time != Duration::zero()) out += holler::format(", {} {}", what, words(time));
}

template <std::unsigned_integral Number>
void tell(std::string& out, std::string_view what, Number value, Number usual = 0) {
  if (value != usual) out += holler::format(", {} {}", what, value);
}

template <class Options>
void tell_bundling(std::string& out, const Options& options) {
  if (options.bundles) out += ", bundles";
  tell(out, "bundle_delay", options.bundle_delay);
}

std::string words(const LinkSettings& link) {
  std::string out = "delay " + words(link.delay);
  tell(out, "jitter", link.jitter);
  tell(out, "loss", link.loss);
  tell(out, "duplication", link.duplication);
  tell(out, "by", link.duplication_delay);
  tell(out, "reordering", link.reordering);
  tell(out, "by", link.reordering_delay);
  tell(out, "bursts begin", link.burst.begin);
  if (link.burst.begin.part != 0) tell(out, "end", link.burst.end);
  tell(out, "checksum errors", link.checksum_errors);
  tell(out, "corruption", link.corruption);
  tell(out, "bits/s", link.rate);
  if (link.rate != 0) out += holler::format(", queue {}", link.queue_datagrams_max);
  tell(out, "mtu", link.mtu_bytes);
  if (link.mtu_bytes != 0 && !link.icmp_too_big) out += " and silent";
  return out;
}

std::string words(const ServerPlan& plan) {
  const ResponderOptions usual;
  std::string out = holler::format("{} addresses", plan.addresses);
  tell(out, "workers", plan.workers);
  tell(out, plan.service_fixed ? "service" : "service up to", plan.service_max);
  tell(out, "held back up to", plan.hold_back_max);
  tell(out, "replies up to", plan.reply_bytes_max);
  tell(out, "refused %", plan.refused);
  tell(out, "postponed %", plan.postponed);
  tell(out, "ignored %", plan.ignored);
  tell(out, "jobs_max", plan.limits.jobs_max, usual.jobs_max);
  tell(out, "conversations_max", plan.limits.conversations_max, usual.conversations_max);
  tell(out, "replies_max", plan.limits.replies_max, usual.replies_max);
  tell(out, "reply_bytes_max", plan.limits.reply_bytes_max, usual.reply_bytes_max);
  tell(out, "strangers after", plan.limits.strangers_after);
  tell_bundling(out, plan.limits);
  return out;
}

std::string words(const ClientPlan& plan) {
  const RequesterOptions usual;
  std::string out = holler::format("{} channels", plan.channels);
  if (plan.plain) out += ", plain";
  tell(out, "outstanding_max", plan.limits.outstanding_max, usual.outstanding_max);
  tell(out, "peers_max", plan.limits.peers_max, usual.peers_max);
  tell_bundling(out, plan.limits);
  return out;
}

std::string words(const AskPlan& plan) {
  std::string out =
      holler::format("client {} asks server {} at address {}, {} bytes, deadline {}", plan.client,
                     plan.server, plan.address, plan.bytes, words(plan.options.deadline));
  tell(out, "first wait", plan.options.first_wait);
  tell(out, "backoff_max", plan.options.backoff_max);
  tell(out, "attempts_max", plan.options.attempts_max);
  tell(out, "jitter", plan.options.jitter);
  tell(out, "channel", plan.options.channel);
  tell(out, "cancelled after", plan.cancelled);
  if (plan.options.repeatable) out += ", repeatable";
  return out;
}

std::string words(const EventPlan& plan) {
  std::string out{kEventNames.at(static_cast<std::size_t>(plan.kind))};
  if (plan.kind == EventPlan::Kind::weather) {
    return out + (plan.flag ? " up: " : " down: ") + words(plan.link);
  }
  out += holler::format(" {}", plan.who);
  if (plan.flag) out += " (flag)";
  tell(out, "lasts", plan.lasts);
  return out;
}

}  // namespace

std::string Scenario::to_string() const {
  std::string out = holler::format("seed {}\n", seed);
  out += "up: " + words(up) + "\ndown: " + words(down) + '\n';
  for (std::size_t i = 0; i < servers.size(); ++i) {
    out += holler::format("server {}: {}\n", i, words(servers[i]));
  }
  if (loop) {
    out += holler::format("{} clients like this: {}\n", clients.size(), words(clients.front()));
    out += holler::format("each asks again after {}, until {}; {} answers expected\n", words(loop->think),
                          words(loop->until), loop->answers_least);
  } else {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      out += holler::format("client {}: {}\n", i, words(clients[i]));
    }
  }
  for (const AskPlan& ask : asks) out += "at " + words(ask.at) + ": " + words(ask) + '\n';
  for (const EventPlan& event : events) out += "at " + words(event.at) + ": " + words(event) + '\n';
  for (const AttackerPlan& attacker : attackers) {
    out += holler::format("from {} to {}: an attacker {} the path, every {}\n", words(attacker.from),
                          words(attacker.until), attacker.on_path ? "on" : "off", words(attacker.pause));
  }
  return out + holler::format("healed at {}, then: {}\n", words(healed), words(calm));
}

}  // namespace holler::sim
