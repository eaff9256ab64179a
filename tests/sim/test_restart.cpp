#include <cstdlib>
#include <string>

#include "tests/sim/story.hpp"

// A server is restarted, and forgets what it has done. What every asker is told must be true: answered and
// done once, or answered and perhaps done before, or unknown.

namespace holler::sim {
namespace {

class Restart : public Story {
 protected:
  /// Ends the server and begins a new one in its place; its predecessors' runs go on counting.
  ServerHost& restart(const ServerHostOptions& options = {}) {
    if (!servers_.empty()) world().close(servers_.back()->port());
    servers_.push_back(&world().add<ServerHost>(
        endpoint(9),
        [](const IncomingRequest& request, Answer& answer) { ServerHost::echo(request, answer); }, options));
    return *servers_.back();
  }
  std::uint64_t runs_for(std::string_view payload) {
    std::uint64_t sum = 0;
    for (const ServerHost* server : servers_) sum += server->runs_for(payload);
    return sum;
  }

  std::vector<ServerHost*> servers_;
};

TEST_F(Restart, WhoHasHeardFromTheServerNeverGetsAnythingDoneTwice) {
  std::uint64_t answered = 0;
  std::uint64_t unknown = 0;
  for_seeds(300, [&](std::uint64_t seed) {
    SeededRandom weather{seed};
    make_world({.link = {.delay = weather.between(0ms, 100ms),
                         .jitter = weather.between(0ms, 50ms),
                         .loss = percent(static_cast<std::uint32_t>(weather.below(60))),
                         .duplication = percent(static_cast<std::uint32_t>(weather.below(20))),
                         .duplication_delay = weather.between(0ms, 100ms)},
                .icmp = weather.below(2) == 0},
               seed);
    servers_.clear();
    restart();
    for (Duration when = 30s; when < 50s;) {
      when += weather.between(50ms, 4s);
      world().at(when, [this] { restart(); });
    }
    std::vector<ClientHost*> clients;
    for (std::uint32_t i = 1; i <= 5; ++i) {
      clients.push_back(&world().add<ClientHost>(endpoint(i, 40'000)));
      clients.back()->ask_at(0s, endpoint(9), "first contact", {.deadline = 30s, .backoff_max = 2s});
      for (int j = 0; j < 10; ++j) {
        clients.back()->ask_at(weather.between(30s, 50s), endpoint(9),
                               std::to_string(i) + '/' + std::to_string(j),
                               {.deadline = 30s, .first_wait = 200ms, .backoff_max = 2s});
      }
    }
    run();
    for (const ClientHost* client : clients) {
      if (!client->asked().front().answered()) continue;  // it never got to know the server
      for (const auto& asked : client->asked()) {
        ASSERT_EQ(asked.ends, 1U);
        const std::string_view payload = text_of(asked.payload);
        if (payload == "first contact") continue;
        EXPECT_LE(runs_for(payload), 1U) << payload;
        EXPECT_FALSE(asked.event.maybe_repeated) << payload;
        if (!asked.answered()) {
          unknown += asked.event.outcome == Outcome::unknown ? 1U : 0U;
          continue;
        }
        ++answered;
        EXPECT_EQ(asked.text(), "re: " + std::string{payload});
        EXPECT_EQ(runs_for(payload), 1U) << payload;
      }
    }
  });
  if (std::getenv("HOLLER_SIM_SEED") == nullptr) {
    EXPECT_GT(answered, 5000U);
    EXPECT_GT(unknown, 500U);
  }
}

TEST_F(Restart, AFirstContactThatIsDoneTwiceIsFlagged) {
  std::uint64_t flagged = 0;
  std::uint64_t twice = 0;
  for_seeds(300, [&](std::uint64_t seed) {
    SeededRandom weather{seed};
    make_world({.link = {.delay = weather.between(0ms, 100ms),
                         .jitter = weather.between(0ms, 50ms),
                         .loss = percent(static_cast<std::uint32_t>(weather.below(60)))}},
               seed);
    servers_.clear();
    restart();
    for (Duration when = 0s; when < 20s;) {
      when += weather.between(50ms, 4s);
      world().at(when, [this] { restart(); });
    }
    std::vector<ClientHost*> clients;
    for (std::uint32_t i = 1; i <= 20; ++i) {
      clients.push_back(&world().add<ClientHost>(endpoint(i, 40'000)));
      // Longer than any round trip: no copy is under way when an answer comes.
      clients.back()->ask_at(weather.between(0s, 20s), endpoint(9), std::to_string(i),
                             {.deadline = 30s, .first_wait = 400ms, .backoff_max = 2s});
    }
    run();
    for (const ClientHost* client : clients) {
      const auto& asked = only(*client);
      ASSERT_EQ(asked.ends, 1U);
      const std::uint64_t runs = runs_for(text_of(asked.payload));
      twice += runs > 1 ? 1U : 0U;
      if (!asked.answered()) continue;
      flagged += asked.event.maybe_repeated ? 1U : 0U;
      EXPECT_TRUE(runs == 1 || asked.event.maybe_repeated)
          << text_of(asked.payload) << ": nobody told its asker";
    }
  });
  if (std::getenv("HOLLER_SIM_SEED") == nullptr) {
    EXPECT_GT(flagged, 100U);  // or else the weather was too fine to show anything
    EXPECT_GT(twice, 20U);
  }
}

TEST_F(Restart, NothingRunsTwiceWhereStrangersHaveToNameTheServer) {
  std::uint64_t answered = 0;
  for_seeds(300, [&](std::uint64_t seed) {
    SeededRandom weather{seed};
    make_world({.link = {.delay = weather.between(0ms, 100ms),
                         .jitter = weather.between(0ms, 50ms),
                         .loss = percent(static_cast<std::uint32_t>(weather.below(60))),
                         .duplication = percent(static_cast<std::uint32_t>(weather.below(50))),
                         .duplication_delay = weather.between(0ms, 100s)}},
               seed);
    servers_.clear();
    const ServerHostOptions wary{.responder = {.strangers_after = 4min}};
    restart(wary);
    for (Duration when = 0s; when < 20s;) {
      when += weather.between(50ms, 4s);
      world().at(when, [this, wary] { restart(wary); });
    }
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    for (int j = 0; j < 30; ++j) {
      client.ask_at(weather.between(0s, 20s), endpoint(9), std::to_string(j),
                    {.deadline = 30s, .first_wait = 200ms, .backoff_max = 2s});
    }
    run();
    for (const auto& asked : client.asked()) {
      EXPECT_LE(runs_for(text_of(asked.payload)), 1U) << text_of(asked.payload);
      answered += asked.answered() ? 1U : 0U;
      EXPECT_FALSE(asked.event.maybe_repeated);
    }
  });
  if (std::getenv("HOLLER_SIM_SEED") == nullptr) {
    EXPECT_GT(answered, 1000U);
  }
}

TEST_F(Restart, AskersOfAServerThatComesBackAfterAMinuteAreAnsweredOnce) {
  make_world({.link = {.delay = 10ms}});
  restart();
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(endpoint(9), "before");
  world().at(10s, [this] { world().close(servers_.back()->port()); });
  world().at(70s, [this] { restart(); });
  for (int i = 0; i < 100; ++i) client.ask_at(71s + i * 1ms, endpoint(9), std::to_string(i));
  run();
  for (const auto& asked : client.asked()) {
    EXPECT_TRUE(asked.answered()) << text_of(asked.payload);
    EXPECT_EQ(runs_for(text_of(asked.payload)), 1U);
    EXPECT_FALSE(asked.event.maybe_repeated);
  }
}

}  // namespace
}  // namespace holler::sim
