// What one outstanding question costs on loopback, against a bare sendto/recvfrom ping-pong, and which side
// costs it.
//
// All pairs run in this one process, round by round in turn, each with its own server thread; the asker is
// pinned to one processor and the servers to another. A machine that is busy with other things shows in
// all alike, so the ratio of the medians is what counts. Beside the bare pair and holler's there are two
// mixed ones: a bare loop that writes and reads holler's messages, and does nothing else, is the other end of
// each of holler's sides. First all sleep until something comes, then all look for it for 50 us before they
// sleep. Ends with 1 where the ratio of holler's pair is above the limit while they sleep; while they spin,
// half as much again is allowed, because all that is left then are the calls themselves.
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
#include "holler/codecs.hpp"
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

/// Makes the answer to what lies in `buffer`, in its place.
/// @return its bytes
using Answer = std::size_t (*)(std::span<char> buffer, std::size_t request_bytes);

std::size_t echo(std::span<char>, std::size_t request_bytes) { return request_bytes; }

/// What a server of holler's would answer, by one that remembers and checks nothing.
std::size_t echo_message(std::span<char> buffer, std::size_t request_bytes) {
  const auto bytes = std::as_writable_bytes(buffer);
  const holler::RequestView request = holler::holler_codec().decode_request(bytes.first(request_bytes));
  std::array<std::byte, kMessageBytes> payload{};
  std::ranges::copy(request.payload, payload.begin());
  const holler::ReplyStamp stamp{.number = request.number,
                                 .id = request.id,
                                 .attempt = request.attempt,
                                 .life = 1,
                                 .bundles = true,
                                 .payload_bytes = payload.size()};
  const auto header_bytes = holler::holler_codec().encode_reply_header(stamp, bytes);
  std::ranges::copy(payload, bytes.begin() + static_cast<std::ptrdiff_t>(header_bytes.value_or(0)));
  return header_bytes.value_or(0) + payload.size();
}

/// Answers until it receives an empty datagram.
void serve_barely(int descriptor, Answer answer, bool spin) {
  pin(1);
  std::array<char, 2048> buffer{};
  for (;;) {
    sockaddr_in peer{};
    const socklen_t size = sizeof peer;
    const ssize_t got = receive(descriptor, buffer, peer, spin);
    if (got <= 0) return;
    const std::size_t bytes = answer(buffer, static_cast<std::size_t>(got));
    ::sendto(descriptor, buffer.data(), bytes, 0, name_of(peer), size);
  }
}

/// Writes the next question.
/// @return its bytes
using Question = std::size_t (*)(std::span<char> buffer);

std::size_t ask_anything(std::span<char>) { return kMessageBytes; }

/// What a client of holler's would ask, by one that does not look at the answer.
std::size_t ask_message(std::span<char> buffer) {
  static constexpr std::array<std::byte, kMessageBytes> kPayload{};
  static std::uint64_t number = 0;
  ++number;
  const holler::RequestStamp stamp{.conversation = 0x9e3779b97f4a7c15,
                                   .number = number,
                                   .done_below = number,
                                   .id = number * 0xbf58476d1ce4e5b9,
                                   .time_left = std::chrono::seconds{1},
                                   .bundles = true};
  return holler::holler_codec().encode_request(stamp, kPayload, std::as_writable_bytes(buffer)).value_or(0);
}

double bare_round(int descriptor, sockaddr_in server, Question question, bool spin) {
  std::array<char, 2048> message{};
  std::array<char, 2048> buffer{};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kExchanges; ++i) {
    ::sendto(descriptor, message.data(), question(message), 0, name_of(server), sizeof server);
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

/// A bare server in a thread of its own, until this goes out of scope.
class BareServer {
 public:
  BareServer(Answer answer, bool spin)
      : descriptor_{bare_socket(address_)}, thread_{serve_barely, descriptor_, answer, spin} {}
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  ~BareServer() {
    ::sendto(descriptor_, nullptr, 0, 0, name_of(address_), sizeof address_);
    thread_.join();
    ::close(descriptor_);
  }
  [[nodiscard]] const sockaddr_in& address() const { return address_; }

 private:
  sockaddr_in address_{};
  int descriptor_;
  std::jthread thread_;
};

holler::Endpoint endpoint_of(const sockaddr_in& address) {
  return {holler::Address::loopback_v4(), ntohs(address.sin_port)};
}

sockaddr_in name_of(const holler::Endpoint& endpoint) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(endpoint.port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

struct Costs {
  std::vector<double> bare;
  std::vector<double> asking;   // a client of holler's and a bare server
  std::vector<double> serving;  // a bare asker and a server of holler's
  std::vector<double> holler;
  holler::RequesterStats stats;
};

/// @return nullopt where nothing can be bound
std::optional<Costs> measure(long rounds, bool spin) {
  const BareServer bare{echo, spin};
  const BareServer knowing{echo_message, spin};
  sockaddr_in asker_address{};
  const int asker = bare_socket(asker_address);
  const holler::Duration patience = spin ? holler::Duration{kSpin} : holler::Duration::zero();
  auto server = holler::Server::bind({.port = "0", .spin = patience});
  auto client = holler::Client::open({.spin = patience});
  if (!server || !client) return std::nullopt;
  const holler::Endpoint endpoint = server->local_address();
  const std::jthread serving{[&](const std::stop_token& stop) {
    pin(1);
    const auto served = server->serve(
        [](const holler::Request& request, holler::ReplyWriter& reply) { reply.append(request.payload); },
        stop);
    if (!served) std::exit(4);
  }};

  pin(0);
  Costs costs;
  for (long round = -1; round < rounds; ++round) {  // the first one warms up
    const std::array took{bare_round(asker, bare.address(), ask_anything, spin),
                          holler_round(*client, endpoint_of(knowing.address())),
                          bare_round(asker, name_of(endpoint), ask_message, spin),
                          holler_round(*client, endpoint)};
    if (round < 0) continue;
    std::size_t which = 0;
    for (auto* pair : {&costs.bare, &costs.asking, &costs.serving, &costs.holler})
      pair->push_back(took[which++]);
  }
  ::close(asker);
  costs.stats = client->stats();
  return costs;
}

void print(const char* what, const std::vector<double>& costs, const std::vector<double>& bare) {
  const auto [least, most] = std::ranges::minmax(costs);
  std::printf("  %-30s  %8.2f us  (%.2f to %.2f)  ratio %.3f\n", what, median(costs), least, most,
              median(costs) / median(bare));
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
    print("bare sendto/recvfrom", costs->bare, costs->bare);
    print("holler asks a bare server", costs->asking, costs->bare);
    print("a bare asker, holler serves", costs->serving, costs->bare);
    print("holler asks and serves", costs->holler, costs->bare);
    std::printf("  at most %.2f; needless repeats: %llu of %llu questions\n", allowed,
                static_cast<unsigned long long>(costs->stats.retransmitted),
                static_cast<unsigned long long>(costs->stats.started));
  }
  return within ? 0 : 1;
}
