#include <memory>

#include "sim/oracle.hpp"
#include "tests/sim/story.hpp"

// The oracle must be able to fail: for each invariant a host that breaks it, and nothing else.

namespace holler::sim {
namespace {

class TheOracle : public Story {
 protected:
  void make(const OracleOptions& options = {}, LinkSettings link = {.delay = 5ms}) {
    oracle_.reset();
    make_world({.link = link});
    oracle_ = std::make_unique<Oracle>(world(), options);
  }
  ServerHost& server(ServerHost::Handler handler = ServerHost::echo, const ServerHostOptions& options = {}) {
    auto& host = world().add<ServerHost>(endpoint(9), std::move(handler), options);
    oracle_->watch(host);
    return host;
  }
  ClientHost& client(const ClientHostOptions& options = {}) {
    auto& host = world().add<ClientHost>(endpoint(1, 40'000), options);
    oracle_->watch(host);
    return host;
  }
  /// Runs to the end, and expects the oracle to object, for this reason and no other.
  void expect_violation(Invariant invariant) {
    world().run();
    oracle_->finish();
    ASSERT_TRUE(oracle_->violated()) << name_of(invariant);
    EXPECT_EQ(*oracle_->violated(), invariant) << world().faults().front();
    EXPECT_NE(world().faults().front().find(name_of(invariant)), std::string::npos);
  }
  void expect_no_violation() {
    world().run();
    oracle_->finish();
    EXPECT_FALSE(oracle_->violated()) << world().faults().front();
  }
  void TearDown() override {
    Story::TearDown();
    oracle_.reset();
  }

  std::unique_ptr<Oracle> oracle_;
  SeededRandom random_{1};
};

/// A host that says whatever a test wants said of it.
class Puppet final : public Host {
 public:
  explicit Puppet(World& world) { world.attach(*this, endpoint(3)); }
  void handle_datagram(Timestamp /*now*/, const Delivered& /*datagram*/) override {}
};

/// Runs everything once, and gives each asker the answer that it gave to the one before.
class ConfusedServer final : public Host {
 public:
  explicit ConfusedServer(World& world) : world_{world}, port_{world.attach(*this, endpoint(9))} {}
  void handle_datagram(Timestamp /*now*/, const Delivered& datagram) override {
    const RequestView view = holler_codec().decode_request(datagram.bytes);
    const JobHandle job{.slot = jobs_++};
    world_.witness()->on_run(*this,
                             {.job = job,
                              .from = datagram.from,
                              .to = datagram.to,
                              .codec = &holler_codec(),
                              .payload = view.payload},
                             datagram.bytes);
    Answer answer;
    answer.say("re: " + std::string{text_of(view.payload)});
    world_.witness()->on_answer(*this, job, answer);
    const ReplyStamp stamp{.number = view.number,
                           .id = view.id,
                           .attempt = view.attempt,
                           .payload_bytes = before_.size(),
                           .cookie = {}};
    ByteVector reply(100);
    reply.resize(holler_codec().encode_reply_header(stamp, reply).value_or(0));
    reply.insert(reply.end(), before_.begin(), before_.end());
    before_ = answer.payload;
    world_.send(port_, datagram.from, reply);
  }

 private:
  World& world_;
  Port port_;
  std::uint32_t jobs_ = 0;
  ByteVector before_;
};

TEST_F(TheOracle, HasNothingToSayOfASoundWorld) {
  make({.healed = 0s, .goodput = OracleOptions::Goodput{.from = 0s, .until = 10s, .answers_least = 200}},
       {.delay = 5ms,
        .jitter = 5ms,
        .loss = percent(20),
        .duplication = percent(20),
        .duplication_delay = 2min});
  auto& nine = server();
  auto& one = client();
  for (int i = 0; i < 200; ++i) one.ask(nine.at(), std::to_string(i), {.deadline = 60s, .backoff_max = 2s});
  expect_no_violation();
  EXPECT_EQ(oracle_->answered(), 200U);
  EXPECT_EQ(oracle_->runs(), 200U);
}

TEST_F(TheOracle, KnowsOfAllRequestsOfADatagramThatWasTooLarge) {
  make({}, {.delay = 10ms, .mtu_bytes = 1280});
  auto& nine = server(ServerHost::echo, {.responder = {.bundles = true}});
  auto& one = client({.requester = {.bundles = true}});
  one.set_on_end([&](const RequestEvent&) {
    if (one.asked().size() > 1) return;
    for (int i = 0; i < 100; ++i) one.ask(nine.at(), "question " + std::to_string(i), patient(60s, 200ms));
  });
  one.ask(nine.at(), "?", patient(60s, 200ms));
  expect_no_violation();
  EXPECT_EQ(oracle_->answered(), 101U);
}

TEST_F(TheOracle, SeesAQuestionThatNeverEnds) {
  make();
  auto& one = client();
  one.ask(endpoint(99), "anyone?", patient(10s));
  world().at(1s, [&] { one.requester() = Requester{holler_codec(), random_}; });
  expect_violation(Invariant::ends_once);
}

TEST_F(TheOracle, SeesAQuestionThatEndsTwice) {
  make();
  const auto& puppet = world().add<Puppet>();
  oracle_->on_ask(puppet, holler_codec(), {}, endpoint(9), {}, {});
  oracle_->on_end(puppet, {});
  EXPECT_FALSE(oracle_->violated());
  oracle_->on_end(puppet, {});
  expect_violation(Invariant::ends_once);
}

TEST_F(TheOracle, SeesAQuestionThatEndsAfterItsDeadline) {
  make();
  const auto& puppet = world().add<Puppet>();
  oracle_->on_ask(puppet, holler_codec(), {}, endpoint(9), {}, patient(10s));
  world().at(10s + 1ns, [&] { oracle_->on_end(puppet, {}); });
  expect_violation(Invariant::ends_once);
}

TEST_F(TheOracle, SeesAHandlerThatRunsTwice) {
  make();
  auto& nine = server();
  auto& one = client();
  world().set_meddler([&](const Sighting& sighting) {
    return sighting.to == nine.at() ? Meddling{.copies = 1, .copies_delay = 2min} : Meddling{};
  });
  one.ask(nine.at(), "once");
  world().at(1s, [&] { nine.responder() = Responder{{&holler_codec()}, random_}; });  // and nobody is told
  expect_violation(Invariant::runs_once);
}

TEST_F(TheOracle, SeesAnAskerThatIsNotToldOfTheRunBeforeARestart) {
  make();
  // Its second life says that it has been there for an hour.
  auto& nine = server(ServerHost::echo, {.responder = {.born = world().time(-1h)}});
  auto& one = client();
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.from == nine.at() && world().elapsed() < 100ms};
  });
  one.ask(nine.at(), "twice");
  world().at(100ms, [&] { world().restart(nine); });
  expect_violation(Invariant::runs_once);
}

TEST_F(TheOracle, SeesAQuestionThatNeedlesslyEndsAsUnknown) {
  make();
  // Its second life does not know that it was there before the question.
  auto& nine = server(ServerHost::echo, {.responder = {.born = kNever}});
  auto& one = client();
  one.ask(nine.at(), "first contact");
  world().at(10s, [&] { world().restart(nine); });
  one.ask_at(20s, nine.at(), "unknown");
  expect_violation(Invariant::runs_once);
}

TEST_F(TheOracle, LetsAFirstContactRunTwiceWhereItsAskerIsTold) {
  make();
  int runs = 0;
  auto& nine = server([&](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (++runs == 2) answer.kind = Answer::Kind::postpone;  // which makes the next copy name this life
  });
  auto& one = client();
  world().set_meddler([&](const Sighting& sighting) {
    return Meddling{.lose = sighting.from == nine.at() && world().elapsed() < 100ms};
  });
  one.ask(nine.at(), "twice");
  world().at(100ms, [&] { world().restart(nine); });
  expect_no_violation();
  EXPECT_EQ(runs, 3);
  EXPECT_TRUE(only(one).event.maybe_repeated);
}

TEST_F(TheOracle, SeesAnothersReply) {
  make();
  world().add<ConfusedServer>();
  auto& one = client();
  one.ask(endpoint(9), "one");
  expect_violation(Invariant::own_reply);
}

TEST_F(TheOracle, SeesAForgeryThatIsBelieved) {
  make();
  auto& one = client();
  one.ask(endpoint(98), "anyone?", {.deadline = 10s, .promiscuous = true});
  world().at(1s, [&] { world().inject(endpoint(66), endpoint(1, 40'000), bytes_of("FAKE")); });
  expect_violation(Invariant::nothing_forged);
}

TEST_F(TheOracle, SeesAQuestionThatIsSentInALoop) {
  make();
  const auto& puppet = world().add<Puppet>();
  oracle_->on_ask(puppet, plain_codec(), {}, endpoint(9), {}, patient(10s));
  for (std::uint32_t attempt = 1; attempt < 100; ++attempt) {
    world().at(attempt * 10ms, [&, attempt] {
      oracle_->on_transmission(puppet, {.to = endpoint(9), .attempt = attempt, .wait = 100ms}, {});
    });
  }
  expect_violation(Invariant::bounded_sending);
}

TEST_F(TheOracle, SeesAQuestionThatIsSentAfterItsEnd) {
  make();
  const auto& puppet = world().add<Puppet>();
  oracle_->on_ask(puppet, plain_codec(), {}, endpoint(9), {}, patient(10s));
  oracle_->on_end(puppet, {});
  oracle_->on_transmission(puppet, {.to = endpoint(9)}, {});
  expect_violation(Invariant::bounded_sending);
}

TEST_F(TheOracle, SeesAClientThatHeedsNoWindow) {
  make();
  auto& nine = server();
  auto& one = client({.requester = {.uncontrolled = true}});
  for (int i = 0; i < 11; ++i) one.ask(nine.at(), std::to_string(i));
  expect_violation(Invariant::bounded_sending);
}

TEST_F(TheOracle, SeesAClientThatLeavesAFullPathNoRoom) {
  make({}, {.delay = 5ms, .loss = percent(100)});
  auto& one = client({.requester = {.uncontrolled = true}});
  for (int i = 0; i < 9; ++i) {  // never more than ten at once, and nothing ever comes back
    for (int j = 0; j < 10; ++j) one.ask_at(i * 10s, endpoint(9), "x", {.deadline = 9s, .backoff_max = 2s});
  }
  expect_violation(Invariant::bounded_sending);
}

TEST_F(TheOracle, SeesAServerThatMultipliesWhatItIsSent) {
  make();
  auto& nine =
      server([](const IncomingRequest&, Answer& answer) { answer.payload.assign(1000, std::byte{'v'}); },
             {.responder = {.amplification_max = 0}});
  auto& one = client();
  one.ask(nine.at(), "a little");
  expect_violation(Invariant::bounded_sending);
}

TEST_F(TheOracle, SeesAServerThatRemembersTooMuch) {
  make();
  auto& nine = server([](const IncomingRequest&, Answer& answer) { answer.service = 1s; },
                      {.responder = {.jobs_max = 9}});
  nine.responder() = Responder{{&holler_codec()}, random_};
  auto& one = client();
  for (int i = 0; i < 10; ++i) one.ask(nine.at(), std::to_string(i));
  expect_violation(Invariant::bounded_memory);
}

TEST_F(TheOracle, SeesAServerThatNeverForgets) {
  make();
  auto& nine = server();
  client().ask(nine.at(), "x");
  world().run(60s);  // not to the end: it cannot have forgotten
  oracle_->finish();
  ASSERT_TRUE(oracle_->violated());
  EXPECT_EQ(*oracle_->violated(), Invariant::bounded_memory);
}

TEST_F(TheOracle, SeesAClientThatAsksTooMuchAtOnce) {
  make();
  auto& one = client({.requester = {.outstanding_max = 5}});
  one.requester() = Requester{holler_codec(), random_};
  for (int i = 0; i < 6; ++i) one.ask(endpoint(99), std::to_string(i));
  expect_violation(Invariant::bounded_memory);
}

TEST_F(TheOracle, SeesAnAnswerThatDoesNotComeThoughTheNetworkHasHealed) {
  make({.healed = 5s});
  const auto& mute = world().add<StrangerHost>(endpoint(9));
  oracle_->watch(mute, {endpoint(9)});
  client().ask(endpoint(9), "anyone?", {.deadline = 120s, .backoff_max = 2s});
  expect_violation(Invariant::answered_if_healed);
}

TEST_F(TheOracle, SeesAServerThatDoesNotComeBackAfterAnOutage) {
  make({.goodput = OracleOptions::Goodput{.from = 10s, .until = 20s, .answers_least = 1}});
  auto& nine = server();
  auto& one = client();
  one.ask(nine.at(), "early", patient(5s));
  one.ask_at(12s, endpoint(99), "never", patient(5s));
  expect_violation(Invariant::goodput_returns);
}

}  // namespace
}  // namespace holler::sim
