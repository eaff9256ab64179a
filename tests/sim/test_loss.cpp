#include <algorithm>
#include <vector>

#include "sim/oracle.hpp"
#include "tests/sim/story.hpp"

// Many questions over a path that loses datagrams, and over one that only becomes slow: how long answers take,
// and how often is asked for one.

namespace holler::sim {
namespace {

class Losses : public Story {
 protected:
  static constexpr std::size_t kOutstanding = 16;

  /// Asks questions of 32 bytes, as soon as others have ended, until there were so many.
  void ask_in_turn(LinkSettings link, std::size_t questions, bool bundles, std::uint64_t seed = kSeed) {
    oracle_.reset();
    make_world({.link = link, .story_lines_max = 0}, seed);
    if (watched_) oracle_ = std::make_unique<Oracle>(world());
    server_ = &world().add<ServerHost>(endpoint(9), ServerHost::echo,
                                       ServerHostOptions{.responder = {.bundles = bundles}});
    client_ = &world().add<ClientHost>(endpoint(1, 40'000),
                                       ClientHostOptions{.requester = {.bundles = bundles}});
    if (oracle_) {
      oracle_->watch(*server_);
      oracle_->watch(*client_);
    }
    client_->set_on_end([this, questions](const RequestEvent&) {
      if (client_->asked().size() < questions) ask();
    });
    for (std::size_t i = 0; i < kOutstanding; ++i) ask();
  }
  void ask() { client_->ask(server_->at(), std::string(32, 'x'), {.deadline = 30s}); }

  struct Measured {
    Duration median{};
    Duration of_99{};
    double requests_for_answer = 0;
  };
  Measured measure() {
    run();
    if (oracle_) {
      oracle_->finish();
      EXPECT_FALSE(oracle_->violated());
    }
    std::vector<Duration> took;
    std::size_t sent = 0;
    for (const auto& asked : client_->asked()) {
      if (asked.ends != 1) ADD_FAILURE_AT("x",1);
      took.push_back(asked.answered() ? asked.event.elapsed : kForever);
      sent += asked.sent.size();
    }
    std::sort(took.begin(), took.end());
    const auto answers = static_cast<double>(std::count_if(took.begin(), took.end(), [](Duration one) { return one != kForever; }));
    return {.median = took[took.size() / 2],
            .of_99 = took[took.size() * 99 / 100],
            .requests_for_answer = static_cast<double>(sent) / answers};
  }

  void TearDown() override {
    Story::TearDown();
    oracle_.reset();
  }

  bool watched_ = std::getenv("NOORACLE") == nullptr;
  std::unique_ptr<Oracle> oracle_;
  ServerHost* server_ = nullptr;
  ClientHost* client_ = nullptr;
};

double ms(Duration one) { return static_cast<double>(one.count()) / 1e6; }

TEST_F(Losses, Survey) {
  for (const bool bundles : {true, false}) {
    for (const Duration round_trip : {10ms, 100ms}) {
      for (const std::uint32_t loss : {1U, 5U, 20U}) {
        ask_in_turn({.delay = round_trip / 2, .loss = percent(loss)}, 5000, bundles);
        const Measured m = measure();
        std::printf("bundles %d rtt %.0f loss %u: p50 %.1f p99 %.1f req %.3f of %.3f\n", bundles, ms(round_trip), loss,
                    ms(m.median), ms(m.of_99), m.requests_for_answer, 1 / ((1 - loss / 100.0) * (1 - loss / 100.0)));
      }
    }
    for (int at = 1000; at < 1100; at += 13) {
      ask_in_turn({.delay = 50ms}, 1500, bundles);
      world().at(at * 1ms, [this] { world().link().delay = 200ms; });
      const Measured m = measure();
      std::printf("bundles %d step: p50 %.1f p99 %.1f retransmitted %.0f of %zu, %.3f s\n", bundles, ms(m.median), ms(m.of_99), static_cast<double>(client_->stats().retransmitted), client_->asked().size(), ms(world().elapsed()) / 1e3);
    }
  }
}

}  // namespace
}  // namespace holler::sim
