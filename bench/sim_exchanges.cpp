// How fast the simulated network is, and what a client costs in it: whole exchanges of the real engine (a
// question, its answer, both decoded and believed) each second of one processor, on a network without loss;
// and the memory of a million clients that have each had an answer, with the server's memory of them.
// Processor time is measured, so that a machine busy with other things shows little. Ends with 1 where there
// are fewer exchanges than a million a second, or a million clients do not fit into 4 GiB.
//
//     bench_sim_exchanges [EXCHANGES] [CLIENTS]        5,000,000 of them, 1,000,000 clients

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "sim/client_host.hpp"
#include "sim/server_host.hpp"

namespace {

using namespace std::chrono_literals;
using holler::sim::ClientHost;
using holler::sim::ServerHost;
using holler::sim::World;

constexpr std::size_t kFewClients = 1000;
constexpr double kExchangesLeast = 1e6;
constexpr double kBytesMost = 4.0 * 1024 * 1024 * 1024;

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A figure of /proc/self/status, in bytes.
double memory(const std::string& name) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return 1024 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  std::fprintf(stderr, "bench_sim_exchanges: no %s in /proc/self/status\n", name.c_str());
  std::exit(4);
}

struct Measured {
  double seconds = 0;
  std::uint64_t answered = 0;
  std::uint64_t events = 0;
};

/// Each client asks again as soon as it has its answer, until `exchanges` were begun.
Measured exchange(std::size_t clients, std::uint64_t exchanges) {
  World world{{.link = {.delay = 1ms}, .events_max = UINT64_MAX, .story_lines_max = 0}};
  holler::sim::ServerHostOptions options{.count_payloads = false, .keep_records = false};
  options.responder.conversations_max = options.responder.replies_max = 4 * clients + 1000;
  auto& server = world.add<ServerHost>(holler::sim::endpoint(1), ServerHost::echo, options);
  std::uint64_t begun = 0;
  Measured result;
  std::vector<ClientHost*> hosts;
  hosts.reserve(clients);
  for (std::uint32_t i = 0; i < clients; ++i) {
    auto& client = world.add<ClientHost>(holler::sim::endpoint(1000 + i, 40'000),
                                         holler::sim::ClientHostOptions{.keep_records = false});
    client.set_on_end([&, host = &client](const holler::RequestEvent& event) {
      if (event.outcome == holler::Outcome::answered) ++result.answered;
      if (begun++ < exchanges) host->ask(server.at(), "what time is it?");
    });
    hosts.push_back(&client);
  }
  const double start = processor_seconds();
  for (ClientHost* client : hosts) {
    if (begun++ < exchanges) client->ask(server.at(), "what time is it?");
  }
  if (world.run() != holler::sim::RunEnd::idle) {
    std::fprintf(stderr, "bench_sim_exchanges: the run did not end\n");
    std::exit(1);
  }
  result.seconds = processor_seconds() - start;
  result.events = world.events();
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const auto exchanges = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000'000U;
  const auto clients = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000U;

  const Measured few = exchange(kFewClients, exchanges);
  const double before = memory("VmRSS");
  const Measured many = exchange(clients, 2 * clients);
  const double peak = memory("VmHWM");

  const double rate = static_cast<double>(few.answered) / few.seconds;
  std::printf("simulated exchanges without loss, one processor\n");
  std::printf("  %9zu clients %12.0f exchanges/s  (%llu in %.2f s, %.1f events each; at least %.0f)\n",
              kFewClients, rate, static_cast<unsigned long long>(few.answered), few.seconds,
              static_cast<double>(few.events) / static_cast<double>(few.answered), kExchangesLeast);
  std::printf("  %9llu clients %12.0f exchanges/s  (%llu in %.2f s)\n",
              static_cast<unsigned long long>(clients), static_cast<double>(many.answered) / many.seconds,
              static_cast<unsigned long long>(many.answered), many.seconds);
  std::printf("  %9llu clients %12.0f bytes each, %.2f GiB together (VmHWM; at most 4 GiB)\n",
              static_cast<unsigned long long>(clients), (peak - before) / static_cast<double>(clients),
              peak / (1U << 30U));
  const bool all = few.answered == exchanges && many.answered == 2 * clients;
  if (!all) std::fprintf(stderr, "bench_sim_exchanges: not every question was answered\n");
  return all && rate >= kExchangesLeast && peak <= kBytesMost ? 0 : 1;
}
