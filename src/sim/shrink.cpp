#include <algorithm>
#include <functional>

#include "sim/scenario.hpp"

namespace holler::sim {
namespace {

/// Tries smaller scenarios one after the other, and keeps those that fail in the same way.
class Shrinker {
 public:
  Shrinker(const Scenario& scenario, const ScenarioRun& run, std::uint32_t runs_max)
      : best_{.scenario = scenario, .run = run}, runs_max_{runs_max} {}

  Shrunk run() {
    for (bool smaller = true; smaller && best_.runs < runs_max_;) {
      smaller = thin(&Scenario::asks);
      smaller = thin(&Scenario::events) || smaller;
      smaller = thin(&Scenario::attackers) || smaller;
      smaller = simplify() || smaller;
      smaller = drop_idle_hosts() || smaller;
    }
    return std::move(best_);
  }

 private:
  bool try_out(const Scenario& candidate) {
    if (best_.runs >= runs_max_) return false;
    ++best_.runs;
    ScenarioRun run = run_scenario(candidate);
    if (!run.same_fault(best_.run)) return false;
    best_.scenario = candidate;
    best_.run = std::move(run);
    return true;
  }

  /// Leaves out half of a list, then quarters of it, down to single ones (Zeller and Hildebrandt 2002).
  template <class Part>
  bool thin(std::vector<Part> Scenario::* list) {
    bool smaller = false;
    for (std::size_t piece = (best_.scenario.*list).size(); piece > 0; piece /= 2) {
      for (std::size_t at = 0; at < (best_.scenario.*list).size();) {
        Scenario candidate = best_.scenario;
        auto& parts = candidate.*list;
        const auto first = parts.begin() + static_cast<std::ptrdiff_t>(at);
        const auto count = static_cast<std::ptrdiff_t>(std::min(piece, parts.size() - at));
        parts.erase(first, first + count);
        if (try_out(candidate)) {
          smaller = true;
        } else {
          at += piece;
        }
        if (best_.runs >= runs_max_) return smaller;
      }
    }
    return smaller;
  }

  /// Sets one thing to what it is when nobody thinks of it.
  template <class Value>
  bool reset(const std::function<Value&(Scenario&)>& field, const Value& usual) {
    Scenario candidate = best_.scenario;
    Value& value = field(candidate);
    if (value == usual) return false;
    value = usual;
    return try_out(candidate);
  }

  bool simplify_link(const std::function<LinkSettings&(Scenario&)>& link) {
    const auto field = [&link]<class Value>(Value LinkSettings::* member) {
      return std::function<Value&(Scenario&)>{
          [&link, member](Scenario& scenario) -> Value& { return link(scenario).*member; }};
    };
    bool smaller = false;
    for (auto member : {&LinkSettings::loss, &LinkSettings::duplication, &LinkSettings::reordering,
                        &LinkSettings::checksum_errors, &LinkSettings::corruption}) {
      smaller = reset<Ratio>(field(member), {}) || smaller;
    }
    for (auto member : {&LinkSettings::jitter, &LinkSettings::duplication_delay,
                        &LinkSettings::reordering_delay, &LinkSettings::delay}) {
      smaller = reset<Duration>(field(member), {}) || smaller;
    }
    smaller = reset<std::uint64_t>(field(&LinkSettings::rate), 0) || smaller;
    smaller = reset<std::uint32_t>(field(&LinkSettings::mtu_bytes), 0) || smaller;
    return reset<Ratio>([&link](Scenario& scenario) -> Ratio& { return link(scenario).burst.begin; }, {}) ||
           smaller;
  }

  bool simplify() {
    bool smaller = simplify_link([](Scenario& scenario) -> LinkSettings& { return scenario.up; });
    smaller = simplify_link([](Scenario& scenario) -> LinkSettings& { return scenario.down; }) || smaller;
    smaller = simplify_link([](Scenario& scenario) -> LinkSettings& { return scenario.calm; }) || smaller;
    for (std::size_t i = 0; i < best_.scenario.events.size(); ++i) {
      if (best_.scenario.events[i].kind != EventPlan::Kind::weather) continue;
      smaller = simplify_link([i](Scenario& scenario) -> LinkSettings& { return scenario.events[i].link; }) ||
                smaller;
    }
    for (std::size_t i = 0; i < best_.scenario.servers.size(); ++i) smaller = simplify_server(i) || smaller;
    for (std::size_t i = 0; i < best_.scenario.asks.size(); ++i) smaller = simplify_ask(i) || smaller;
    return smaller;
  }

  bool simplify_server(std::size_t i) {
    const ServerPlan usual;
    const auto field = [i]<class Value>(Value ServerPlan::* member) {
      return std::function<Value&(Scenario&)>{
          [i, member](Scenario& scenario) -> Value& { return scenario.servers[i].*member; }};
    };
    bool smaller = false;
    for (auto member : {&ServerPlan::refused, &ServerPlan::postponed, &ServerPlan::ignored,
                        &ServerPlan::workers, &ServerPlan::addresses, &ServerPlan::reply_bytes_max}) {
      smaller = reset<std::uint32_t>(field(member), usual.*member) || smaller;
    }
    smaller = reset<Duration>(field(&ServerPlan::service_max), {}) || smaller;
    smaller = reset<Duration>(field(&ServerPlan::hold_back_max), {}) || smaller;
    const auto strangers = [i](Scenario& scenario) -> Duration& {
      return scenario.servers[i].limits.strangers_after;
    };
    smaller = reset<Duration>(strangers, {}) || smaller;
    for (auto member : {&ResponderOptions::jobs_max, &ResponderOptions::conversations_max,
                        &ResponderOptions::replies_max, &ResponderOptions::reply_bytes_max}) {
      const auto limit = [i, member](Scenario& scenario) -> std::size_t& {
        return scenario.servers[i].limits.*member;
      };
      smaller = reset<std::size_t>(limit, usual.limits.*member) || smaller;
    }
    return smaller;
  }

  bool simplify_ask(std::size_t i) {
    const auto field = [i]<class Value>(Value AskPlan::* member) {
      return std::function<Value&(Scenario&)>{
          [i, member](Scenario& scenario) -> Value& { return scenario.asks[i].*member; }};
    };
    const auto option = [i]<class Value>(Value RequestOptions::* member) {
      return std::function<Value&(Scenario&)>{
          [i, member](Scenario& scenario) -> Value& { return scenario.asks[i].options.*member; }};
    };
    bool smaller = reset<Duration>(field(&AskPlan::cancelled), {});
    for (auto member : {&AskPlan::client, &AskPlan::server, &AskPlan::address, &AskPlan::bytes}) {
      smaller = reset<std::uint32_t>(field(member), 0) || smaller;
    }
    smaller = reset<std::uint32_t>(option(&RequestOptions::attempts_max), 0) || smaller;
    smaller = reset<std::uint32_t>(option(&RequestOptions::channel), 0) || smaller;
    smaller = reset<Duration>(option(&RequestOptions::first_wait), {}) || smaller;
    smaller = reset<bool>(option(&RequestOptions::repeatable), false) || smaller;
    return reset<Ratio>(option(&RequestOptions::jitter), percent(25)) || smaller;
  }

  /// The hosts at the end of their lists that nobody asks or that ask nobody.
  bool drop_idle_hosts() {
    bool smaller = false;
    while (best_.scenario.clients.size() > 1) {
      Scenario candidate = best_.scenario;
      candidate.clients.pop_back();
      if (!try_out(candidate)) break;
      smaller = true;
    }
    while (best_.scenario.servers.size() > 1) {
      Scenario candidate = best_.scenario;
      candidate.servers.pop_back();
      if (!try_out(candidate)) break;
      smaller = true;
    }
    return smaller;
  }

  Shrunk best_;
  std::uint32_t runs_max_;
};

}  // namespace

Shrunk shrink(const Scenario& scenario, const ScenarioRun& run, std::uint32_t runs_max) {
  return Shrinker{scenario, run, runs_max}.run();
}

}  // namespace holler::sim
