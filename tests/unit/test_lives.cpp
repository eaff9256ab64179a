#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

// A server that is restarted has forgotten what it has done. One asker, the lives of one server, and a
// network that is this test's own hands: every order in which copies and notes can arrive.

namespace holler {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Timestamp at(Duration since_start) { return Timestamp{hours{1000}} + since_start; }

/// One life of the server.
struct Life {
  Life(std::uint32_t number, Timestamp born, Duration strangers_after = {})
      : random{number},
        responder{
            {&holler_codec(), &plain_codec()},
            random,
            {.amplification_max = 0, .life = number, .born = born, .strangers_after = strangers_after}} {}

  /// Hands it a datagram; a request that is new to it is run, and answered with the number of this life.
  /// @return what it says to that
  ByteVector hear(Timestamp now, Bytes datagram, bool answer = true) {
    last = responder.handle_datagram(now, {.from = {Address::v4(192, 0, 2, 1), 40000},
                                           .to = {Address::v4(192, 0, 2, 2), 1060},
                                           .bytes = datagram});
    if (const auto request = responder.poll_request()) {
      ++runs;
      if (answer && !responder.reply(now, request->job, bytes_of("done"))) ADD_FAILURE() << "not its job";
    }
    ByteVector buffer(65536);
    const auto sent = responder.poll_transmit(now, buffer);
    buffer.resize(sent ? sent->bytes : 0);
    return buffer;
  }

  SeededRandom random;
  Responder responder;
  ReceiptResult last;
  int runs = 0;
};

class Lives : public testing::Test {
 protected:
  static Endpoint server() { return {Address::v4(192, 0, 2, 2), 1060}; }

  void ask(Timestamp now, RequestOptions options = {}) {
    options.deadline = seconds{100};
    options.first_wait = seconds{1};
    options.jitter = {0, 1};
    ASSERT_EQ(requester_.start(now, server(), bytes_of("do it"), options).status, StartStatus::started);
  }
  /// The next copy, at once or when its time has come; fails if there is none at `now`.
  ByteVector copy(Timestamp now) {
    requester_.handle_timeout(now);
    ByteVector buffer(65536);
    const auto sent = requester_.poll_transmit(now, buffer);
    EXPECT_TRUE(sent) << "nothing to send";
    buffer.resize(sent ? sent->bytes : 0);
    return buffer;
  }
  bool sends_nothing(Timestamp now) {
    ByteVector buffer(65536);
    return !requester_.poll_transmit(now, buffer);
  }
  Verdict tell(Timestamp now, Bytes datagram) {
    return requester_.handle_datagram(now, {.from = server(), .bytes = datagram});
  }
  RequestEvent end() {
    const auto event = requester_.poll_event();
    EXPECT_TRUE(event) << "it has not ended";
    return event.value_or(RequestEvent{});
  }
  /// Lets the asker hear of a life by a question that it answers.
  void introduce(Timestamp now, Life& life) {
    ask(now);
    ASSERT_EQ(tell(now, life.hear(now, copy(now))).used, ReplyKind::reply);
    ASSERT_EQ(end().outcome, Outcome::answered);
    life.runs = 0;
  }
  static std::uint32_t life_in(Bytes request) { return holler_codec().decode_request(request).life; }

  SeededRandom random_{1};
  Requester requester_{holler_codec(), random_};
};

TEST_F(Lives, ARequestNamesTheLifeThatTheAskerHasHeardOf) {
  Life life{7, at(-hours{1})};
  ask(at({}));
  const ByteVector first = copy(at({}));
  EXPECT_EQ(life_in(first), 0U);
  tell(at({}), life.hear(at({}), first));
  end();
  ask(at(seconds{1}));
  EXPECT_EQ(life_in(copy(at(seconds{1}))), 7U);
}

TEST_F(Lives, ALifeThatNobodyHasChosenIsDrawnAndIsNotZero) {
  std::vector<std::uint32_t> lives;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SeededRandom random{seed};
    Life life{1, at({})};
    life.responder = Responder{{&holler_codec()}, random};
    requester_ = Requester{holler_codec(), random_};
    ask(at({}));
    const ByteVector reply = life.hear(at({}), copy(at({})));
    lives.push_back(holler_codec().decode_reply(reply).life);
    tell(at({}), reply);
    end();
  }
  EXPECT_EQ(std::count(lives.begin(), lives.end(), 0U), 0);
  EXPECT_EQ(std::set<std::uint32_t>(lives.begin(), lives.end()).size(), lives.size());
}

TEST_F(Lives, ACopyThatAnEarlierLifeMayHaveRunIsNotRunAndTheAskerIsTold) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{1}), before);
  ask(at({}));
  before.hear(at(milliseconds{1}), copy(at({})));  // it does it, and dies before the reply arrives
  Life after{2, at(milliseconds{500})};
  const ByteVector note = after.hear(at(seconds{1}), copy(at(seconds{1})));
  EXPECT_EQ(after.last.receipt, Receipt::declined);
  EXPECT_EQ(tell(at(seconds{1}), note).used, ReplyKind::restarted);
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(before.runs + after.runs, 1);
  EXPECT_EQ(after.responder.stats().restarted, 1U);
  EXPECT_EQ(requester_.stats().restarted, 1U);
}

TEST_F(Lives, AServerThatWasRestartedBeforeTheQuestionAnswersIt) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{10}), before);
  Life after{2, at(-seconds{5})};
  ask(at({}));
  EXPECT_EQ(tell(at(milliseconds{20}), after.hear(at(milliseconds{10}), copy(at({})))).used,
            ReplyKind::restarted);
  const ByteVector again = copy(at(milliseconds{20}));  // at once
  EXPECT_EQ(life_in(again), 2U);
  EXPECT_EQ(tell(at(milliseconds{40}), after.hear(at(milliseconds{30}), again)).used, ReplyKind::reply);
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::answered);
  EXPECT_FALSE(event.maybe_repeated);
  EXPECT_EQ(event.attempts, 2U);
  EXPECT_EQ(after.runs, 1);
}

TEST_F(Lives, TheRepeatForAnotherLifeIsNotAnAttemptThatTheCallerCountedOn) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{10}), before);
  Life after{2, at(-seconds{5})};
  ask(at({}), {.attempts_max = 1});
  tell(at({}), after.hear(at({}), copy(at({}))));
  tell(at({}), after.hear(at({}), copy(at({}))));
  EXPECT_EQ(end().outcome, Outcome::answered);
}

TEST_F(Lives, ALifeThatBeganWhileTheFirstCopyWasUnderWayProvesNothing) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{1}), before);
  Life after{2, at(milliseconds{1})};  // the copy needs 10 ms: another one of it may have been quicker
  ask(at({}));
  tell(at(milliseconds{20}), after.hear(at(milliseconds{10}), copy(at({}))));
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(after.runs, 0);
}

TEST_F(Lives, AnAgeThatClocksThatDriftCouldExplainProvesNothing) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{1}), before);
  ask(at({}));
  (void)copy(at({}));
  Life after{2, at(-milliseconds{100})};
  const ByteVector late = copy(at(seconds{90}));
  tell(at(seconds{90}), after.hear(at(seconds{90}), late));  // 90.1 s old, says its own clock
  EXPECT_EQ(end().outcome, Outcome::unknown);
}

TEST_F(Lives, LateCopiesForTheFormerLifeChangeNothing) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{10}), before);
  Life after{2, at(-seconds{5})};
  ask(at({}));
  const ByteVector first = copy(at({}));
  const ByteVector second = copy(at(seconds{1}));
  const ByteVector first_note = after.hear(at(seconds{1}), first);
  const ByteVector second_note = after.hear(at(seconds{1}), second);
  EXPECT_EQ(tell(at(seconds{1}), first_note).used, ReplyKind::restarted);
  const ByteVector third = copy(at(seconds{1}));
  EXPECT_EQ(tell(at(seconds{1}), second_note).drop, DropReason::late);
  EXPECT_TRUE(sends_nothing(at(seconds{1})));
  const ByteVector reply = after.hear(at(seconds{1}), third);
  after.hear(at(seconds{1}), first);  // a copy of the network's: known by now, whatever life it names
  EXPECT_EQ(after.last.receipt, Receipt::repeat_answered);
  EXPECT_EQ(tell(at(seconds{1}), reply).used, ReplyKind::reply);
  EXPECT_EQ(end().outcome, Outcome::answered);
  EXPECT_EQ(after.runs, 1);
}

TEST_F(Lives, ASecondRestartIsJudgedByTheCopiesForTheSecondLife) {
  Life one{1, at(-hours{1})};
  introduce(at(-seconds{10}), one);
  Life two{2, at(-seconds{5})};
  ask(at({}));
  tell(at(seconds{2}), two.hear(at(seconds{2}), copy(at({}))));
  Life three{3, at(seconds{1})};  // after the question, but before anything was asked of the second life
  tell(at(seconds{2}), three.hear(at(seconds{2}), copy(at(seconds{2}))));
  tell(at(seconds{2}), three.hear(at(seconds{2}), copy(at(seconds{2}))));
  EXPECT_EQ(end().outcome, Outcome::answered);
  EXPECT_EQ(two.runs + three.runs, 1);
}

TEST_F(Lives, ASecondRestartAfterTheSecondLifeWasAskedIsUnknown) {
  Life one{1, at(-hours{1})};
  introduce(at(-seconds{10}), one);
  Life two{2, at(-seconds{5})};
  ask(at({}));
  tell(at({}), two.hear(at({}), copy(at({}))));
  two.hear(at(milliseconds{1}), copy(at({})));  // done, and the reply is lost
  Life three{3, at(milliseconds{500})};
  tell(at(seconds{1}), three.hear(at(seconds{1}), copy(at(seconds{1}))));
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(two.runs, 1);
  EXPECT_EQ(three.runs, 0);
}

TEST_F(Lives, RestartsWithoutEndGiveNoRepeatsAtOnceWithoutEnd) {
  Life one{1, at(-hours{1})};
  introduce(at(-seconds{1}), one);
  ask(at({}));
  ByteVector next = copy(at({}));
  for (std::uint32_t number = 2; number < 5; ++number) {
    Life life{number, at(-milliseconds{100})};
    tell(at({}), life.hear(at({}), next));
    next = copy(at({}));
    EXPECT_EQ(life_in(next), number);
  }
  Life fifth{5, at(-milliseconds{100})};
  EXPECT_EQ(tell(at({}), fifth.hear(at({}), next)).used, ReplyKind::restarted);
  EXPECT_TRUE(sends_nothing(at({})));
  EXPECT_EQ(life_in(copy(at(seconds{1}))), 5U);  // with the next copy, in its time
}

TEST_F(Lives, AFirstContactIsRunByBothAndTheAskerIsTold) {
  Life before{1, at(-hours{1})};
  ask(at({}));
  before.hear(at({}), copy(at({})));
  Life after{2, at(milliseconds{500})};
  tell(at(seconds{1}), after.hear(at(seconds{1}), copy(at(seconds{1}))));
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::answered);
  EXPECT_TRUE(event.maybe_repeated);
  EXPECT_EQ(before.runs + after.runs, 2);  // what a first contact cannot prevent
}

TEST_F(Lives, AFirstContactWithAServerThatWasThereBeforeIsBeyondDoubt) {
  Life life{1, at(-milliseconds{100})};
  ask(at({}));
  (void)copy(at({}));
  tell(at(seconds{1}), life.hear(at(seconds{1}), copy(at(seconds{1}))));
  EXPECT_FALSE(end().maybe_repeated);
}

TEST_F(Lives, AFirstContactThatIsRefusedAfterARestartMayHaveBeenDoneBefore) {
  ask(at({}));
  (void)copy(at({}));
  Life after{2, at(milliseconds{500})};
  after.hear(at(seconds{1}), copy(at(seconds{1})), false);
  ASSERT_TRUE(after.responder.refuse(at(seconds{1}), {0, 0}, 42));
  ByteVector buffer(1000);
  const auto sent = after.responder.poll_transmit(at(seconds{1}), buffer);
  ASSERT_TRUE(sent);
  tell(at(seconds{1}), Bytes{buffer}.first(sent->bytes));
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::declined);
  EXPECT_EQ(event.reason, 42);
  EXPECT_TRUE(event.maybe_repeated);
}

TEST_F(Lives, ANoteThatItIsWorkingOnAFirstContactTiesItToThatLife) {
  Life before{1, at(-hours{1})};
  ask(at({}));
  const ByteVector first = copy(at({}));
  before.hear(at({}), first, false);
  tell(at({}), before.hear(at({}), first, false));  // "working"
  Life after{2, at(milliseconds{500})};
  const ByteVector second = copy(at(seconds{1}));
  EXPECT_EQ(life_in(second), 1U);
  tell(at(seconds{1}), after.hear(at(seconds{1}), second));
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(before.runs + after.runs, 1);
}

TEST_F(Lives, CopiesOfAFirstContactStayInDoubtWhateverLifeTheLaterOnesName) {
  // The second life shows that it was there before the question. It then runs the copy that names no life,
  // and is gone before the copy for it arrives: a third must not run that.
  Life one{1, at(-hours{1})};
  ask(at({}));
  const ByteVector nameless = copy(at({}));
  tell(at({}), one.hear(at({}), nameless, false));
  (void)sends_nothing(at({}));
  const ByteVector working = one.hear(at({}), nameless, false);
  tell(at({}), working);
  const ByteVector named = copy(at(seconds{1}));
  ASSERT_EQ(life_in(named), 1U);
  Life two{2, at(-seconds{1})};
  tell(at(seconds{1}), two.hear(at(seconds{1}), named));
  two.hear(at(seconds{1}), nameless);  // late
  EXPECT_EQ(two.runs, 1);
  Life three{3, at(seconds{1} - milliseconds{100})};
  tell(at(seconds{1}), three.hear(at(seconds{1}), copy(at(seconds{1}))));
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(three.runs, 0);
}

TEST_F(Lives, ALifeThatAnotherQuestionHasHeardOfIsNamedOnlyIfItWasThereBefore) {
  for (const Duration born : {milliseconds{-500}, milliseconds{500}}) {
    requester_ = Requester{holler_codec(), random_};
    ask(at({}));
    (void)copy(at({}));
    Life life{2, at(born)};
    ask(at(milliseconds{600}));
    const ByteVector other = copy(at(milliseconds{600}));
    ASSERT_EQ(tell(at(milliseconds{600}), life.hear(at(milliseconds{600}), other)).used, ReplyKind::reply);
    EXPECT_EQ(life_in(copy(at(seconds{1}))), born < Duration::zero() ? 2U : 0U);
  }
}

TEST_F(Lives, AServerThatWantsToBeSureLetsStrangersNameItFirst) {
  Life before{1, at(-hours{1}), seconds{120}};
  ask(at({}));
  const ByteVector first = copy(at({}));
  before.hear(at({}), first);
  Life after{2, at(milliseconds{500}), seconds{120}};
  tell(at(seconds{1}), after.hear(at(seconds{1}), copy(at(seconds{1}))));
  EXPECT_EQ(end().outcome, Outcome::unknown);
  EXPECT_EQ(before.runs + after.runs, 1);

  Requester stranger{holler_codec(), random_};
  requester_ = std::move(stranger);
  ask(at(seconds{10}));
  tell(at(seconds{10}), after.hear(at(seconds{10}), copy(at(seconds{10}))));
  tell(at(seconds{10}), after.hear(at(seconds{10}), copy(at(seconds{10}))));
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::answered);
  EXPECT_FALSE(event.maybe_repeated);
  EXPECT_EQ(after.runs, 1);
  after.hear(at(seconds{119}), first);  // two minutes late, and of another asker's first contact
  EXPECT_EQ(after.last.receipt, Receipt::declined);
}

TEST_F(Lives, WhatMayBeRepeatedIsAskedOfTheNextLifeAndFlagged) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{1}), before);
  ask(at({}), {.repeatable = true});
  before.hear(at({}), copy(at({})));
  Life after{2, at(milliseconds{500})};
  tell(at(seconds{1}), after.hear(at(seconds{1}), copy(at(seconds{1}))));
  tell(at(seconds{1}), after.hear(at(seconds{1}), copy(at(seconds{1}))));
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::answered);
  EXPECT_TRUE(event.maybe_repeated);
  EXPECT_EQ(before.runs + after.runs, 2);
}

TEST_F(Lives, AnotherRequesterThatRemembersTheLifeNamesIt) {
  Life life{7, at(-hours{1})};
  introduce(at({}), life);
  const auto memory = requester_.recall(server());
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->life, 7U);
  Requester other{holler_codec(), random_};
  other.remember(server(), {.srtt = {}, .life = 7});  // the life alone is worth remembering
  requester_ = std::move(other);
  ask(at({}));
  EXPECT_EQ(life_in(copy(at({}))), 7U);
}

TEST_F(Lives, ABelievedStrangerTeachesNoLifeAndACodecWithoutLivesRaisesNoDoubt) {
  Requester plain{plain_codec(), random_};
  requester_ = std::move(plain);
  ask(at({}));
  (void)copy(at({}));
  (void)copy(at(seconds{1}));
  tell(at(seconds{1}), bytes_of("anything"));
  const RequestEvent event = end();
  EXPECT_EQ(event.outcome, Outcome::answered);
  EXPECT_FALSE(event.maybe_repeated);
  EXPECT_EQ(requester_.recall(server())->life, 0U);
}

TEST_F(Lives, ALifeWhoseBeginningNobodyToldBeginsWithItsFirstDatagram) {
  Life before{1, at(-hours{1})};
  introduce(at(-seconds{1}), before);
  Life after{2, at({})};
  after.responder = Responder{{&holler_codec()}, after.random, {.life = 2}};
  ask(at({}));
  const ReplyView note = holler_codec().decode_reply(after.hear(at(milliseconds{1}), copy(at({}))));
  EXPECT_EQ(note.kind, ReplyKind::restarted);
  EXPECT_EQ(note.age, Duration::zero());
}

TEST_F(Lives, AnAgeIsRoundedDownAndStaysAtItsLargest) {
  ByteVector bytes(100);
  const auto told = [&bytes](Duration age) {
    const auto size = holler_codec().encode_reply_header(
        {.number = 1, .id = 1, .life = 1, .age = age, .cookie = {}}, bytes);
    return holler_codec().decode_reply(Bytes{bytes}.first(size.value_or(0))).age;
  };
  EXPECT_EQ(told(std::chrono::microseconds{1999}), milliseconds{1});
  EXPECT_EQ(told(-seconds{1}), Duration::zero());
  EXPECT_EQ(told(hours{24 * 365}), milliseconds{0xffffffff});
  EXPECT_EQ(told(kForever), milliseconds{0xffffffff});
}

}  // namespace
}  // namespace holler
