// What a second thread of a server is worth where the askers share its processors: answered questions a
// second with one thread and with two, in turn, on two processors that both sides use.
//
//     bench_server_threads [ROUNDS] [MILLISECONDS]        5 rounds of 500 ms for each

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "holler/client.hpp"
#include "holler/server.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kClients = 8;  // conversations, which the kernel spreads over the server's threads
constexpr std::size_t kOutstanding = 128;
constexpr std::size_t kPayloadBytes = 32;

/// A client that asks again whenever it is answered.
class Asker {
 public:
  explicit Asker(const holler::Endpoint& server) : server_{server} {
    auto opened = holler::Client::open();
    if (!opened) std::exit(4);
    client_ = std::make_unique<holler::Client>(std::move(*opened));
    for (std::size_t i = 0; i < kOutstanding; ++i) ask();
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker() {
    over_ = true;
    client_.reset();
  }
  [[nodiscard]] std::size_t answered() const noexcept { return answered_.load(std::memory_order_relaxed); }

 private:
  void ask() {
    client_->ask_async(server_, payload_, {}, [this](const holler::Result<holler::Reply>& reply) {
      if (reply) answered_.fetch_add(1, std::memory_order_relaxed);
      if (!over_.load(std::memory_order_relaxed)) ask();
    });
  }

  holler::Endpoint server_;
  holler::ByteVector payload_ = holler::ByteVector(kPayloadBytes);
  std::atomic<std::size_t> answered_{0};
  std::atomic<bool> over_{false};
  std::unique_ptr<holler::Client> client_;  // ends before what its callbacks look at
};

/// Answered in a second.
double rate(std::size_t threads, std::chrono::milliseconds time) {
  auto server = holler::Server::bind({.port = "0", .answer_plain = false, .threads = threads});
  if (!server) std::exit(4);
  std::jthread serving{[&](const std::stop_token& stop) {
    const auto served = server->serve(
        [](const holler::Request& request, holler::ReplyWriter& reply) { reply.append(request.payload); },
        stop);
    if (!served) std::exit(4);
  }};
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::size_t i = 0; i < kClients; ++i)
    askers.push_back(std::make_unique<Asker>(server->local_address()));
  const auto answered = [&] {
    std::size_t sum = 0;
    for (const auto& asker : askers) sum += asker->answered();
    return sum;
  };
  std::this_thread::sleep_for(time / 4);  // the windows open
  const std::size_t before = answered();
  const auto begin = Clock::now();
  std::this_thread::sleep_for(time);
  const std::chrono::duration<double> took = Clock::now() - begin;
  return static_cast<double>(answered() - before) / took.count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// 0 where it is no number.
int number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

}  // namespace

int main(int words, char** word) {
  const int rounds = words > 1 ? number_in(word[1]) : 5;
  const int milliseconds = words > 2 ? number_in(word[2]) : 500;
  if (rounds < 1 || milliseconds < 50 || words > 3) {
    std::fprintf(stderr, "usage: bench_server_threads [ROUNDS] [MILLISECONDS, at least 50]\n");
    return 2;
  }
  std::vector<double> one;
  std::vector<double> two;
  for (int round = 0; round < rounds; ++round) {
    one.push_back(rate(1, std::chrono::milliseconds{milliseconds}));
    two.push_back(rate(2, std::chrono::milliseconds{milliseconds}));
  }
  std::printf("%zu askers with %zu questions outstanding each, %u processors for all\n", kClients,
              kOutstanding, std::thread::hardware_concurrency());
  for (const auto& [name, rates] : {std::pair{"one thread", &one}, std::pair{"two threads", &two}}) {
    const auto [least, most] = std::ranges::minmax(*rates);
    std::printf("  %-12s %8.3f M/s  (%.3f to %.3f)\n", name, median(*rates) / 1e6, least / 1e6, most / 1e6);
  }
  std::printf("  ratio        %8.2f\n", median(two) / median(one));
  return 0;
}
