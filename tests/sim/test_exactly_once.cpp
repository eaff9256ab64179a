#include <string>

#include "tests/sim/story.hpp"

// Each request is answered exactly once or fails by its deadline, and the handler runs once, whatever the
// network does.

namespace holler::sim {
namespace {

class ExactlyOnce : public Story {
 protected:
  /// Every request ended once, by its deadline, with its own answer or with none.
  void expect_sound(const ClientHost& client, const ServerHost& server, Duration deadline) {
    for (const auto& asked : client.asked()) {
      ASSERT_EQ(asked.ends, 1U) << text_of(asked.payload);
      EXPECT_LE(asked.event.elapsed, deadline);
      if (asked.answered()) {
        EXPECT_EQ(asked.text(), "re: " + std::string{text_of(asked.payload)});
        EXPECT_EQ(server.runs_for(text_of(asked.payload)), 1U);
      } else {
        EXPECT_EQ(asked.event.elapsed, deadline);
      }
    }
    EXPECT_LE(server.runs_max(), 1U);
  }
  static std::size_t answered(const ClientHost& client) {
    std::size_t count = 0;
    for (const auto& asked : client.asked()) count += asked.answered() ? 1U : 0U;
    return count;
  }
};

TEST_F(ExactlyOnce, AnswersThroughLossDuplicationAndReordering) {
  for_seeds(200, [&](std::uint64_t seed) {
    SeededRandom weather{seed};
    make_world({.link = {.delay = weather.between(0ms, 200ms),
                         .jitter = weather.between(0ms, 100ms),
                         .loss = percent(static_cast<std::uint32_t>(weather.below(50))),
                         .duplication = percent(static_cast<std::uint32_t>(weather.below(50))),
                         .duplication_delay = weather.between(0ms, 3s),
                         .reordering = percent(static_cast<std::uint32_t>(weather.below(50))),
                         .reordering_delay = weather.between(0ms, 1s)}},
               seed);
    const Duration service = weather.between(0ms, 50ms);
    auto& server =
        world().add<ServerHost>(endpoint(9), [service](const IncomingRequest& request, Answer& answer) {
          ServerHost::echo(request, answer);
          answer.service = service;
        });
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    for (int i = 0; i < 30; ++i) {
      client.ask_at(i * 50ms, server.at(), std::to_string(i),
                    {.deadline = 10min, .first_wait = 200ms, .backoff_max = 2s});
    }
    run();
    expect_sound(client, server, 10min);
    EXPECT_EQ(answered(client), 30U);
    EXPECT_EQ(client.requester().outstanding(), 0U);
  });
}

TEST_F(ExactlyOnce, AThousandAsksOfAServerThatDropsHalf) {
  make_world({.link = {.delay = 1ms}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().link(endpoint(1).address, server.at().address).loss = percent(50);
  int left = 1000;
  const auto ask = [&] {
    if (left-- > 0)
      client.ask(server.at(), "ask " + std::to_string(left),
                 {.deadline = 120s, .first_wait = 100ms, .backoff_max = 2s});
  };
  client.set_on_end([&](const RequestEvent&) { ask(); });
  ask();
  run();
  EXPECT_EQ(answered(client), 1000U);
  EXPECT_EQ(server.runs(), 1000U);
  EXPECT_EQ(server.runs_max(), 1U);
}

TEST_F(ExactlyOnce, TenThousandAtOnceThroughTwentyPercentLoss) {
  for (const bool uncontrolled : {false, true}) {
    make_world({.link = {.delay = 10ms, .jitter = 5ms, .loss = percent(20)}, .story_lines_max = 2000});
    auto& server = world().add<ServerHost>(endpoint(9));
    auto& client = world().add<ClientHost>(endpoint(1, 40'000),
                                           ClientHostOptions{.requester = {.uncontrolled = uncontrolled}});
    for (int i = 0; i < 10'000; ++i) client.ask(server.at(), std::to_string(i), {.deadline = 1h});
    EXPECT_EQ(client.requester().outstanding(), 10'000U);
    run();
    expect_sound(client, server, 1h);
    EXPECT_EQ(answered(client), 10'000U);
    EXPECT_EQ(server.runs(), 10'000U);
    EXPECT_EQ(client.requester().outstanding(), 0U);
  }
}

TEST_F(ExactlyOnce, TenThousandThatRunOutOfTimeStillEndOnceEach) {
  make_world({.link = {.delay = 10ms, .loss = percent(20)}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 10'000; ++i) client.ask(server.at(), std::to_string(i), {.deadline = 2s});
  run();
  expect_sound(client, server, 2s);
  EXPECT_EQ(client.ended(), 10'000U);
}

TEST_F(ExactlyOnce, ManyCopiesRunTheHandlerOnceAndEachGetsTheSameReply) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().set_meddler([&](const Sighting& sighting) {
    return sighting.to == server.at() ? Meddling{.copies = 3, .copies_delay = 10ms} : Meddling{};
  });
  client.ask(server.at(), "buy one");
  run();
  EXPECT_EQ(server.runs(), 1U);
  EXPECT_EQ(server.stats().repeated, 3U);
  ASSERT_EQ(server.sent().size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(server.sent()[i].kind, ReplyKind::reply);
    EXPECT_EQ(server.sent()[i].repeat, i != 0);
    EXPECT_EQ(server.sent()[i].bytes, server.sent()[0].bytes);
  }
  EXPECT_EQ(client.stats().dropped[DropReason::late], 3U);
  EXPECT_EQ(only(client).ends, 1U);
}

TEST_F(ExactlyOnce, ARequestCopyTwoMinutesLateChangesNothing) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().set_meddler([&](const Sighting& sighting) {
    return sighting.to == server.at() ? Meddling{.copies = 1, .copies_delay = 120s} : Meddling{};
  });
  client.ask(server.at(), "first");
  client.ask_at(60s, server.at(), "second");
  run();
  EXPECT_EQ(server.runs(), 2U);
  EXPECT_EQ(server.runs_max(), 1U);
  for (const auto& asked : client.asked()) EXPECT_TRUE(asked.answered());
}

TEST_F(ExactlyOnce, ACopyThatLeavesAtTheDeadlineAndTakesTwoMinutesIsStillKnown) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().link(server.at().address, endpoint(1).address).loss = percent(100);
  int copies = 0;
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.delay = sighting.to == server.at() && ++copies > 1 ? Duration{119s} : Duration{}};
  });
  client.ask(server.at(), "once", {.deadline = 10s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
  EXPECT_GE(only(client).sent.size(), 3U);
  EXPECT_EQ(server.runs(), 1U);
}

TEST_F(ExactlyOnce, AReplyTwoMinutesLateIsDroppedAsLate) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().set_meddler([&](const Sighting& sighting) {
    return sighting.from == server.at() ? Meddling{.copies = 1, .copies_delay = 120s} : Meddling{};
  });
  client.ask(server.at(), "first");
  client.ask_at(120s, server.at(), "second");
  run();
  EXPECT_EQ(client.stats().dropped[DropReason::late], 2U);
  for (const auto& asked : client.asked())
    EXPECT_EQ(asked.text(), "re: " + std::string{text_of(asked.payload)});
}

TEST_F(ExactlyOnce, ANatThatForgetsDoesNotRunTheHandlerTwice) {
  for (const Duration service : {Duration{0s}, Duration{3s}}) {
    make_world({.link = {.delay = 5ms}});
    auto& server =
        world().add<ServerHost>(endpoint(9), [service](const IncomingRequest& request, Answer& answer) {
          ServerHost::echo(request, answer);
          answer.service = service;
        });
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    int replies = 0;
    if (service == 0s) {  // the first reply is lost; the copy comes from another port
      world().set_meddler([&](const Sighting& sighting) {
        return Meddling{.lose = sighting.from == server.at() && ++replies == 1};
      });
    }
    client.ask(server.at(), "pay", {.deadline = 20s});
    world().at(500ms, [&] { world().rebind(client.port(), endpoint(1, 50'000)); });
    run();
    EXPECT_EQ(server.runs(), 1U);
    EXPECT_TRUE(only(client).answered());
    EXPECT_EQ(only(client).text(), "re: pay");
  }
}

TEST_F(ExactlyOnce, ForgetsEverythingWhenNoCopyCanArriveAnyMore) {
  make_world({.link = {.delay = 1ms, .loss = percent(30)}, .story_lines_max = 0});
  auto& server = world().add<ServerHost>(endpoint(9));
  for (std::uint32_t i = 0; i < 50; ++i) {
    auto& client = world().add<ClientHost>(endpoint(100 + i, 40'000));
    for (int j = 0; j < 20; ++j) client.ask(server.at(), std::to_string(i) + '/' + std::to_string(j));
  }
  run(11s);
  EXPECT_GT(server.responder().remembered_requests(), 0U);
  run();
  EXPECT_EQ(server.responder().remembered_requests(), 0U);
  EXPECT_EQ(server.responder().remembered_bytes(), 0U);
  EXPECT_EQ(server.responder().jobs(), 0U);
  EXPECT_EQ(server.runs_max(), 1U);
}

}  // namespace
}  // namespace holler::sim
