// What one outstanding question costs on loopback, against a bare sendto/recvfrom ping-pong.
//
// Both run in this one process, round by round in turn, each with its own server thread; the asker is
// pinned to one processor and the servers to another. A machine that is busy with other things shows in
// both alike, so the ratio of the medians is what counts. First both sides sleep until something comes, then
// both look for it for 50 us before they sleep. Ends with 1 where the ratio is above the limit while they
// sleep; while they spin, half as much again is allowed, because all that is left then are the calls
// themselves.
//
//     bench_ask_cost [ROUNDS] [LIMIT]        30 rounds of 1000 exchanges, limit 1.25

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <span>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "holler/client.hpp"
#include "holler/server.hpp"

namespace {

constexpr int kExchanges = 1000;
constexpr std::size_t kMessageBytes = 32;
constexpr std::chrono::microseconds kSpin{50};

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

/// recvfrom, which sleeps until something comes, or looks for it for a while first.
ssize_t receive(int descriptor, std::span<char> buffer, sockaddr_in& peer, bool spin) {
  socklen_t size = sizeof peer;
  if (spin) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    do {
      const ssize_t got =
          ::recvfrom(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT, name_of(peer), &size);
      if (got >= 0 || errno != EAGAIN) return got;
    } while (std::chrono::steady_clock::now() < until);
  }
  return ::recvfrom(descriptor, buffer.data(), buffer.size(), 0, name_of(peer), &size);
}

/// Echoes until it receives an empty datagram.
void bare_echo(int descriptor, bool spin) {
  pin(1);
  std::array<char, 2048> buffer{};
  for (;;) {
    sockaddr_in peer{};
    const socklen_t size = sizeof peer;
    const ssize_t got = receive(descriptor, buffer, peer, spin);
    if (got <= 0) return;
    ::sendto(descriptor, buffer.data(), static_cast<std::size_t>(got), 0, name_of(peer), size);
  }
}

double bare_round(int descriptor, sockaddr_in server, bool spin) {
  std::array<char, kMessageBytes> message{};
  std::array<char, 2048> buffer{};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kExchanges; ++i) {
    ::sendto(descriptor, message.data(), message.size(), 0, name_of(server), sizeof server);
    sockaddr_in peer{};
    if (receive(descriptor, buffer, peer, spin) < 0) std::exit(4);
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

struct Costs {
  std::vector<double> bare;
  std::vector<double> holler;
  holler::RequesterStats stats;
};

/// @return nullopt where nothing can be bound
std::optional<Costs> measure(long rounds, bool spin) {
  sockaddr_in bare_server{};
  sockaddr_in bare_asker{};
  const int bare_server_socket = bare_socket(bare_server);
  const int bare_asker_socket = bare_socket(bare_asker);
  const holler::Duration patience = spin ? holler::Duration{kSpin} : holler::Duration::zero();
  auto server = holler::Server::bind({.port = "0", .spin = patience});
  auto client = holler::Client::open({.spin = patience});
  if (!server || !client) return std::nullopt;
  std::jthread bare{bare_echo, bare_server_socket, spin};
  const holler::Endpoint endpoint = server->local_address();
  std::jthread serving{[&](const std::stop_token& stop) {
    pin(1);
    const auto served = server->serve(
        [](const holler::Request& request, holler::ReplyWriter& reply) { reply.append(request.payload); },
        stop);
    if (!served) std::exit(4);
  }};

  pin(0);
  bare_round(bare_asker_socket, bare_server, spin);  // warm
  holler_round(*client, endpoint);
  Costs costs;
  for (long round = 0; round < rounds; ++round) {
    costs.bare.push_back(bare_round(bare_asker_socket, bare_server, spin));
    costs.holler.push_back(holler_round(*client, endpoint));
  }
  ::sendto(bare_asker_socket, nullptr, 0, 0, name_of(bare_server), sizeof bare_server);
  bare.join();
  ::close(bare_server_socket);
  ::close(bare_asker_socket);
  costs.stats = client->stats();
  return costs;
}

void print(const char* what, const std::vector<double>& costs) {
  const auto [least, most] = std::ranges::minmax(costs);
  std::printf("  %-20s  %8.2f us  (%.2f to %.2f)\n", what, median(costs), least, most);
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::max(1L, std::strtol(argv[1], nullptr, 10)) : 30L;
  const double limit = argc > 2 ? std::strtod(argv[2], nullptr) : 1.25;
  bool within = true;
  for (const bool spin : {false, true}) {
    const auto costs = measure(rounds, spin);
    if (!costs) {
      std::fprintf(stderr, "bench_ask_cost: cannot bind\n");
      return 4;
    }
    const double ratio = median(costs->holler) / median(costs->bare);
    const double allowed = spin ? 1.5 * limit : limit;
    within = within && ratio <= allowed;
    std::printf("one outstanding question, %zu bytes, loopback, %s, %ld rounds of %d\n", kMessageBytes,
                spin ? "spinning" : "blocking", rounds, kExchanges);
    print("bare sendto/recvfrom", costs->bare);
    print("holler ask and serve", costs->holler);
    std::printf("  ratio                 %8.3f     (at most %.2f)\n", ratio, allowed);
    std::printf("  needless repeats      %8llu     of %llu questions\n",
                static_cast<unsigned long long>(costs->stats.retransmitted),
                static_cast<unsigned long long>(costs->stats.started));
  }
  return within ? 0 : 1;
}
