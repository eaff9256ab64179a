#include <algorithm>
#include <cmath>

#include "cli/json.hpp"
#include "cli/sim_report.hpp"

namespace holler::cli {
namespace {

using sim::CrowdOptions;

/// Three decimals, which is more than anybody needs, and no more digits than that.
double rounded(double value) { return std::round(value * 1000) / 1000; }

Json latency_json(const sim::Latencies& latencies) {
  Json object = Json::object();
  const bool any = latencies.count() != 0;
  const auto add = [&](const char* name, Duration length) {
    object[name] = any ? json_milliseconds(length) : Json(nullptr);
  };
  add("p50", latencies.percentile({1, 2}));
  add("p90", latencies.percentile({9, 10}));
  add("p99", latencies.percentile({99, 100}));
  add("p99.9", latencies.percentile({999, 1000}));
  add("max", latencies.longest());
  return object;
}

/// How many answers took no longer than each power of two of a millisecond.
Json histogram_json(const sim::Latencies& latencies) {
  Json list = Json::array();
  std::uint64_t before = 0;
  for (Duration step{std::chrono::milliseconds{1}}; before < latencies.count(); step *= 2) {
    const std::uint64_t within = step >= latencies.longest() ? latencies.count() : latencies.within(step);
    if (within != 0) list.push_back(Json{{"up_to_ms", json_milliseconds(step)}, {"count", within - before}});
    before = within;
  }
  return list;
}

Json server_json(const sim::LoadedServer::Counts& server) {
  return Json{{"arrived", server.arrived},   {"handled", server.handled}, {"repeated", server.repeated},
              {"declined", server.declined}, {"dropped", server.dropped}, {"overflown", server.overflown},
              {"sent", server.sent}};
}

Json seconds_json(const SimResult& result) {
  Json list = Json::array();
  for (const auto& second : result.seconds) {
    list.push_back(Json{{"started", second.started},
                        {"offered", second.transmitted},
                        {"answered", second.answered},
                        {"failed", second.failed},
                        {"handled", second.server.handled},
                        {"overflown", second.server.overflown}});
  }
  return list;
}

Json compared_json(const SimResult& result, const SimResult& ours) {
  const auto answered = [](const SimResult& r) {
    return r.ended() == 0 ? 0.0 : static_cast<double>(r.totals.answered) / static_cast<double>(r.ended());
  };
  const double base = ours.datagrams_per_answer();
  Json object = Json::object();
  object["answered_share"] = rounded(answered(result) - answered(ours));
  object["datagrams_per_answer"] =
      base == 0 ? Json(nullptr) : Json(rounded(result.datagrams_per_answer() / base));
  object["p50_ms"] =
      json_milliseconds(result.latencies.percentile({1, 2}) - ours.latencies.percentile({1, 2}));
  object["p99_ms"] =
      json_milliseconds(result.latencies.percentile({99, 100}) - ours.latencies.percentile({99, 100}));
  return object;
}

}  // namespace

void print_sim_json(const CrowdOptions& options, const std::vector<SimResult>& results) {
  for (const SimResult& result : results) {
    Json object;
    object["asker"] = name_of(result.asker);
    object["seed"] = options.seed;
    object["clients"] = options.clients;
    object["requests"] = result.ended();
    object["interrupted"] = result.interrupted;
    object["virtual_ms"] = json_milliseconds(result.elapsed);
    Json outcomes = Json::object();
    for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
      if (result.outcomes[i] != 0)
        outcomes[std::string{name_of(static_cast<Outcome>(i))}] = result.outcomes[i];
    }
    object["outcomes"] = outcomes;
    object["latency_ms"] = latency_json(result.latencies);
    object["histogram"] = histogram_json(result.latencies);
    object["datagrams"] = result.totals.transmitted + result.totals.server.sent;
    object["datagrams_per_answer"] =
        result.totals.answered == 0 ? Json(nullptr) : Json(rounded(result.datagrams_per_answer()));
    object["server_rate"] = options.server_rate == 0 ? Json(nullptr) : Json(options.server_rate);
    object["server"] = server_json(result.totals.server);
    if (!options.outages.empty() && options.arrivals_per_second != 0) {
      const auto after = recovered_after(options, result);
      object["recovered_after_s"] = after ? Json(*after) : Json(nullptr);
    }
    if (&result != &results.front()) object["beside_holler"] = compared_json(result, results.front());
    object["seconds"] = seconds_json(result);
    print_json(object);
  }
}

}  // namespace holler::cli
