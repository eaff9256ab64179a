#include "tests/sim/story.hpp"

// What an asker is told: never more than is known.

namespace holler::sim {
namespace {

class Honesty : public Story {};

ServerHost::Handler slow(Duration service) {
  return [service](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    answer.service = service;
  };
}

TEST_F(Honesty, SilenceIsNoAnswerAndNotAWordAboutTheServer) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().freeze(server);
  client.ask(server.at(), "hello?", {.deadline = 5s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
  EXPECT_EQ(name_of(only(client).event.outcome), "no_answer");
  EXPECT_FALSE(only(client).event.heard);
}

TEST_F(Honesty, ARefusalIsReportedAsSuchAndAtOnce) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().close(server.port());
  client.ask(server.at(), "hello?");
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::refused);
  EXPECT_EQ(only(client).event.elapsed, 10ms);
  EXPECT_EQ(only(client).sent.size(), 1U);
}

TEST_F(Honesty, AServerAtWorkSaysSo) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), slow(8s));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "long one", {.deadline = 10s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::answered);
  EXPECT_TRUE(only(client).event.heard);
  EXPECT_GE(client.stats().working, 1U);
  EXPECT_EQ(server.runs(), 1U);
}

TEST_F(Honesty, AServerThatWorksTooLongWasHeardAllTheSame) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), slow(20s));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "long one", {.deadline = 10s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
  EXPECT_TRUE(only(client).event.heard);
}

TEST_F(Honesty, WorkingNotesEndTheAskersHurry) {
  make_world({.link = {.delay = 5ms}});
  auto& server =
      world().add<ServerHost>(endpoint(9), slow(5s), ServerHostOptions{.responder = {.working_retry = 2s}});
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "long one", patient(10s, 50ms));
  run();
  EXPECT_TRUE(only(client).answered());
  const auto gaps = only(client).gaps();
  ASSERT_GE(gaps.size(), 2U);
  EXPECT_EQ(gaps[0], 50ms);
  // The second copy is told "working" 10 ms after it left.
  for (std::size_t i = 1; i < gaps.size(); ++i) EXPECT_EQ(gaps[i], 2010ms);
  EXPECT_LE(only(client).sent.size(), 4U);
}

TEST_F(Honesty, ALostWorkingNoteDoesNotLeaveTheAskerWaitingForGood) {
  for_seeds(50, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 5ms, .loss = percent(40)}}, seed);
    auto& server = world().add<ServerHost>(endpoint(9), slow(4s));
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    client.ask(server.at(), "long one", {.deadline = 120s, .first_wait = 100ms});
    run();
    EXPECT_TRUE(only(client).answered());
    EXPECT_EQ(server.runs(), 1U);
  });
}

TEST_F(Honesty, ABusyServersRetryTimeIsHonoured) {
  make_world({.link = {.delay = 5ms}});
  int calls = 0;
  auto& server = world().add<ServerHost>(endpoint(9), [&](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (++calls <= 2) answer.kind = Answer::Kind::postpone;
    answer.retry_after = 3s;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "now?", patient(30s));
  run();
  EXPECT_TRUE(only(client).answered());
  EXPECT_TRUE(only(client).event.heard);
  EXPECT_EQ(only(client).gaps(), (std::vector<Duration>{3010ms, 3010ms}));
  EXPECT_EQ(client.stats().busy, 2U);
}

TEST_F(Honesty, BusyUntilTheDeadlineIsReportedAsBusy) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), [](const IncomingRequest&, Answer& answer) {
    answer.kind = Answer::Kind::postpone;
    answer.retry_after = 1s;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "now?", {.deadline = 5s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::busy);
  EXPECT_EQ(only(client).event.elapsed, 5s);
}

TEST_F(Honesty, AServerWithoutRoomForMoreWorkSaysBusyAndServesLater) {
  make_world({.link = {.delay = 5ms}});
  auto& server =
      world().add<ServerHost>(endpoint(9), slow(500ms), ServerHostOptions{.responder = {.jobs_max = 2}});
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 10; ++i) client.ask(server.at(), std::to_string(i), {.deadline = 60s});
  run();
  for (const auto& asked : client.asked()) EXPECT_TRUE(asked.answered());
  EXPECT_EQ(server.runs(), 10U);
  EXPECT_GE(server.stats().busy, 8U);
}

TEST_F(Honesty, ADeclinedRequestCarriesTheServersReason) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), [](const IncomingRequest&, Answer& answer) {
    answer.kind = Answer::Kind::refuse;
    answer.reason = 42;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  int lost = 0;
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.from == server.at() && lost++ == 0};
  });
  client.ask(server.at(), "may I?");
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::declined);
  EXPECT_EQ(only(client).event.reason, 42);
  EXPECT_EQ(only(client).sent.size(), 2U);
  EXPECT_EQ(server.runs(), 1U);
}

TEST_F(Honesty, AnIgnoredRequestStaysIgnoredHoweverOftenItIsRepeated) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(
      endpoint(9), [](const IncomingRequest&, Answer& answer) { answer.kind = Answer::Kind::ignore; });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "psst", {.deadline = 10s});
  run();
  EXPECT_EQ(only(client).event.outcome, Outcome::no_answer);
  EXPECT_EQ(server.runs(), 1U);
  EXPECT_TRUE(server.sent().empty());
}

TEST_F(Honesty, ACancelledRequestEndsOnceAndItsReplyIsLate) {
  make_world({.link = {.delay = 50ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  const RequestHandle request = client.ask(server.at(), "never mind").handle;
  world().at(20ms, [&] {
    EXPECT_TRUE(client.cancel(request));
    EXPECT_FALSE(client.cancel(request));
  });
  run();
  EXPECT_EQ(only(client).ends, 1U);
  EXPECT_EQ(only(client).event.outcome, Outcome::cancelled);
  EXPECT_EQ(only(client).event.elapsed, 20ms);
  EXPECT_EQ(client.stats().dropped[DropReason::late], 1U);
  EXPECT_EQ(client.requester().outstanding(), 0U);
}

TEST_F(Honesty, TheServerIsToldThatACancelledRequestIsDone) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload) == "never mind") answer.service = 5s;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  const RequestHandle request = client.ask(server.at(), "never mind", patient(20s)).handle;
  world().at(1ms, [&] { client.cancel(request); });
  client.ask_at(2s, server.at(), "the next");
  run();
  EXPECT_EQ(server.runs(), 2U);
  ASSERT_EQ(server.sent().size(), 1U) << "nobody waits for the first reply";
  EXPECT_EQ(client.asked()[1].text(), "re: the next");
}

TEST_F(Honesty, AStoppedServerAnswersAClosedClientAndLivesOn) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& gone = world().add<ClientHost>(endpoint(1, 40'000));
  auto& next = world().add<ClientHost>(endpoint(2, 40'000));
  world().freeze(server);
  gone.ask(server.at(), "from one who leaves", {.deadline = 60s});
  world().at(2s, [&] {
    gone.cancel(gone.asked().at(0).handle);
    world().close(gone.port());
  });
  world().at(5s, [&] { world().thaw(server); });
  next.ask_at(6s, server.at(), "and me?");
  run();
  EXPECT_EQ(server.runs_for("from one who leaves"), 1U);
  EXPECT_TRUE(only(next).answered());
  EXPECT_EQ(only(next).sent.size(), 1U);
}

TEST_F(Honesty, AServerDropsWhatNobodyWaitsForAnyMore) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& gone = world().add<ClientHost>(endpoint(1, 40'000));
  world().freeze(server);
  gone.ask(server.at(), "stale", {.deadline = 3s});
  world().at(4s, [&] { world().thaw(server); });
  run();
  EXPECT_EQ(server.runs(), 0U);
  EXPECT_EQ(server.stats().dropped[DropReason::expired], only(gone).sent.size());
  EXPECT_TRUE(server.sent().empty());
}

TEST_F(Honesty, AStoppedServerTakesUpWhatIsStillWanted) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  world().freeze(server);
  client.ask(server.at(), "still here", {.deadline = 10s});
  world().at(4s, [&] { world().thaw(server); });
  run();
  EXPECT_TRUE(only(client).answered());
  EXPECT_EQ(server.runs(), 1U);
}

}  // namespace
}  // namespace holler::sim
