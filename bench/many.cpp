// What a question costs where a million are outstanding, and what a server pays for a million conversations:
// time and memory, against a thousand of them, in one run. Without sockets, because the engine keeps them.
//
//     bench_many [MANY]        1000000
//
// The asker has MANY questions outstanding at 64 peers; each answer starts the next question, so that every
// operation meets a full table. The server hears of MANY askers, each of which asks again and again, in turn.
// The memory is what malloc holds (mallinfo2) for the engine, payloads included; those are 32 bytes.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <string_view>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

namespace {

using namespace holler;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kFew = 1000;
constexpr std::size_t kPayloadBytes = 32;
constexpr std::size_t kHeaderBytes = 44;
constexpr std::size_t kRounds = 5;
const std::array<std::byte, kPayloadBytes> kPayload{};
constexpr std::uint16_t kPeers = 64;  // the numbers of one peer's questions may span 2^20
const Endpoint kServer{Address::loopback_v4(), 1060};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench_many: %s\n", what);
  std::exit(1);
}

std::size_t bytes_held() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Cost {
  double ns = 0;          // for each question, the median of the rounds
  double bytes = 0;       // for each that is outstanding, or conversation
  std::size_t total = 0;  // bytes
};

Cost cost_of(std::vector<double> rounds, std::size_t held, std::size_t count) {
  std::ranges::sort(rounds);
  return {rounds[rounds.size() / 2], static_cast<double>(held) / static_cast<double>(count), held};
}

double nanoseconds_each(Clock::time_point begin, std::size_t count) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / static_cast<double>(count);
}

/// A Requester, and what it has sent: names of questions that have no answer yet.
class Asker {
 public:
  explicit Asker(std::size_t outstanding)
      : names_(outstanding),
        requester_{holler_codec(),
                   random_,
                   {.outstanding_max = outstanding + 1, .uncontrolled = true, .bundles = true}} {
    const ReplyStamp stamp{.number = 1,
                           .id = 1,
                           .attempt = 1,
                           .life = 5,
                           .age = std::chrono::hours{1},
                           .bundles = true,
                           .payload_bytes = kPayloadBytes,
                           .cookie = {}};
    if (!holler_codec().encode_reply_header(stamp, reply_)) fail("no reply");
  }
  void fill() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      step();
      start(next_);
    }
  }
  /// Answers questions here and there in the table, and asks new ones in their place.
  void exchange(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      step();
      std::memcpy(reply_.data() + 8, names_[next_].data(), 16);
      if (!requester_.handle_datagram(now_, {.from = peer_of(next_), .bytes = reply_}).used)
        fail("not taken");
      const auto event = requester_.poll_event();
      if (!event || event->outcome != Outcome::answered) fail("not answered");
      start(next_);
      if (i % 64 == 0) requester_.handle_timeout(now_);
    }
  }

 private:
  /// To the next place, in an order that caches do not like; so the round-trip time is the same for all.
  void step() {
    now_ += std::chrono::nanoseconds{500};
    next_ = (next_ + 7919) % names_.size();  // a prime: every place has its turn
  }
  static Endpoint peer_of(std::size_t place) {
    return {Address::loopback_v4(), static_cast<std::uint16_t>(1060 + place % kPeers)};
  }
  void start(std::size_t place) {
    const RequestOptions patient{.deadline = std::chrono::hours{1}, .first_wait = std::chrono::minutes{30}};
    if (requester_.start(now_, peer_of(place), kPayload, patient).status != StartStatus::started)
      fail("not started");
    if (!requester_.poll_transmit(now_, buffer_)) fail("nothing to send");
    std::memcpy(names_[place].data(), buffer_.data() + 16, 16);
  }

  std::vector<std::array<std::byte, 16>> names_;
  SeededRandom random_{1};
  Requester requester_;
  Timestamp now_{std::chrono::hours{2}};
  std::size_t next_ = 0;
  std::array<std::byte, 36 + kPayloadBytes> reply_{};
  std::vector<std::byte> buffer_ = std::vector<std::byte>(65536);
};

Cost asking(std::size_t outstanding, std::size_t exchanges) {
  Asker asker{outstanding};
  const std::size_t before = bytes_held();
  asker.fill();
  const std::size_t held = bytes_held() - before;
  asker.exchange(outstanding);
  std::vector<double> rounds;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    asker.exchange(exchanges);
    rounds.push_back(nanoseconds_each(begin, exchanges));
  }
  return cost_of(std::move(rounds), held, outstanding);
}

/// A Responder, and how often each asker has asked.
class Server {
 public:
  explicit Server(std::size_t conversations) : numbers_(conversations) {}

  void serve(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      now_ += std::chrono::nanoseconds{500};
      next_ = (next_ + 7919) % numbers_.size();
      const std::uint64_t number = ++numbers_[next_];
      const RequestStamp stamp{.conversation = (next_ + 1) * 0x9e3779b97f4a7c15U,
                               .number = number,
                               .done_below = number,
                               .id = number ^ next_ << 20U,
                               .time_left = std::chrono::seconds{10},
                               .life = 5,
                               .bundles = true,
                               .cookie = {}};
      if (!holler_codec().encode_request(stamp, kPayload, request_)) fail("no request");
      const Endpoint from{Address::loopback_v4(), static_cast<std::uint16_t>(2000 + next_ % 60000)};
      static_cast<void>(responder_.handle_datagram(now_, {.from = from, .to = kServer, .bytes = request_}));
      const auto request = responder_.poll_request();
      if (!request || !responder_.reply(now_, request->job, request->payload)) fail("not handed out");
      if (!responder_.poll_transmit(now_, buffer_)) fail("no reply");
      if (i % 64 == 0) responder_.handle_timeout(now_);
    }
  }

 private:
  std::vector<std::uint64_t> numbers_;
  SeededRandom random_{1};
  Responder responder_{
      {&holler_codec()},
      random_,
      {.conversations_max = std::size_t{1} << 22U, .replies_max = std::size_t{1} << 22U, .life = 5}};
  Timestamp now_{std::chrono::hours{2}};
  std::size_t next_ = 0;
  std::array<std::byte, kHeaderBytes + kPayloadBytes> request_{};
  std::vector<std::byte> buffer_ = std::vector<std::byte>(65536);
};

Cost answering(std::size_t conversations, std::size_t exchanges) {
  Server server{conversations};
  const std::size_t before = bytes_held();
  server.serve(conversations);
  const std::size_t held = bytes_held() - before;
  std::vector<double> rounds;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    server.serve(exchanges);
    rounds.push_back(nanoseconds_each(begin, exchanges));
  }
  return cost_of(std::move(rounds), held, conversations);
}

void compare(const char* what, std::size_t many, Cost (*measure)(std::size_t, std::size_t)) {
  const std::size_t exchanges = std::max<std::size_t>(many, 100'000);
  const Cost few = measure(kFew, exchanges);
  const Cost all = measure(many, exchanges);
  std::printf("%-24s %9.0f ns at %zu  %9.0f ns at %zu  ratio %5.2f  %6.0f bytes each  %8.1f MiB\n", what,
              few.ns, kFew, all.ns, many, all.ns / few.ns, all.bytes,
              static_cast<double>(all.total) / (1U << 20U));
}

}  // namespace

int main(int words, char** word) {
  std::size_t many = 1'000'000;
  if (words > 1) {
    const std::string_view text{word[1]};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), many);
    if (words > 2 || error != std::errc{} || end != text.data() + text.size() || many < kFew ||
        many > 1'000'000) {
      std::fprintf(stderr, "usage: bench_many [MANY]     from %zu to 1000000\n", kFew);
      return 2;
    }
  }
  compare("questions outstanding", many, asking);
  compare("conversations", many, answering);
  return 0;
}
