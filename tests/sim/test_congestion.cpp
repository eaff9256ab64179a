#include <algorithm>
#include <vector>

#include "tests/sim/story.hpp"

// Many requests to one peer share the path with others.

namespace holler::sim {
namespace {

class Congestion : public Story {
 protected:
  /// Transmissions in each of the first `count` windows of `width`.
  static std::vector<std::size_t> transmissions(const ClientHost& client, Timestamp start, Duration width,
                                                std::size_t count) {
    std::vector<std::size_t> result(count);
    for (const auto& asked : client.asked()) {
      for (const auto& sent : asked.sent) {
        const auto window = static_cast<std::size_t>((sent.when - start) / width);
        if (window < count) ++result[window];
      }
    }
    return result;
  }
};

TEST_F(Congestion, StartsWithTenAndDoublesEachRoundTrip) {
  make_world({.link = {.delay = 50ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 2000; ++i) client.ask(server.at(), std::to_string(i), patient(60s));
  run();
  EXPECT_EQ(transmissions(client, world().time(0s), 100ms, 6),
            (std::vector<std::size_t>{10, 20, 40, 80, 160, 320}));
  EXPECT_EQ(server.runs(), 2000U);
}

TEST_F(Congestion, UncontrolledIsAChoice) {
  make_world({.link = {.delay = 50ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client =
      world().add<ClientHost>(endpoint(1, 40'000), ClientHostOptions{.requester = {.uncontrolled = true}});
  for (int i = 0; i < 2000; ++i) client.ask(server.at(), std::to_string(i), patient(60s));
  run();
  EXPECT_EQ(transmissions(client, world().time(0s), 100ms, 2), (std::vector<std::size_t>{2000, 0}));
}

TEST_F(Congestion, OneLossHalvesTheWindowOnce) {
  make_world({.link = {.delay = 50ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  // Everything that is sent in the fourth round trip is lost.
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.to == server.at() && sighting.when >= world().time(250ms) &&
                            sighting.when < world().time(350ms)};
  });
  for (int i = 0; i < 5000; ++i) client.ask(server.at(), std::to_string(i), patient(600s));
  run();
  const auto counts = transmissions(client, world().time(0s), 100ms, 100);
  EXPECT_EQ(counts[3], 80U);
  const auto resumed =
      std::find_if(counts.begin() + 4, counts.end(), [](std::size_t count) { return count > 0; });
  ASSERT_NE(resumed, counts.end());
  EXPECT_GE(*resumed, 30U);
  EXPECT_LE(*resumed, 50U);
  EXPECT_EQ(server.runs(), 5000U);
}

TEST_F(Congestion, APathThatLosesEverythingIsProbedByAFewAndNoMore) {
  make_world({.link = {.delay = 50ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().link().loss = percent(100);
  for (int i = 0; i < 1000; ++i)
    client.ask(server.at(), std::to_string(i), {.deadline = 120s, .jitter = percent(0)});
  run();
  EXPECT_EQ(client.ended(), 1000U);
  // Ten, then at most two at a time, each for at least a second.
  EXPECT_LE(client.stats().transmitted, 10U + 2U * 120U);
  EXPECT_GE(client.stats().transmitted, 20U);
}

TEST_F(Congestion, AKnownPathThatFallsSilentIsAskedLessAndLessOften) {
  make_world({.link = {.delay = 5ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "first", patient(60s));
  world().at(1s, [&] { world().link().loss = percent(100); });
  for (int i = 0; i < 10; ++i) client.ask_at(2s, server.at(), "anyone?", patient(120s));
  run();
  // Places are freed, but each question repeats itself ever later.
  const auto counts = transmissions(client, world().time(2s), 15s, 8);
  for (std::size_t i = 1; i < counts.size(); ++i) EXPECT_LE(counts[i], 12U) << i;
  EXPECT_LE(client.stats().transmitted, 100U);
}

TEST_F(Congestion, RecoversAfterAnOutage) {
  make_world({.link = {.delay = 20ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().at(300ms, [&] { world().link().loss = percent(100); });
  world().at(5s, [&] { world().link().loss = percent(0); });
  for (int i = 0; i < 5000; ++i)
    client.ask(server.at(), std::to_string(i), {.deadline = 300s, .backoff_max = 2s});
  run();
  EXPECT_EQ(server.runs(), 5000U);
  for (const auto& asked : client.asked()) {
    ASSERT_TRUE(asked.answered());
    EXPECT_LT(asked.ended, world().time(30s));
  }
}

TEST_F(Congestion, ASilentPeerDoesNotHoldUpAnother) {
  make_world({.link = {.delay = 5ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 1000; ++i) {
    client.ask(endpoint(99), "silence", {.deadline = 30s});
    client.ask(server.at(), std::to_string(i), {.deadline = 30s});
  }
  run();
  EXPECT_EQ(server.runs(), 1000U);
  for (const auto& asked : client.asked()) {
    if (asked.peer != server.at()) continue;
    EXPECT_TRUE(asked.answered());
    EXPECT_LT(asked.event.elapsed, 1s);
  }
}

TEST_F(Congestion, ManyAtWorkOnTheServerLeaveRoomForTheRest) {
  make_world({.link = {.delay = 5ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload).starts_with("slow")) answer.service = 20s;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 50; ++i) client.ask(server.at(), "slow " + std::to_string(i), {.deadline = 60s});
  client.ask_at(5s, server.at(), "quick", {.deadline = 60s});
  run();
  for (const auto& asked : client.asked()) EXPECT_TRUE(asked.answered());
  EXPECT_LT(client.asked().back().event.elapsed, 5s);
}

}  // namespace
}  // namespace holler::sim
