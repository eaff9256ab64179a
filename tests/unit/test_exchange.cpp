#include <array>
#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

// A requester and a responder, with no network in between but this test's own hands.

namespace holler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Timestamp at(Duration since_start) { return Timestamp{seconds{1000}} + since_start; }

class Exchange : public testing::Test {
 protected:
  static Endpoint client() { return {Address::v4(192, 0, 2, 1), 40000}; }
  static Endpoint server() { return {Address::v4(192, 0, 2, 2), 1060}; }

  ByteVector sent_by_client(Timestamp now) {
    const auto transmit = requester_.poll_transmit(now, buffer_);
    return transmit ? copy_of(Bytes{buffer_}.first(transmit->bytes)) : ByteVector{};
  }
  ByteVector sent_by_server(Timestamp now) {
    const auto transmit = responder_.poll_transmit(now, buffer_);
    return transmit ? copy_of(Bytes{buffer_}.first(transmit->bytes)) : ByteVector{};
  }
  ReceiptResult to_server(Timestamp now, Bytes datagram) {
    return responder_.handle_datagram(now, {.from = client(), .to = server(), .bytes = datagram});
  }
  Verdict to_client(Timestamp now, Bytes datagram) {
    return requester_.handle_datagram(now, {.from = server(), .bytes = datagram});
  }

  SeededRandom random_{1};
  Requester requester_{holler_codec(), random_};
  Responder responder_{{&holler_codec(), &plain_codec()}, random_};
  ByteVector buffer_ = ByteVector(65536);
};

TEST_F(Exchange, AnswersARequestOnceAndRepeatsTheReplyFromMemory) {
  ASSERT_EQ(requester_.start(at({}), server(), bytes_of("question")).status, StartStatus::started);
  const ByteVector question = sent_by_client(at({}));
  ASSERT_EQ(to_server(at(milliseconds{10}), question).receipt, Receipt::request);
  const auto request = responder_.poll_request();
  ASSERT_TRUE(request);
  EXPECT_EQ(text_of(request->payload), "question");
  EXPECT_EQ(request->time_left, seconds{10});

  EXPECT_EQ(to_server(at(milliseconds{11}), question).receipt, Receipt::repeat_working);
  EXPECT_EQ(to_client(at(milliseconds{12}), sent_by_server(at(milliseconds{11}))).used, ReplyKind::working);

  ASSERT_TRUE(responder_.reply(at(milliseconds{20}), request->job, bytes_of("answer")));
  const ByteVector first = sent_by_server(at(milliseconds{20}));
  EXPECT_EQ(to_server(at(milliseconds{21}), question).receipt, Receipt::repeat_answered);
  const ByteVector second = sent_by_server(at(milliseconds{21}));

  EXPECT_EQ(to_client(at(milliseconds{30}), first).used, ReplyKind::reply);
  const auto event = requester_.poll_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->outcome, Outcome::answered);
  EXPECT_EQ(text_of(event->payload), "answer");
  EXPECT_EQ(event->rtt, milliseconds{21});  // 30 less the 9 from its last copy to the answer
  EXPECT_EQ(event->hold, milliseconds{9});
  EXPECT_EQ(to_client(at(milliseconds{31}), second).drop, DropReason::late);
  EXPECT_FALSE(requester_.poll_event());
  EXPECT_EQ(responder_.stats().requests, 1U);
  EXPECT_EQ(responder_.stats().repeated, 2U);
}

TEST_F(Exchange, DoublesItsWaitsAndEndsAtTheDeadline) {
  RequestOptions options{.deadline = seconds{5}, .first_wait = milliseconds{100}, .jitter = {0, 1}};
  ASSERT_EQ(requester_.start(at({}), server(), bytes_of("?"), options).status, StartStatus::started);
  std::vector<Duration> when;
  Timestamp now = at({});
  while (requester_.outstanding() > 0) {
    if (!sent_by_client(now).empty()) when.push_back(now - at({}));
    now = requester_.next_timeout();
    ASSERT_NE(now, kNever);
    requester_.handle_timeout(now);
  }
  EXPECT_EQ(when, (std::vector<Duration>{milliseconds{0}, milliseconds{100}, milliseconds{300},
                                         milliseconds{700}, milliseconds{1500}, milliseconds{3100}}));
  const auto event = requester_.poll_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->outcome, Outcome::no_answer);
  EXPECT_EQ(event->elapsed, seconds{5});
  EXPECT_EQ(requester_.next_timeout(), kNever);
}

TEST_F(Exchange, VerifiesAnAddressBeforeItSendsMuchMoreThanItGot) {
  ASSERT_EQ(requester_.start(at({}), server(), bytes_of("tell me everything")).status, StartStatus::started);
  to_server(at({}), sent_by_client(at({})));
  const auto request = responder_.poll_request();
  ASSERT_TRUE(request);
  const ByteVector everything(5000, std::byte{'x'});
  ASSERT_TRUE(responder_.reply(at({}), request->job, everything));
  const ByteVector challenge = sent_by_server(at({}));
  EXPECT_LT(challenge.size(), 60U);
  EXPECT_EQ(to_client(at({}), challenge).used, ReplyKind::verify);
  EXPECT_EQ(to_server(at({}), sent_by_client(at({}))).receipt, Receipt::repeat_answered);
  EXPECT_EQ(to_client(at({}), sent_by_server(at({}))).used, ReplyKind::reply);
  const auto event = requester_.poll_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->payload.size(), 5000U);
  EXPECT_EQ(responder_.stats().requests, 1U);
}

TEST_F(Exchange, ForgetsRepliesThatTheAskerHasDeclaredDone) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(requester_.start(at({}), server(), bytes_of("q")).status, StartStatus::started);
    to_server(at({}), sent_by_client(at({})));
    const auto request = responder_.poll_request();
    ASSERT_TRUE(request);
    ASSERT_TRUE(responder_.reply(at({}), request->job, bytes_of("a")));
    ASSERT_EQ(to_client(at({}), sent_by_server(at({}))).used, ReplyKind::reply);
    ASSERT_TRUE(requester_.poll_event());
    EXPECT_LE(responder_.remembered_requests(), 2U);
  }
  responder_.handle_timeout(at(std::chrono::hours{1}));
  EXPECT_EQ(responder_.remembered_requests(), 0U);
  EXPECT_EQ(responder_.remembered_bytes(), 0U);
}

TEST_F(Exchange, RefusesWhatNobodyCanAsk) {
  EXPECT_EQ(requester_.start(at({}), {Address::v4(192, 0, 2, 2), 0}, {}).status, StartStatus::bad_peer);
  EXPECT_EQ(requester_.start(at({}), {Address::any_v4(), 1060}, {}).status, StartStatus::bad_peer);
  const ByteVector large(requester_.payload_bytes_max(server()) + 1);
  EXPECT_EQ(requester_.start(at({}), server(), large).status, StartStatus::too_large);
  EXPECT_EQ(requester_.outstanding(), 0U);
}

}  // namespace
}  // namespace holler
