#include <algorithm>

#include "sim/scenario.hpp"

// Each scenario has some of the dangers there are, and others of them than the next: a run with all of them
// hardly ever gets far enough to show what a few do (Groce et al., "Swarm Testing", ISSTA 2012).

namespace holler::sim {
namespace {

using namespace std::chrono_literals;
using Kind = EventPlan::Kind;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_{seed} {}

  bool one_in(std::uint32_t many) { return random_.below(many) == 0; }
  std::uint32_t upto(std::uint32_t most) {
    return static_cast<std::uint32_t>(random_.below(std::uint64_t{most} + 1));
  }
  std::uint32_t from_to(std::uint32_t least, std::uint32_t most) { return least + upto(most - least); }
  /// As many small ones as large ones: each halving is as likely.
  std::uint32_t spread(std::uint32_t most) {
    std::uint32_t limit = most;
    for (std::uint32_t halvings = upto(8); halvings > 0 && limit > 1; --halvings) limit /= 2;
    return upto(limit);
  }
  /// In round numbers, which are shorter to tell.
  Duration between(Duration least, Duration most) {
    const Duration drawn = random_.between(least, most);
    if (drawn >= 10ms) return drawn / 1ms * 1ms;
    return drawn >= 10us ? drawn / 1us * 1us : drawn;
  }
  Duration spread(Duration least, Duration most) {
    Duration limit = most;
    for (std::uint32_t halvings = upto(8); halvings > 0 && limit / 2 > least; --halvings) limit /= 2;
    return between(least, limit);
  }

 private:
  SeededRandom random_;
};

LinkSettings draw_link(Dice& dice) {
  LinkSettings link;
  link.delay = dice.spread(10us, 300ms);
  if (dice.one_in(2)) link.jitter = dice.spread(0ms, 200ms);
  if (dice.one_in(2)) link.loss = percent(dice.upto(60));
  if (dice.one_in(3)) {
    link.duplication = percent(dice.upto(60));
    link.duplication_delay = dice.one_in(3) ? dice.between(0s, 119s) : dice.spread(0ms, 3s);
  }
  if (dice.one_in(3)) {
    link.reordering = percent(dice.upto(40));
    link.reordering_delay = dice.spread(0ms, 2s);
  }
  if (dice.one_in(5)) {
    link.burst.begin = percent(dice.upto(10));
    link.burst.end = percent(dice.from_to(2, 60));
  }
  if (dice.one_in(6)) link.checksum_errors = percent(dice.upto(20));
  if (dice.one_in(12)) link.corruption = percent(dice.upto(10));
  if (dice.one_in(6)) {
    link.rate = 10'000 + std::uint64_t{1000} * dice.spread(10'000);
    link.queue_datagrams_max = dice.spread(50);
  }
  if (dice.one_in(8)) {
    link.mtu_bytes = dice.from_to(100, 1500);
    link.icmp_too_big = dice.one_in(2);
  }
  return link;
}

ServerPlan draw_server(Dice& dice) {
  ServerPlan server;
  if (dice.one_in(3)) server.addresses = dice.from_to(1, 3);
  if (dice.one_in(2)) server.service_max = dice.spread(0ms, 5s);
  if (dice.one_in(4)) server.workers = dice.from_to(1, 4);
  if (dice.one_in(6)) server.hold_back_max = dice.spread(0ms, 3s);
  server.reply_bytes_max = dice.one_in(3) ? dice.spread(60'000) : dice.spread(400);
  if (dice.one_in(5)) server.refused = dice.upto(30);
  if (dice.one_in(5)) server.postponed = dice.upto(30);
  if (dice.one_in(6)) server.ignored = dice.upto(30);
  if (dice.one_in(5)) server.limits.jobs_max = dice.from_to(1, 8);
  if (dice.one_in(5)) server.limits.conversations_max = dice.from_to(2, 20);
  if (dice.one_in(5)) server.limits.replies_max = dice.from_to(64, 400);
  if (dice.one_in(6)) server.limits.reply_bytes_max = dice.from_to(100, 20'000);
  if (dice.one_in(6)) server.limits.strangers_after = dice.spread(1s, 120s);
  return server;
}

ClientPlan draw_client(Dice& dice) {
  ClientPlan client;
  client.plain = dice.one_in(8);
  client.channels = client.plain ? 40 : dice.from_to(1, 3);
  if (dice.one_in(6)) client.limits.outstanding_max = dice.from_to(1, 10);
  if (dice.one_in(6)) client.limits.peers_max = dice.from_to(1, 3);
  return client;
}

AskPlan draw_ask(Dice& dice, const Scenario& scenario) {
  AskPlan ask;
  ask.at = dice.between(0s, scenario.healed + 5s);
  ask.client = dice.upto(static_cast<std::uint32_t>(scenario.clients.size() - 1));
  ask.server = dice.upto(static_cast<std::uint32_t>(scenario.servers.size() - 1));
  ask.address = dice.upto(2);
  ask.bytes = dice.one_in(10) ? dice.spread(65'000) : dice.spread(300);
  ask.options.deadline = dice.one_in(3) ? dice.spread(1ns, 10s) : dice.between(1s, 10min);
  if (dice.one_in(3)) ask.options.first_wait = dice.spread(1ms, 2s);
  ask.options.backoff_max = dice.one_in(3) ? Duration{60s} : dice.spread(50ms, 10s);
  // Hundreds that are asked for ten minutes twenty times a second only take long.
  ask.options.backoff_max = std::max(ask.options.backoff_max, ask.options.deadline / 2000);
  if (dice.one_in(8)) ask.options.attempts_max = dice.from_to(1, 5);
  if (dice.one_in(3)) ask.options.jitter = percent(dice.upto(100));
  ask.options.channel = dice.upto(2);
  ask.options.repeatable = dice.one_in(12);
  if (dice.one_in(12)) ask.cancelled = dice.spread(1ns, 20s);
  return ask;
}

EventPlan draw_event(Dice& dice, const Scenario& scenario) {
  EventPlan event;
  event.kind = static_cast<Kind>(dice.upto(static_cast<std::uint32_t>(Kind::rebind)));
  event.at = dice.between(0s, scenario.healed - 1s);
  const Duration left = scenario.healed - event.at;
  event.lasts = std::min(left, dice.spread(1ms, 100s));
  event.who = dice.upto(20);
  event.flag = dice.one_in(2);
  switch (event.kind) {
    case Kind::weather: event.link = draw_link(dice); [[fallthrough]];
    case Kind::restart_client:
    case Kind::restart_server:
    case Kind::rebind: event.lasts = Duration::zero(); break;
    default: break;
  }
  return event;
}

/// Many clients of one server that can do so much and no more, and an outage.
Scenario draw_crowd(Dice& dice, Scenario scenario) {
  const std::uint32_t clients = dice.from_to(100, 300);
  ServerPlan server;
  server.workers = dice.from_to(1, 4);
  server.service_fixed = true;
  server.service_max = dice.between(2ms, 20ms);
  scenario.servers = {server};
  scenario.clients.assign(clients, {});
  scenario.up = scenario.down = scenario.calm = {.delay = dice.spread(1ms, 50ms)};
  if (dice.one_in(2)) scenario.up.loss = scenario.down.loss = percent(dice.upto(5));
  scenario.healed = dice.between(15s, 30s);
  EventPlan outage;
  const std::uint32_t kind = dice.upto(3);
  outage.kind = kind == 0 ? Kind::halt_server : kind == 1 ? Kind::freeze_server : Kind::partition;
  outage.at = 5s;
  outage.lasts = scenario.healed - outage.at;
  outage.who = clients - 1;
  outage.flag = dice.one_in(2);
  scenario.events = {outage};
  LoopPlan loop;
  loop.think = dice.spread(0ms, 2s);
  loop.until = scenario.healed + 40s;
  // Three quarters of what the server can do, or of what is asked of it, whichever is less.
  const std::int64_t capacity = 10s / server.service_max * std::int64_t{server.workers};
  const Duration round = loop.think + server.service_max + 2 * scenario.calm.delay;
  const std::int64_t offered = 10s / round * std::int64_t{clients};
  loop.answers_least = static_cast<std::uint32_t>(std::min(capacity, offered) * 3 / 4);
  scenario.loop = loop;
  return scenario;
}

/// Most hosts put several messages into a datagram, and some wait for company.
template <class Options>
void draw_bundling(Dice& dice, Options& options) {
  options.bundles = !dice.one_in(4);
  if (dice.one_in(4)) options.bundle_delay = dice.spread(0ms, 50ms);
}

}  // namespace

Scenario Scenario::draw(std::uint64_t seed) {
  Dice dice{seed};
  Scenario scenario;
  scenario.seed = seed;
  if (dice.one_in(16)) return draw_crowd(dice, scenario);
  scenario.healed = dice.between(2s, 150s);
  scenario.calm.delay = dice.spread(1us, 200ms);
  if (dice.one_in(2)) scenario.calm.jitter = dice.spread(0ms, 50ms);
  scenario.up = draw_link(dice);
  scenario.down = dice.one_in(3) ? scenario.up : draw_link(dice);
  for (std::uint32_t count = dice.from_to(1, dice.one_in(3) ? 4 : 1); count > 0; --count) {
    scenario.servers.push_back(draw_server(dice));
  }
  for (std::uint32_t count = dice.from_to(1, dice.one_in(3) ? 12 : 3); count > 0; --count) {
    scenario.clients.push_back(draw_client(dice));
  }
  for (std::uint32_t count = 1 + dice.spread(250); count > 0; --count) {
    scenario.asks.push_back(draw_ask(dice, scenario));
  }
  if (dice.one_in(3)) {  // in one go, so that the window matters
    const Duration at = dice.between(0s, scenario.healed);
    for (AskPlan& ask : scenario.asks) ask.at = at;
  }
  if (!dice.one_in(3)) {
    for (std::uint32_t count = 1 + dice.spread(24); count > 0; --count) {
      scenario.events.push_back(draw_event(dice, scenario));
    }
  }
  while (dice.one_in(4) && scenario.attackers.size() < 2) {
    AttackerPlan attacker;
    attacker.on_path = dice.one_in(3);
    attacker.from = dice.between(0s, scenario.healed);
    attacker.until = dice.between(attacker.from, scenario.healed);
    attacker.pause = std::max(dice.spread(1ms, 100ms), (attacker.until - attacker.from) / 2000);
    scenario.attackers.push_back(attacker);
  }
  for (ServerPlan& server : scenario.servers) draw_bundling(dice, server.limits);
  for (ClientPlan& client : scenario.clients) draw_bundling(dice, client.limits);
  return scenario;
}

}  // namespace holler::sim
