// What one outstanding question costs on loopback, against a bare sendto/recvfrom ping-pong.
//
// Both run in this one process, round by round in turn, each with its own server thread; the asker is
// pinned to one processor and the servers to another. A machine that is busy with other things shows in
// both alike, so the ratio of the medians is what counts. Ends with 1 where it is above the limit.
//
//     bench_ask_cost [ROUNDS] [LIMIT]        30 rounds of 1000 exchanges, limit 1.25

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "holler/client.hpp"
#include "holler/server.hpp"

namespace {

constexpr int kExchanges = 1000;
constexpr std::size_t kMessageBytes = 32;

void pin(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor % std::max(1U, std::thread::hardware_concurrency()), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);  // where it is not allowed, both run unpinned
}

double microseconds_each(std::chrono::steady_clock::duration total) {
  return std::chrono::duration<double, std::micro>(total).count() / kExchanges;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The bare side: nothing but system calls, as a page of C would have it.

sockaddr* name_of(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

int bare_socket(sockaddr_in& address) {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (descriptor < 0 || ::bind(descriptor, name_of(address), size) != 0 ||
      ::getsockname(descriptor, name_of(address), &size) != 0) {
    std::perror("bench_ask_cost: bare socket");
    std::exit(4);
  }
  return descriptor;
}

/// Echoes until it receives an empty datagram.
void bare_echo(int descriptor) {
  pin(1);
  std::array<char, 2048> buffer{};
  for (;;) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const ssize_t got = ::recvfrom(descriptor, buffer.data(), buffer.size(), 0, name_of(peer), &size);
    if (got <= 0) return;
    ::sendto(descriptor, buffer.data(), static_cast<std::size_t>(got), 0, name_of(peer), size);
  }
}

double bare_round(int descriptor, sockaddr_in server) {
  std::array<char, kMessageBytes> message{};
  std::array<char, 2048> buffer{};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kExchanges; ++i) {
    ::sendto(descriptor, message.data(), message.size(), 0, name_of(server), sizeof server);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::recvfrom(descriptor, buffer.data(), buffer.size(), 0, name_of(peer), &size) < 0) std::exit(4);
  }
  return microseconds_each(std::chrono::steady_clock::now() - start);
}

double holler_round(holler::Client& client, const holler::Endpoint& server) {
  const std::array<std::byte, kMessageBytes> message{};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kExchanges; ++i) {
    const auto reply = client.ask(server, message);
    if (!reply || reply->payload.size() != kMessageBytes) {
      std::fprintf(stderr, "bench_ask_cost: %s\n", reply ? "a wrong reply" : reply.error().message().c_str());
      std::exit(4);
    }
  }
  return microseconds_each(std::chrono::steady_clock::now() - start);
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::max(1L, std::strtol(argv[1], nullptr, 10)) : 30L;
  const double limit = argc > 2 ? std::strtod(argv[2], nullptr) : 1.25;

  sockaddr_in bare_server{};
  sockaddr_in bare_asker{};
  const int bare_server_socket = bare_socket(bare_server);
  const int bare_asker_socket = bare_socket(bare_asker);
  std::thread bare{bare_echo, bare_server_socket};

  auto server = holler::Server::bind({.port = "0"});
  auto client = holler::Client::open();
  if (!server || !client) {
    std::fprintf(stderr, "bench_ask_cost: cannot bind\n");
    return 4;
  }
  const holler::Endpoint endpoint = server->local_address();
  std::jthread serving{[&](const std::stop_token& stop) {
    pin(1);
    const auto served = server->serve(
        [](const holler::Request& request, holler::ReplyWriter& reply) { reply.append(request.payload); },
        stop);
    if (!served) std::exit(4);
  }};

  pin(0);
  bare_round(bare_asker_socket, bare_server);  // warm
  holler_round(*client, endpoint);
  std::vector<double> bare_costs;
  std::vector<double> holler_costs;
  for (long round = 0; round < rounds; ++round) {
    bare_costs.push_back(bare_round(bare_asker_socket, bare_server));
    holler_costs.push_back(holler_round(*client, endpoint));
  }
  ::sendto(bare_asker_socket, nullptr, 0, 0, name_of(bare_server), sizeof bare_server);
  bare.join();
  ::close(bare_server_socket);
  ::close(bare_asker_socket);

  const double ratio = median(holler_costs) / median(bare_costs);
  std::printf("one outstanding question, %zu bytes, loopback, blocking, %ld rounds of %d\n", kMessageBytes,
              rounds, kExchanges);
  std::printf("  bare sendto/recvfrom  %8.2f us  (%.2f to %.2f)\n", median(bare_costs),
              *std::min_element(bare_costs.begin(), bare_costs.end()),
              *std::max_element(bare_costs.begin(), bare_costs.end()));
  std::printf("  holler ask and serve  %8.2f us  (%.2f to %.2f)\n", median(holler_costs),
              *std::min_element(holler_costs.begin(), holler_costs.end()),
              *std::max_element(holler_costs.begin(), holler_costs.end()));
  std::printf("  ratio                 %8.3f     (at most %.2f)\n", ratio, limit);
  const holler::RequesterStats stats = client->stats();
  std::printf("  needless repeats      %8llu     of %llu questions\n",
              static_cast<unsigned long long>(stats.retransmitted),
              static_cast<unsigned long long>(stats.started));
  return ratio <= limit ? 0 : 1;
}
