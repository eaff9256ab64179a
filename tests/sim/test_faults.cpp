#include <array>

#include "tests/sim/story.hpp"

// Hosts that sleep, end and begin anew, and ways that break: what is asked meanwhile comes out right.

namespace holler::sim {
namespace {

class Faults : public Story {
 protected:
  /// Takes so long for everything but the first hello.
  static ServerHost::Handler slow(Duration service) {
    return [service](const IncomingRequest& request, Answer& answer) {
      ServerHost::echo(request, answer);
      if (text_of(request.payload) != "hello") answer.service = service;
    };
  }
  /// A server, and a client that has asked it once already, so that the two know each other.
  void make_pair_of_hosts(ServerHost::Handler handler = ServerHost::echo) {
    make_world({.link = {.delay = 5ms}});
    server_ = &world().add<ServerHost>(endpoint(9), std::move(handler));
    client_ = &world().add<ClientHost>(endpoint(1, 40'000));
    client_->ask(server_->at(), "hello");
    run(100ms);
    ASSERT_TRUE(client_->asked().at(0).answered());
  }
  [[nodiscard]] const ClientHost::Asked& last() const { return client_->asked().back(); }
  [[nodiscard]] std::array<Address, 1> client_side() const { return {endpoint(1).address}; }
  [[nodiscard]] std::array<Address, 1> server_side() const { return {server_->at().address}; }

  ServerHost* server_ = nullptr;
  ClientHost* client_ = nullptr;
};

TEST_F(Faults, AClientSuspendedForAMinuteHasItsWholeDeadlineLeftOnItsOwnClock) {
  make_pair_of_hosts();
  world().freeze(*server_);
  client_->ask(server_->at(), "x", patient(10s));
  run(2100ms);
  world().suspend(*client_);
  run(62'100ms);
  EXPECT_EQ(last().ends, 0U);
  world().thaw(*client_);
  run(100s);
  EXPECT_EQ(last().ends, 1U);
  EXPECT_EQ(last().event.elapsed, 10s);
  EXPECT_EQ(last().ended - last().started, 10s);
  EXPECT_EQ(client_->asleep(), 60s);
}

TEST_F(Faults, AClientSuspendedForAMinuteAsksOnAndTheHandlerHasRunOnce) {
  make_pair_of_hosts();
  world().suspend(*client_);
  world().thaw(*client_);
  client_->ask(server_->at(), "x", patient(10s));
  world().suspend(*client_);  // before the reply: it finds a closed lid
  run(60s);
  EXPECT_EQ(server_->runs_for("x"), 1U);
  world().thaw(*client_);
  run();
  EXPECT_TRUE(last().answered());
  EXPECT_EQ(last().text(), "re: x");
  EXPECT_EQ(last().sent.size(), 2U);
  EXPECT_EQ(server_->runs_for("x"), 1U);
}

TEST_F(Faults, AClientWhoseClockRunsOnWhileItSleepsEndsWhatIsOverdueWhenItWakes) {
  make_pair_of_hosts();
  world().link().loss = percent(100);
  client_->ask(server_->at(), "x", patient(10s));
  world().freeze(*client_);  // what suspending is to a clock like CLOCK_BOOTTIME
  run(60s);
  world().thaw(*client_);
  run(60s);
  EXPECT_EQ(last().ends, 1U);
  EXPECT_EQ(last().event.outcome, Outcome::no_answer);
  EXPECT_EQ(last().sent.size(), 1U);  // nothing more is sent after the deadline
}

TEST_F(Faults, ADozingHostHearsWhatCameWhileItSlept) {
  make_pair_of_hosts();
  world().suspend(*server_, true);
  client_->ask(server_->at(), "x", patient(120s));
  run(60s);
  world().thaw(*server_);
  run();
  EXPECT_TRUE(last().answered());
  EXPECT_EQ(server_->runs_for("x"), 1U);
  EXPECT_GT(server_->stats().repeated, 0U);
}

TEST_F(Faults, AServerThatBeginsAnewDoesNotRunWhatItMayHaveForgotten) {
  make_pair_of_hosts(slow(50ms));
  client_->ask(server_->at(), "x", patient(10s));
  run(130ms);  // the handler is at work
  EXPECT_EQ(server_->responder().jobs(), 1U);
  world().restart(*server_);
  EXPECT_EQ(server_->responder().jobs(), 0U);
  EXPECT_EQ(server_->restarts(), 1U);
  run();
  EXPECT_EQ(last().ends, 1U);
  EXPECT_EQ(last().event.outcome, Outcome::unknown);
  EXPECT_EQ(server_->runs_for("x"), 1U);
}

TEST_F(Faults, AServerWhoseProcessHasEndedRefusesAndOneWhoseMachineIsOffIsSilent) {
  for (const bool machine : {false, true}) {
    make_pair_of_hosts();
    world().halt(*server_, machine);
    client_->ask(server_->at(), "x", patient(10s));
    run();
    EXPECT_EQ(last().event.outcome, machine ? Outcome::no_answer : Outcome::refused);
    world().restart(*server_);
    // A server must be seen to be older than the question.
    client_->ask_at(world().elapsed() + 1s, server_->at(), "y", patient(10s));
    run();
    EXPECT_TRUE(last().answered());
  }
}

TEST_F(Faults, AClientThatBeginsAnewTakesNoAnswerToWhatItAskedBefore) {
  make_pair_of_hosts(slow(2s));
  client_->ask(server_->at(), "before", patient(60s));
  run(200ms);
  world().restart(*client_);
  client_->ask(server_->at(), "after", patient(60s));  // the same port
  run();
  EXPECT_EQ(client_->asked().at(1).ends, 0U);
  EXPECT_TRUE(last().answered());
  EXPECT_EQ(last().text(), "re: after");
  EXPECT_EQ(client_->stats().dropped[DropReason::wrong_id], 1U);
}

TEST_F(Faults, AWayThatFailsInOneDirectionEndsInNoAnswerAndTheHandlerHasRunOnce) {
  make_pair_of_hosts();
  world().block(server_side(), client_side());
  client_->ask(server_->at(), "x", patient(10s));
  run();
  EXPECT_EQ(last().event.outcome, Outcome::no_answer);
  EXPECT_EQ(last().event.elapsed, 10s);
  EXPECT_EQ(server_->runs_for("x"), 1U);
  EXPECT_GT(server_->stats().repeated, 5U);
  world().block(server_side(), client_side(), false);
  world().block(client_side(), server_side());
  client_->ask(server_->at(), "y", patient(10s));
  run();
  EXPECT_EQ(last().event.outcome, Outcome::no_answer);
  EXPECT_EQ(server_->runs_for("y"), 0U);
}

TEST_F(Faults, WhatWasAskedDuringAPartitionIsAnsweredSoonAfterItHeals) {
  make_pair_of_hosts();
  world().partition(client_side(), server_side());
  for (int i = 0; i < 100; ++i) {
    client_->ask_at(1s + i * 100ms, server_->at(), std::to_string(i), {.deadline = 120s, .backoff_max = 2s});
  }
  world().at(30s, [this] { world().partition(client_side(), server_side(), false); });
  run();
  for (std::size_t i = 1; i < client_->asked().size(); ++i) {
    EXPECT_TRUE(client_->asked()[i].answered());
    EXPECT_LE(client_->asked()[i].ended, world().time(30s + 5s));
    EXPECT_EQ(server_->runs_for(text_of(client_->asked()[i].payload)), 1U);
  }
}

TEST_F(Faults, ANatThatForgetsAndACopyTwoMinutesLateRunTheHandlerOnce) {
  make_pair_of_hosts(slow(300ms));
  world().set_meddler([&](const Sighting& sighting) {
    return sighting.to == server_->at() ? Meddling{.copies = 1, .copies_delay = 2min} : Meddling{};
  });
  client_->ask(server_->at(), "pay", patient(10s));
  world().at(150ms, [&] { world().rebind(client_->port(), endpoint(77, 50'000)); });
  run();
  EXPECT_TRUE(last().answered());
  EXPECT_EQ(last().text(), "re: pay");
  EXPECT_EQ(server_->runs_for("pay"), 1U);
  EXPECT_GE(world().elapsed(), 2min);
}

}  // namespace
}  // namespace holler::sim
