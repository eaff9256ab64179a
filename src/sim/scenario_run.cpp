#include <memory>

#include "holler/format.hpp"

#include "sim/attackers.hpp"
#include "sim/scenario.hpp"

namespace holler::sim {
namespace {

using Kind = EventPlan::Kind;
using std::chrono::seconds;

constexpr std::uint64_t kEventsMax = 3'000'000;
constexpr Duration kPauseWhenRefused = std::chrono::milliseconds{200};

Endpoint server_endpoint(std::size_t server, std::size_t address) {
  return endpoint(static_cast<std::uint32_t>(9000 + 16 * server + address));
}

Endpoint client_endpoint(std::size_t client, std::size_t channel) {
  return endpoint(static_cast<std::uint32_t>(100 + client), static_cast<std::uint16_t>(40'000 + channel));
}

/// The world of one scenario.
class Stage {
 public:
  Stage(const Scenario& scenario, std::size_t story_lines);
  ScenarioRun run();

 private:
  void add_servers();
  void add_clients();
  void add_attackers();
  [[nodiscard]] ServerHost::Handler handler(const ServerPlan& plan);
  void set_weather(const LinkSettings& up, const LinkSettings& down);
  void set_way(const Address& client, const LinkSettings* up, const LinkSettings* down);
  void ask(const AskPlan& plan);
  void begin_loop(ClientHost& client, std::size_t number);
  void begin(const EventPlan& event);
  void end(const EventPlan& event);
  void rebind(std::uint32_t who, bool elsewhere);
  void heal();
  [[nodiscard]] Host& client(std::uint32_t who) { return *clients_[who % clients_.size()]; }
  [[nodiscard]] Host& server(std::uint32_t who) { return *servers_[who % servers_.size()]; }
  [[nodiscard]] std::vector<Address> names_of(std::uint32_t client) const {
    return names_[client % names_.size()];
  }
  [[nodiscard]] OracleOptions oracle_options() const;

  const Scenario& scenario_;
  World world_;
  Oracle oracle_;
  SeededRandom handlers_;
  std::vector<ServerHost*> servers_;
  std::vector<ClientHost*> clients_;
  std::vector<std::vector<Address>> names_;  // of each client, the present one last
  std::vector<Address> server_addresses_;
  std::vector<std::uint32_t> next_channel_;
  ByteVector payload_;
  std::uint32_t rebinds_ = 0;
};

Stage::Stage(const Scenario& scenario, std::size_t story_lines)
    : scenario_{scenario},
      world_{{.seed = scenario.seed,
              .link = {.delay = std::chrono::milliseconds{1}},
              .events_max = kEventsMax,
              .story_lines_max = story_lines}},
      oracle_{world_, oracle_options()},
      handlers_{world_.fork_random()},
      payload_(66'000) {
  for (std::byte& byte : payload_) byte = static_cast<std::byte>(handlers_.below(256));
  add_servers();
  add_clients();
  set_weather(scenario.up, scenario.down);
  add_attackers();
  for (const AskPlan& plan : scenario.asks) {
    world_.at(plan.at, [this, &plan] { ask(plan); });
  }
  for (const EventPlan& event : scenario.events) {
    world_.at(event.at, [this, &event] { begin(event); });
    if (event.lasts != Duration::zero()) world_.at(event.at + event.lasts, [this, &event] { end(event); });
  }
  world_.at(scenario.healed, [this] { heal(); });
}

OracleOptions Stage::oracle_options() const {
  OracleOptions options{.healed = scenario_.healed, .tampering = scenario_.tampering()};
  Duration slowest{};
  for (const ServerPlan& plan : scenario_.servers) {
    slowest = std::max(slowest, plan.service_max + plan.hold_back_max);
  }
  options.round_trip_max = 2 * (scenario_.calm.delay + scenario_.calm.jitter) + slowest + seconds{1};
  if (scenario_.loop && scenario_.loop->answers_least != 0) {
    options.goodput = OracleOptions::Goodput{.from = scenario_.healed + seconds{30},
                                             .until = scenario_.healed + seconds{40},
                                             .answers_least = scenario_.loop->answers_least};
  }
  return options;
}

ServerHost::Handler Stage::handler(const ServerPlan& plan) {
  return [this, &plan](const IncomingRequest& request, Answer& answer) {
    const std::uint64_t luck = handlers_.below(100);
    answer.service = plan.service_fixed ? plan.service_max : handlers_.between(Duration{}, plan.service_max);
    answer.hold_back = handlers_.between(Duration{}, plan.hold_back_max);
    // Spread over all sizes: as many below 100 bytes as above.
    std::uint64_t most = plan.reply_bytes_max + 1;
    for (std::uint64_t halvings = handlers_.below(8); halvings-- > 0;) most = most / 2 + 1;
    answer.payload.assign(payload_.begin(),
                          payload_.begin() + static_cast<std::ptrdiff_t>(handlers_.below(most)));
    const std::uint64_t mark = Fingerprint::of(request.payload);
    for (std::size_t i = 0; i < std::min<std::size_t>(8, answer.payload.size()); ++i) {
      answer.payload[i] = static_cast<std::byte>(mark >> 8 * i & 0xffU);
    }
    answer.reason = static_cast<std::uint16_t>(handlers_.below(1000));
    answer.retry_after = handlers_.between(Duration{}, seconds{3});
    if (luck < plan.refused) {
      answer.kind = Answer::Kind::refuse;
    } else if (luck < plan.refused + plan.postponed) {
      answer.kind = Answer::Kind::postpone;
    } else if (luck < plan.refused + plan.postponed + plan.ignored) {
      answer.kind = Answer::Kind::ignore;
    }
  };
}

void Stage::add_servers() {
  for (std::size_t i = 0; i < scenario_.servers.size(); ++i) {
    const ServerPlan& plan = scenario_.servers[i];
    std::vector<Endpoint> addresses;
    for (std::size_t j = 0; j < plan.addresses; ++j) {
      addresses.push_back(server_endpoint(i, j));
      server_addresses_.push_back(addresses.back().address);
    }
    servers_.push_back(&world_.add<ServerHost>(
        addresses, handler(plan),
        ServerHostOptions{.responder = plan.limits, .count_payloads = false, .workers = plan.workers}));
    oracle_.watch(*servers_.back());
  }
}

void Stage::add_clients() {
  for (std::size_t i = 0; i < scenario_.clients.size(); ++i) {
    const ClientPlan& plan = scenario_.clients[i];
    std::vector<Endpoint> channels;
    channels.reserve(plan.channels);
    for (std::size_t j = 0; j < plan.channels; ++j) channels.push_back(client_endpoint(i, j));
    auto& host = world_.add<ClientHost>(
        channels, ClientHostOptions{.codec = plan.plain ? &plain_codec() : &holler_codec(),
                                    .requester = plan.limits,
                                    .keep_records = false});
    clients_.push_back(&host);
    next_channel_.push_back(0);
    names_.push_back({channels.front().address});
    oracle_.watch(host);
    if (scenario_.loop) begin_loop(host, i);
  }
}

void Stage::add_attackers() {
  for (const AttackerPlan& plan : scenario_.attackers) {
    AttackPlan attack{.from = plan.from, .until = plan.until, .pause = plan.pause};
    for (const ServerHost* server : servers_) {
      attack.servers.insert(attack.servers.end(), server->addresses().begin(), server->addresses().end());
    }
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      // The port is all that protects who asks without an ID; who knows it can forge.
      if (!scenario_.clients[i].plain) attack.clients.push_back(client_endpoint(i, 0));
    }
    if (attack.clients.empty() || attack.servers.empty()) continue;
    if (plan.on_path) {
      world_.add<OnPathAttacker>(attack);
    } else {
      world_.add<OffPathAttacker>(attack);
    }
  }
}

void Stage::set_way(const Address& client, const LinkSettings* up, const LinkSettings* down) {
  const auto change = [](LinkSettings& settings, const LinkSettings& to) {
    const bool blocked = settings.blocked;
    settings = to;
    settings.blocked = blocked;
  };
  for (const Address& server : server_addresses_) {
    if (up != nullptr) change(world_.link(client, server), *up);
    if (down != nullptr) change(world_.link(server, client), *down);
  }
}

void Stage::set_weather(const LinkSettings& up, const LinkSettings& down) {
  for (const auto& names : names_) {
    for (const Address& name : names) set_way(name, &up, &down);
  }
}

void Stage::ask(const AskPlan& plan) {
  const std::size_t number = plan.client % clients_.size();
  ClientHost& host = *clients_[number];
  if (!host.running()) return;
  const ClientPlan& client = scenario_.clients[number];
  RequestOptions options = plan.options;
  if (client.plain) {
    // A port of its own for each question, as RFC 5452 §9.2 wants it, while there are any.
    if (next_channel_[number] >= client.channels) return;
    options.channel = next_channel_[number]++;
  } else {
    options.channel %= client.channels;
  }
  const std::size_t server = plan.server % servers_.size();
  const Endpoint peer = server_endpoint(server, plan.address % scenario_.servers[server].addresses);
  const StartResult result =
      host.ask(peer, Bytes{payload_}.subspan(handlers_.below(256), plan.bytes), options, true);
  if (result.status != StartStatus::started || plan.cancelled == Duration::zero()) return;
  world_.at(world_.elapsed() + plan.cancelled, [&host, handle = result.handle, life = host.restarts()] {
    if (host.running() && host.restarts() == life) host.cancel(handle);
  });
}

void Stage::begin_loop(ClientHost& client, std::size_t number) {
  const auto again = [this, &client] {
    if (world_.elapsed() >= scenario_.loop->until || !client.running()) return;
    client.ask(server_endpoint(0, 0), Bytes{payload_}.first(20), {}, true);
  };
  client.set_on_end([this, again](const RequestEvent& end) {
    // Who is refused at once comes back later, as people do: a crowd at a dead port would never rest.
    const Duration pause = end.outcome == Outcome::refused ? kPauseWhenRefused : Duration::zero();
    world_.at(world_.elapsed() + scenario_.loop->think + pause, again);
  });
  // They begin one after the other, spread over a second.
  world_.at(
      seconds{1} * static_cast<std::int64_t>(number) / static_cast<std::int64_t>(scenario_.clients.size()),
      again);
}

void Stage::rebind(std::uint32_t who, bool elsewhere) {
  const std::size_t number = who % clients_.size();
  ++rebinds_;
  const Address now = names_[number].back();
  const Address then = elsewhere ? endpoint(60'000 + rebinds_).address : now;
  if (elsewhere) {
    for (const Address& server : server_addresses_) {
      world_.link(then, server) = world_.link(now, server);
      world_.link(server, then) = world_.link(server, now);
    }
    names_[number].push_back(then);
  }
  world_.rebind(clients_[number]->port(), {then, static_cast<std::uint16_t>(50'000 + rebinds_)});
}

void Stage::begin(const EventPlan& event) {
  switch (event.kind) {
    case Kind::weather:
      for (const auto& names : names_) {
        for (const Address& name : names) {
          set_way(name, event.flag ? &event.link : nullptr, event.flag ? nullptr : &event.link);
        }
      }
      return;
    case Kind::cut_up: return world_.block(names_of(event.who), server_addresses_);
    case Kind::cut_down: return world_.block(server_addresses_, names_of(event.who));
    case Kind::partition:
      for (std::uint32_t i = 0; i <= event.who % clients_.size(); ++i) {
        world_.partition(names_of(i), server_addresses_);
      }
      return;
    case Kind::freeze_client: return world_.freeze(client(event.who));
    case Kind::freeze_server: return world_.freeze(server(event.who));
    case Kind::suspend_client: return world_.suspend(client(event.who), event.flag);
    case Kind::suspend_server: return world_.suspend(server(event.who), event.flag);
    case Kind::restart_client: return world_.restart(client(event.who));
    case Kind::restart_server: return world_.restart(server(event.who));
    case Kind::halt_server: return world_.halt(server(event.who), event.flag);
    case Kind::rebind: return rebind(event.who, event.flag);
  }
}

void Stage::end(const EventPlan& event) {
  switch (event.kind) {
    case Kind::cut_up: return world_.block(names_of(event.who), server_addresses_, false);
    case Kind::cut_down: return world_.block(server_addresses_, names_of(event.who), false);
    case Kind::partition:
      for (std::uint32_t i = 0; i <= event.who % clients_.size(); ++i) {
        world_.partition(names_of(i), server_addresses_, false);
      }
      return;
    case Kind::freeze_client:
    case Kind::suspend_client: return world_.thaw(client(event.who));
    case Kind::freeze_server:
    case Kind::suspend_server:
      // Who has ended meanwhile does not go on where it was.
      if (server(event.who).power() == Power::ended || server(event.who).power() == Power::off) return;
      return world_.thaw(server(event.who));
    case Kind::halt_server: return world_.restart(server(event.who));
    case Kind::weather:
    case Kind::restart_client:
    case Kind::restart_server:
    case Kind::rebind: return;
  }
}

void Stage::heal() {
  for (ServerHost* host : servers_) {
    if (host->power() == Power::ended || host->power() == Power::off) world_.restart(*host);
    world_.thaw(*host);
  }
  for (ClientHost* host : clients_) world_.thaw(*host);
  for (const auto& names : names_) world_.partition(names, server_addresses_, false);
  set_weather(scenario_.calm, scenario_.calm);
}

ScenarioRun Stage::run() {
  const RunEnd end = world_.run();
  if (end == RunEnd::events) world_.fault("the world does not come to rest");
  if (end == RunEnd::idle) oracle_.finish();
  ScenarioRun result{.violated = oracle_.violated(),
                     .fingerprint = oracle_.fingerprint(),
                     .asked = oracle_.asked(),
                     .answered = oracle_.answered(),
                     .runs = oracle_.runs(),
                     .datagrams = oracle_.datagrams(),
                     .lasted = world_.elapsed()};
  if (!world_.faults().empty()) {
    result.fault = world_.faults().front();
    result.story = world_.story().text();
  }
  return result;
}

}  // namespace

bool Scenario::tampering() const noexcept {
  bool altered = up.corruption.part != 0 || down.corruption.part != 0;
  for (const EventPlan& event : events) altered = altered || event.link.corruption.part != 0;
  for (const AttackerPlan& attacker : attackers) altered = altered || attacker.on_path;
  return altered;
}

bool ScenarioRun::same_fault(const ScenarioRun& other) const noexcept {
  return failed() && other.failed() && violated == other.violated;
}

ScenarioRun run_scenario(const Scenario& scenario, std::size_t story_lines) {
  if (scenario.servers.empty() || scenario.clients.empty()) return {};
  return Stage{scenario, story_lines}.run();
}

}  // namespace holler::sim
