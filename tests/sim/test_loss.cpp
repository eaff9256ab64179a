#include <algorithm>
#include <memory>
#include <vector>

#include "sim/oracle.hpp"
#include "tests/sim/story.hpp"

// Many questions over a path that loses datagrams, and over one that only becomes slow: how long answers
// take, and how often is asked for one. `./dev bench --loss` has the same over sockets, beside others.

namespace holler::sim {
namespace {

class Losses : public Story {
 protected:
  static constexpr std::size_t kOutstanding = 16;

  /// Asks questions of 32 bytes, each as soon as another has ended, until there were so many.
  void ask_in_turn(const LinkSettings& link, std::size_t questions, bool bundles = true) {
    oracle_.reset();
    make_world({.link = link, .story_lines_max = 0});
    oracle_ = std::make_unique<Oracle>(world());
    server_ = &world().add<ServerHost>(endpoint(9), ServerHost::echo,
                                       ServerHostOptions{.responder = {.bundles = bundles}});
    client_ =
        &world().add<ClientHost>(endpoint(1, 40'000), ClientHostOptions{.requester = {.bundles = bundles}});
    oracle_->watch(*server_);
    oracle_->watch(*client_);
    client_->set_on_end([this, questions](const RequestEvent&) {
      if (client_->asked().size() < questions) ask();
    });
    for (std::size_t i = 0; i < kOutstanding; ++i) ask();
  }
  void ask() { client_->ask(server_->at(), std::string(32, 'x'), {.deadline = 30s}); }

  struct Measured {
    Duration median{};
    Duration of_99{};             // 99 % took no longer
    std::uint64_t per_mille = 0;  // requests for a thousand answers
  };
  Measured measure() {
    run();
    oracle_->finish();
    EXPECT_FALSE(oracle_->violated());
    std::vector<Duration> took;
    std::uint64_t answers = 0;
    for (const auto& asked : client_->asked()) {
      EXPECT_EQ(asked.ends, 1U);
      took.push_back(asked.answered() ? asked.event.elapsed : kForever);
      answers += asked.answered() ? 1U : 0U;
    }
    std::sort(took.begin(), took.end());
    return {.median = took[took.size() / 2],
            .of_99 = took[took.size() * 99 / 100],
            .per_mille = 1000 * client_->stats().transmitted / std::max<std::uint64_t>(answers, 1)};
  }
  /// Needless repeats where the path becomes four times as slow, at that time, and loses nothing.
  std::uint64_t repeats_at_step(Duration when, bool bundles) {
    ask_in_turn({.delay = 50ms}, 1000, bundles);
    world().at(when, [this] { world().link().delay = 200ms; });
    const Measured measured = measure();
    EXPECT_EQ(server_->runs(), 1000U);
    EXPECT_LE(measured.of_99, 410ms);  // and the window is what it was
    return client_->stats().retransmitted;
  }

  void TearDown() override {
    Story::TearDown();
    oracle_.reset();
  }

  std::unique_ptr<Oracle> oracle_;
  ServerHost* server_ = nullptr;
  ClientHost* client_ = nullptr;
};

TEST_F(Losses, CostNoMoreRequestsThanWereLost) {
  for (const bool bundles : {true, false}) {
    for (const Duration round_trip : {10ms, 100ms}) {
      for (const std::uint32_t loss : {1U, 5U, 20U}) {
        ask_in_turn({.delay = round_trip / 2, .loss = percent(loss)}, 5000, bundles);
        const std::uint64_t needed = 10'000'000 / ((100 - loss) * (100 - loss));  // 1 / (1 - p)^2
        EXPECT_LE(measure().per_mille, needed * 11 / 10) << loss << " %";
      }
    }
  }
}

TEST_F(Losses, ByChanceDelayOnlyWhatWasLost) {
  for (const Duration round_trip : {10ms, 100ms}) {
    for (const std::uint32_t loss : {1U, 5U}) {
      ask_in_turn({.delay = round_trip / 2, .loss = percent(loss)}, 5000);
      const Measured measured = measure();
      EXPECT_EQ(measured.median, round_trip) << loss << " %";
      EXPECT_LE(measured.of_99, 4 * round_trip) << loss << " %";
    }
    ask_in_turn({.delay = round_trip / 2, .loss = percent(20)}, 5000);
    EXPECT_LE(measure().median, 4 * round_trip);
  }
}

TEST_F(Losses, AreNotWhatASlowPathIsTakenFor) {
  for (const bool bundles : {true, false}) {
    for (Duration when = 1000ms; when < 1100ms; when += 7ms) {
      EXPECT_LE(repeats_at_step(when, bundles), 2U) << bundles << ", " << when / 1ms << " ms";
    }
  }
}

TEST_F(Losses, OfAWholeFlightAreFoundByOneProbe) {
  ask_in_turn({.delay = 50ms}, 200);
  world().at(1000ms, [this] { world().link().loss = percent(100); });
  world().at(1150ms, [this] { world().link().loss = percent(0); });
  const Measured measured = measure();
  EXPECT_EQ(server_->runs(), 200U);
  std::vector<Timestamp> repeats;
  for (const auto& asked : client_->asked()) {
    for (std::size_t i = 1; i < asked.sent.size(); ++i) repeats.push_back(asked.sent[i].when);
  }
  std::sort(repeats.begin(), repeats.end());
  ASSERT_GE(repeats.size(), kOutstanding);
  // All others leave when it is answered, and not before.
  EXPECT_GE(repeats[1] - repeats[0], 100ms);
  EXPECT_LE(repeats.size(), kOutstanding + 1);
  EXPECT_LE(client_->asked()[199].event.elapsed, 500ms);
  EXPECT_LE(measured.median, 100ms);
}

TEST_F(Losses, AProbeThatTheServerIgnoresHoldsUpNobodyForLong) {
  make_world({.link = {.delay = 5ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload) == "ignore me") answer.kind = Answer::Kind::ignore;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "first", patient(30s));
  world().at(1s, [&] { world().link().loss = percent(100); });
  client.ask_at(1001ms, server.at(), "ignore me", patient(30s));
  for (int i = 0; i < 5; ++i) client.ask_at(1002ms, server.at(), "answer me", patient(30s));
  world().at(1010ms, [&] { world().link().loss = percent(0); });
  run();
  for (const auto& asked : client.asked()) {
    if (text_of(asked.payload) != "answer me") continue;
    EXPECT_TRUE(asked.answered());
    EXPECT_LE(asked.event.elapsed, 200ms);
  }
}

}  // namespace
}  // namespace holler::sim
