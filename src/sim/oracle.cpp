#include "sim/oracle.hpp"

#include <algorithm>
#include <array>

#include "holler/format.hpp"

namespace holler::sim {
namespace {

constexpr std::array<std::string_view, 9> kNames{
    "",
    "every question ends exactly once, by its deadline",
    "a handler runs at most once for a request, as long as the server lives",
    "an accepted reply is the handler's reply to that very request",
    "nothing forged off the path is accepted",
    "datagrams and bytes stay within their bounds",
    "memory stays within its bounds",
    "once the network heals, every question with time left is answered",
    "after an outage the goodput comes back",
};

AskKey key_of(const Host& host, RequestHandle request) {
  return {host.number(), host.restarts(), request.slot, request.generation};
}

}  // namespace

std::string_view name_of(Invariant invariant) noexcept { return kNames[static_cast<std::size_t>(invariant)]; }

Oracle::Oracle(World& world, const OracleOptions& options) : world_{world}, options_{options} {
  world_.set_witness(this);
  world_.add_tap([this](const Sighting& sighting) { on_sighting(sighting); });
}

Oracle::~Oracle() { world_.set_witness(nullptr); }

void Oracle::watch(const Host& server, const std::vector<Endpoint>& addresses) {
  servers_[server.number()].host = &server;
  for (const Endpoint& address : addresses) server_at_[address] = server.number();
}

void Oracle::watch(ServerHost& server) {
  watch(server, server.addresses());
  server_hosts_.push_back(&server);
}

void Oracle::watch(ClientHost& client) { client_hosts_[client.number()] = &client; }

void Oracle::violate(Invariant invariant, const std::string& what) {
  if (violated_) return;
  violated_ = invariant;
  world_.fault(
      holler::format("invariant {} ({}): {}", static_cast<int>(invariant), name_of(invariant), what));
}

std::string Oracle::describe(const AskLedger& ask) const {
  return holler::format("question {} of host {} to {}", &ask - asks_.data(), ask.key.host,
                        ask.peer.to_string());
}

AskLedger* Oracle::find(const Host& client, RequestHandle request) {
  const auto found = live_.find(key_of(client, request));
  return found == live_.end() ? nullptr : &asks_[found->second];
}

void Oracle::on_sighting(const Sighting& sighting) {
  ++datagrams_;
  fingerprint_.add(static_cast<std::uint64_t>(sighting.stage))
      .add(static_cast<std::uint64_t>((sighting.when - world_.time(Duration::zero())).count()))
      .add(std::as_bytes(std::span{sighting.from.address.bytes()}))
      .add(sighting.from.port)
      .add(std::as_bytes(std::span{sighting.to.address.bytes()}))
      .add(sighting.to.port)
      .add(sighting.bytes);
  if (sighting.stage == Sighting::Stage::sent) note_departure(sighting);
  if (sighting.stage != Sighting::Stage::delivered) return;
  arriving_ = sighting;
  if (const auto server = server_at_.find(sighting.to); server != server_at_.end()) {
    note_arrival(servers_[server->second], sighting);
  }
}

void Oracle::on_ask(const Host& client, const Codec& codec, RequestHandle request, const Endpoint& peer,
                    Bytes payload, const RequestOptions& options) {
  const auto index = static_cast<std::uint32_t>(asks_.size());
  const Timestamp now = world_.clock(client);
  asks_.push_back({.key = key_of(client, request),
                   .client = &client,
                   .codec = &codec,
                   .peer = peer,
                   .options = options,
                   .payload = Fingerprint::of(payload),
                   .started = now,
                   .deadline = later(now, options.deadline)});
  if (!live_.emplace(asks_.back().key, index).second) {
    violate(Invariant::ends_once, describe(asks_.back()) + " has the handle of one that has not ended");
  }
  PeerLedger& known = peers_[{client.number(), client.restarts(), peer}];
  known.longest_wait = std::max(known.longest_wait, options.backoff_max);
  check_memory(client);
  if (asks_.back().deadline != kNever) {
    deadlines_.emplace(later(asks_.back().deadline, client.asleep()), index);
  }
}

void Oracle::on_cancel(const Host& client, RequestHandle request) {
  if (AskLedger* ask = find(client, request)) ask->cancelled = true;
}

void Oracle::on_end(const Host& client, const RequestEvent& event) {
  fingerprint_.add(client.number())
      .add(static_cast<std::uint64_t>(event.outcome))
      .add(static_cast<std::uint64_t>(event.elapsed.count()))
      .add(event.attempts);
  AskLedger* ask = find(client, event.request);
  if (ask == nullptr) {
    return violate(Invariant::ends_once, holler::format("host {} says that a question has ended that was not "
                                                        "asked, or has ended before",
                                                        client.number()));
  }
  live_.erase(ask->key);
  ask->in_flight = false;
  const Timestamp now = world_.clock(client);
  // A host that was stopped over the deadline ends what is overdue when it goes on.
  if (++ask->ends > 1 || (now > ask->deadline && world_.now() != client.woken())) {
    violate(Invariant::ends_once, describe(*ask) + " ends after its deadline");
  }
  if (event.outcome == Outcome::cancelled && !ask->cancelled) {
    violate(Invariant::ends_once, describe(*ask) + " is cancelled, and nobody has cancelled it");
  }
  if (event.outcome == Outcome::unknown && !may_be_unknown(*ask)) {
    violate(Invariant::runs_once,
            describe(*ask) + " ends as unknown, and the server has not been restarted since it was sent");
  }
  const bool by_datagram = event.outcome == Outcome::answered || event.outcome == Outcome::declined;
  if (by_datagram) check_accepted(*ask, event);
  if (event.outcome == Outcome::answered) {
    ++answered_;
    const Duration since = world_.elapsed();
    if (options_.goodput && since >= options_.goodput->from && since < options_.goodput->until) {
      ++answered_in_time_;
    }
  } else if (!by_datagram && !ask->cancelled && event.outcome != Outcome::unknown) {
    check_healed(*ask, event);
  }
}

/// A handler that has not answered, or has answered nothing, as it wanted, leaves nobody to blame.
bool Oracle::excused(const AskLedger& ask) const {
  const bool numbered = ask.codec->traits().numbered;
  const auto [first, last] = runs_of_.equal_range(numbered ? ask.conversation ^ ask.number : ask.payload);
  bool ran = false;
  for (auto run = first; run != last; ++run) {
    const RunLedger& ledger = runs_[run->second];
    if (!same_question(ask, ledger)) continue;
    if (!ledger.decided || ledger.kind != Answer::Kind::reply) return true;
    // A plain asker cannot be told to show its address.
    if (!numbered && ledger.reply_bytes > ledger.question_bytes) return true;
    ran = true;
  }
  return !numbered && !ran;  // nor can it be told that the server is busy
}

/// Invariant 7.
void Oracle::check_healed(const AskLedger& ask, const RequestEvent& event) {
  const Timestamp healed = world_.time(options_.healed);
  if (options_.healed == kForever || world_.now() < healed || excused(ask)) return;
  // ICMP may have been on its way for as long as any other datagram.
  if (event.outcome != Outcome::no_answer && world_.now() < later(healed, std::chrono::minutes{2})) return;
  if (ask.options.attempts_max != 0) return;  // whoever counts copies may run out of them
  // A server that says that it is overloaded is excused, and one that was told lies of the conversation.
  if (ask.busy || event.outcome == Outcome::busy || tainted_.contains(ask.conversation)) return;
  if (event.outcome == Outcome::unknown) return;  // a restarted server cannot know: docs/at-most-once.md
  // The wait that it is in when the network heals passes first; those that are before it in the window's
  // queue wait as long at most, and then there are answers.
  const Duration longest = peers_[{ask.key.host, ask.key.life, ask.peer}].longest_wait;
  // What a handler never answers holds a place in the window until it is asked again, and looks like loss.
  std::int64_t waits = 2;
  for (const AskLedger& other : asks_) {
    if (other.client == ask.client && other.peer == ask.peer && excused(other)) ++waits;
  }
  const Duration slack = waits * (longest + longest / 4) + 10 * options_.round_trip_max;
  const Timestamp start = std::max(healed, later(ask.started, ask.client->asleep()));
  if (later(start, slack) >= later(ask.deadline, ask.client->asleep())) return;
  violate(Invariant::answered_if_healed,
          describe(ask) + holler::format(" ends as {}, after {} transmissions, although the network has been "
                                         "sound for long enough",
                                         name_of(event.outcome), event.attempts));
}

void Oracle::on_restart(const Host& host) {
  // The keys have the life before in them, so that the new one's are others.
  for (const auto& [key, index] : live_) {
    if (key.host == host.number() && key.life != host.restarts()) asks_[index].lost = true;
  }
  std::erase_if(live_, [this](const auto& item) { return asks_[item.second].lost; });
  if (const auto server = servers_.find(host.number()); server != servers_.end()) {
    server->second.began = world_.now();
  }
}

void Oracle::on_instant_over() {
  const Timestamp now = world_.now();
  while (!deadlines_.empty() && deadlines_.top().first <= now) {
    const std::uint32_t index = deadlines_.top().second;
    deadlines_.pop();
    const AskLedger& ask = asks_[index];
    if (ask.ends != 0 || ask.lost) continue;
    if (!ask.client->running() || world_.clock(*ask.client) < ask.deadline) {
      // Its clock stands still or has stood still, or it cannot act: look again.
      const Timestamp due = later(ask.deadline, ask.client->asleep());
      deadlines_.emplace(std::max(due, later(now, std::chrono::milliseconds{1})), index);
      continue;
    }
    violate(Invariant::ends_once, describe(ask) + " is over its deadline and has not ended");
  }
  check_memory();
}

void Oracle::finish() {
  if (violated_) return;
  for (const AskLedger& ask : asks_) {
    if (ask.ends == 0 && !ask.lost && ask.client->running()) {
      return violate(Invariant::ends_once, describe(ask) + " has never ended");
    }
  }
  for (ServerHost* server : server_hosts_) {
    const ResponderOccupancy held = server->responder().occupancy();
    if (server->running() && held.conversations + held.places + held.payload_bytes != 0) {
      violate(Invariant::bounded_memory,
              holler::format("server {} has come to rest and still remembers {} conversations",
                             server->number(), held.conversations));
    }
  }
  if (options_.goodput && answered_in_time_ < options_.goodput->answers_least) {
    violate(
        Invariant::goodput_returns,
        holler::format("{} answers from {} s to {} s, where {} were expected", answered_in_time_,
                       options_.goodput->from / std::chrono::seconds{1},
                       options_.goodput->until / std::chrono::seconds{1}, options_.goodput->answers_least));
  }
}

}  // namespace holler::sim
