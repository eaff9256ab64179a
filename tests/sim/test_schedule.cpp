#include <algorithm>
#include <vector>

#include "tests/sim/story.hpp"

// When a request is sent again, and when it ends.

namespace holler::sim {
namespace {

class Schedule : public Story {
 protected:
  /// A world whose server's host is away: nothing comes back, not even ICMP.
  ClientHost& client_of_silence(WorldOptions options = {}) {
    make_world(options);
    return world().add<ClientHost>(endpoint(1, 40'000));
  }
  static Endpoint silence() { return endpoint(99); }
};

TEST_F(Schedule, WaitsOneSecondFirstAndDoublesFromThere) {
  auto& client = client_of_silence();
  client.ask(silence(), "anyone?", {.deadline = 60s, .jitter = percent(0)});
  run();
  EXPECT_EQ(only(client).gaps(), (std::vector<Duration>{1s, 2s, 4s, 8s, 16s}));
}

TEST_F(Schedule, WaitsExactlyAsLongAsAskedForAtFirst) {
  auto& client = client_of_silence();
  client.ask(silence(), "anyone?", patient(4s, 100ms));
  run();
  EXPECT_EQ(only(client).gaps(), (std::vector<Duration>{100ms, 200ms, 400ms, 800ms, 1600ms}));
}

TEST_F(Schedule, DoublesWithinItsJitter) {
  for_seeds(20, [&](std::uint64_t seed) {
    make_world({}, seed);
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    client.ask(silence(), "anyone?", {.deadline = 60s, .jitter = percent(25)});
    run();
    Duration nominal = 1s;
    for (const Duration gap : only(client).gaps()) {
      EXPECT_GE(gap, nominal);
      EXPECT_LE(gap, nominal + nominal / 4);
      nominal *= 2;
    }
    EXPECT_GE(only(client).sent.size(), 5U);
  });
}

TEST_F(Schedule, DoublesUpToFiveMinutesAndGoesOnForEver) {
  auto& client = client_of_silence();
  client.ask(silence(), "anyone?", {.deadline = kForever, .backoff_max = 300s, .jitter = percent(0)});
  run(2h);
  std::vector<Duration> expected{1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s};
  const auto gaps = only(client).gaps();
  ASSERT_GT(gaps.size(), 30U);
  expected.resize(gaps.size(), 300s);
  EXPECT_EQ(gaps, expected);
  EXPECT_EQ(only(client).ends, 0U);
}

TEST_F(Schedule, NeverWaitsLongerThanTheCapWhateverTheJitter) {
  for_seeds(20, [&](std::uint64_t seed) {
    make_world({}, seed);
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    client.ask(silence(), "anyone?", {.deadline = kForever, .backoff_max = 300s, .jitter = percent(25)});
    run(5h);
    const auto gaps = only(client).gaps();
    ASSERT_GT(gaps.size(), 50U);
    for (const Duration gap : gaps) EXPECT_LE(gap, 300s);
    EXPECT_GE(*std::min_element(gaps.begin() + 10, gaps.end()), 200s);
    EXPECT_LT(*std::min_element(gaps.begin() + 10, gaps.end()),
              *std::max_element(gaps.begin() + 10, gaps.end()));
  });
}

TEST_F(Schedule, KeepsTheDeadlineToTheNanosecond) {
  for (const Duration deadline : {Duration{1ns}, Duration{999ms}, Duration{1s}, Duration{7s}, 10s + 1ns}) {
    auto& client = client_of_silence();
    client.ask(silence(), "anyone?", patient(deadline));
    run();
    EXPECT_EQ(only(client).ends, 1U);
    EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
    EXPECT_EQ(only(client).event.elapsed, deadline);
    EXPECT_EQ(only(client).ended - only(client).started, deadline);
  }
}

TEST_F(Schedule, ADeadlineThatHasPassedEndsTheRequestUnsent) {
  auto& client = client_of_silence();
  client.ask(silence(), "anyone?", patient(0s));
  client.ask(silence(), "anyone?", patient(-5s));
  run();
  for (const auto& asked : client.asked()) {
    EXPECT_EQ(asked.ends, 1U);
    EXPECT_EQ(asked.event.outcome, Outcome::no_answer);
    EXPECT_TRUE(asked.sent.empty());
  }
}

TEST_F(Schedule, EndsWhenTheLastWaitHasPassed) {
  auto& client = client_of_silence();
  client.ask(silence(), "anyone?",
             {.deadline = 60s, .first_wait = 100ms, .attempts_max = 5, .jitter = percent(0)});
  run();
  EXPECT_EQ(only(client).sent.size(), 5U);
  EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
  EXPECT_EQ(only(client).event.elapsed, 3100ms);
}

/// Clients in the fullest 10 ms, of those that sent their transmission number `index`.
std::size_t crowd(const std::vector<ClientHost*>& clients, std::size_t index) {
  std::vector<std::size_t> bins(20'000);
  std::size_t most = 0;
  for (const ClientHost* client : clients) {
    const auto& asked = client->asked().at(0);
    const auto bin = (asked.sent.at(index).when - asked.started) / 10ms;
    most = std::max(most, ++bins.at(static_cast<std::size_t>(bin)));
  }
  return most;
}

TEST_F(Schedule, AThousandClientsThatStartTogetherDriftApart) {
  for (const bool with_jitter : {false, true}) {
    make_world({.story_lines_max = 0});
    std::vector<ClientHost*> clients;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      clients.push_back(&world().add<ClientHost>(endpoint(1000 + i, 40'000)));
      RequestOptions options{.deadline = 60s};
      if (!with_jitter) options.jitter = percent(0);
      clients.back()->ask(silence(), "anyone?", options);
    }
    run();
    EXPECT_EQ(crowd(clients, 0), 1000U);
    if (!with_jitter) {
      EXPECT_EQ(crowd(clients, 3), 1000U);
      continue;
    }
    // Spread over 250 ms, 750 ms and 1750 ms: the fullest 10 ms hold fewer and fewer.
    EXPECT_LT(crowd(clients, 1), 90U);
    EXPECT_LT(crowd(clients, 2), 50U);
    EXPECT_LT(crowd(clients, 3), 35U);
    RecordProperty("fullest_10_ms", std::to_string(crowd(clients, 1)) + ' ' +
                                        std::to_string(crowd(clients, 2)) + ' ' +
                                        std::to_string(crowd(clients, 3)));
  }
}

TEST_F(Schedule, RemembersASlowPeerSoThatOnlyTheFirstRequestIsRepeated) {
  for_seeds(20, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 100ms}}, seed);
    auto& server = world().add<ServerHost>(endpoint(9));
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    int left = 20;
    client.set_on_end([&](const RequestEvent&) {
      if (left-- > 0) client.ask(server.at(), "again", {.first_wait = 100ms});
    });
    client.ask(server.at(), "first", {.first_wait = 100ms});
    run();
    ASSERT_EQ(client.asked().size(), 21U);
    EXPECT_GE(client.asked()[0].sent.size(), 2U);
    for (std::size_t i = 1; i < client.asked().size(); ++i) EXPECT_EQ(client.asked()[i].sent.size(), 1U) << i;
    EXPECT_EQ(server.runs(), 21U);
  });
}

TEST_F(Schedule, LearnsFromARepeatedRequestBecauseTheReplySaysWhichCopyItAnswers) {
  make_world({.link = {.delay = 20ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  int copies = 0;
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.to == server.at() && ++copies <= 3};
  });
  client.ask(server.at(), "x", patient(60s, 100ms));
  run();
  EXPECT_EQ(only(client).event.attempts, 4U);
  EXPECT_EQ(only(client).event.rtt, Duration{40ms});
  EXPECT_EQ(client.requester().recall(server.at())->srtt, Duration{40ms});
}

TEST_F(Schedule, WaitsNoLongerThanThePathOnceAnotherAnswerHasShownHowLongThatTakes) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  int copies = 0;
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.to == server.at() && ++copies <= 2};
  });
  client.ask(server.at(), "lost", patient(60s));
  client.ask(server.at(), "lost, and not asked again", {.deadline = 60s, .attempts_max = 1});
  client.ask(server.at(), "answered", patient(60s));
  run();
  // SRTT and 4 RTTVAR of a first sample: three round trips (RFC 6298 §2.2).
  EXPECT_EQ(client.asked()[0].gaps(), (std::vector<Duration>{30ms}));
  EXPECT_TRUE(client.asked()[0].answered());
  EXPECT_GE(client.asked()[1].event.elapsed, 1s);
}

TEST_F(Schedule, TellsNetworkTimeAndServerTimeApart) {
  make_world({.link = {.delay = 30ms}});
  auto& server = world().add<ServerHost>(
      endpoint(9), [](const IncomingRequest&, Answer& answer) { answer.service = 250ms; });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "x", patient(10s));
  run();
  EXPECT_EQ(only(client).event.rtt, Duration{60ms});
  EXPECT_EQ(only(client).event.hold, Duration{250ms});
  EXPECT_EQ(only(client).event.elapsed, 310ms);
}

TEST_F(Schedule, FollowsAPathThatBecomesSlowAndFastAgain) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 300; ++i) client.ask_at(i * 1s, server.at(), "x");
  world().at(100s, [&] { world().link().delay = 150ms; });
  world().at(200s, [&] { world().link().delay = 5ms; });
  run();
  std::size_t repeats = 0;
  for (const auto& asked : client.asked()) {
    EXPECT_TRUE(asked.answered());
    repeats += asked.sent.size() - 1;
  }
  EXPECT_LE(repeats, 10U);
  EXPECT_LT(*client.requester().recall(server.at())->srtt, 12ms);
}

}  // namespace
}  // namespace holler::sim
