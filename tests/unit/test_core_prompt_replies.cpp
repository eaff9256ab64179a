#include <gtest/gtest.h>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

#include "base/small_copy.hpp"
#include "core/reply_payload.hpp"

// Replies that leave without a queue, and what makes them quick.

namespace holler {
namespace {

using namespace std::chrono_literals;
using State = PromptReply::State;

constexpr Endpoint kServer{Address::v4(192, 0, 2, 1), 1060};
constexpr Endpoint kAsker{Address::v4(192, 0, 2, 2), 40'000};
constexpr Timestamp kNow{1h};

class PromptReplies : public testing::Test {
 protected:
  void ask(std::uint64_t number, Bytes cookie = {}) {
    const std::size_t at = datagram_.size();
    datagram_.resize(at + 128);
    const RequestStamp stamp{.conversation = 7,
                             .number = number,
                             .done_below = 1,
                             .id = number * 1000,
                             .time_left = 10s,
                             .bundles = true,
                             .cookie = cookie};
    const auto bytes =
        holler_codec().encode_request(stamp, bytes_of("What is the time?"), std::span{datagram_}.subspan(at));
    datagram_.resize(at + bytes.value_or(0));
  }
  ReceiptResult arrive(Responder& responder) {
    return responder.handle_datagram(kNow, {.from = kAsker, .to = kServer, .bytes = datagram_});
  }
  JobHandle taken_by(Responder& responder) {
    const IncomingRequest* request = responder.take_request();
    EXPECT_NE(request, nullptr);
    return request != nullptr ? request->job : JobHandle{};
  }

  SeededRandom random_{1};
  ByteVector datagram_;
  ByteVector buffer_ = ByteVector(65536);
};

TEST_F(PromptReplies, AreWhatPollTransmitWouldHaveSaid) {
  ask(1);
  const ResponderOptions options{.life = 5, .bundles = true};
  Responder prompt{{&holler_codec()}, random_, options};
  Responder queued{{&holler_codec()}, random_, options};
  ASSERT_EQ(arrive(prompt).receipt, Receipt::request);
  ASSERT_EQ(arrive(queued).receipt, Receipt::request);

  const PromptReply reply = prompt.reply_at_once(kNow, taken_by(prompt), bytes_of("noon"), buffer_);
  ASSERT_EQ(reply.state, State::written);
  ASSERT_TRUE(queued.reply(kNow, taken_by(queued), bytes_of("noon")));
  ByteVector other(65536);
  const auto transmit = queued.poll_transmit(kNow, other);
  ASSERT_TRUE(transmit);

  EXPECT_TRUE(same_bytes(Bytes{buffer_}.first(reply.bytes), Bytes{other}.first(transmit->bytes)));
  EXPECT_EQ(reply.kind, transmit->kind);
  EXPECT_EQ(reply.repeat, transmit->repeat);
  EXPECT_EQ(reply.sharing, transmit->sharing);
  EXPECT_EQ(prompt.stats().answered, 1U);
  EXPECT_EQ(prompt.jobs(), 0U);
  EXPECT_FALSE(prompt.poll_transmit(kNow, buffer_));

  EXPECT_EQ(arrive(prompt).receipt, Receipt::repeat_answered);
  const auto again = prompt.poll_transmit(kNow, buffer_);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeat);
  EXPECT_TRUE(same_bytes(Bytes{buffer_}.first(again->bytes), Bytes{other}.first(transmit->bytes)));
}

TEST_F(PromptReplies, WaitBehindWhatIsReadyBeforeThem) {
  Responder responder{{&holler_codec()}, random_, {.bundles = true}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  const JobHandle first = taken_by(responder);
  ASSERT_EQ(arrive(responder).receipt, Receipt::repeat_working);  // a note about it is queued
  EXPECT_EQ(responder.reply_at_once(kNow, first, bytes_of("noon"), buffer_).state, State::taken);
  EXPECT_EQ(responder.poll_transmit(kNow, buffer_)->kind, ReplyKind::working);
  EXPECT_EQ(responder.poll_transmit(kNow, buffer_)->kind, ReplyKind::reply);
  EXPECT_FALSE(responder.poll_transmit(kNow, buffer_));
}

TEST_F(PromptReplies, GoThroughTheQueueWhereACopyHasComeFromElsewhere) {
  Responder responder{{&holler_codec()}, random_, {.bundles = true}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  const JobHandle job = taken_by(responder);
  const Endpoint moved{Address::v4(192, 0, 2, 2), 40'001};
  const Incoming copy{.from = moved, .to = kServer, .bytes = datagram_};
  ASSERT_EQ(responder.handle_datagram(kNow, copy).receipt, Receipt::repeat_working);
  ASSERT_EQ(responder.poll_transmit(kNow, buffer_)->kind, ReplyKind::working);
  EXPECT_EQ(responder.reply_at_once(kNow, job, bytes_of("noon"), buffer_).state, State::taken);
  const auto reply = responder.poll_transmit(kNow, buffer_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->to, moved);
}

TEST_F(PromptReplies, WaitForCompanyWhereThatIsWanted) {
  Responder responder{{&holler_codec()}, random_, {.bundles = true, .bundle_delay = 1ms}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  EXPECT_EQ(responder.reply_at_once(kNow, taken_by(responder), {}, buffer_).state, State::taken);
  EXPECT_FALSE(responder.poll_transmit(kNow, buffer_));
  EXPECT_TRUE(responder.poll_transmit(kNow + 1ms, buffer_));
}

TEST_F(PromptReplies, AreRejectedForAnUnknownJobAndWhereTheyAreTooLarge) {
  Responder responder{{&holler_codec()}, random_, {.datagram_bytes_max = 100}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  const IncomingRequest request = *responder.take_request();
  EXPECT_EQ(request.reply_bytes_max, 64U);
  EXPECT_EQ(responder.reply_bytes_max(request.job), 64U);
  EXPECT_EQ(responder.reply_at_once(kNow, request.job, ByteVector(65), buffer_).state, State::rejected);
  EXPECT_EQ(responder.reply_at_once(kNow, request.job, ByteVector(64), buffer_).state, State::written);
  EXPECT_EQ(responder.reply_at_once(kNow, request.job, ByteVector(64), buffer_).state, State::rejected);
}

TEST_F(PromptReplies, AskForProofOfTheAddressWhereTheyAreMuchLargerThanTheRequest) {
  Responder responder{{&holler_codec()}, random_, {}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  const PromptReply note = responder.reply_at_once(kNow, taken_by(responder), ByteVector(1000), buffer_);
  ASSERT_EQ(note.state, State::written);
  ASSERT_EQ(note.kind, ReplyKind::verify);
  EXPECT_EQ(responder.stats().answered, 0U);
  const ByteVector cookie = copy_of(holler_codec().decode_reply(Bytes{buffer_}.first(note.bytes)).cookie);
  datagram_.clear();
  ask(1, cookie);
  EXPECT_EQ(arrive(responder).receipt, Receipt::repeat_answered);
  const auto reply = responder.poll_transmit(kNow, buffer_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, ReplyKind::reply);
  EXPECT_FALSE(reply->repeat);
}

TEST_F(PromptReplies, AreRememberedAndNotSentAfterTheDeadline) {
  Responder responder{{&holler_codec()}, random_, {}};
  ask(1);
  ASSERT_EQ(arrive(responder).receipt, Receipt::request);
  EXPECT_EQ(responder.reply_at_once(kNow + 10s, taken_by(responder), {}, buffer_).state, State::taken);
  EXPECT_FALSE(responder.poll_transmit(kNow + 10s, buffer_));
  EXPECT_EQ(responder.stats().dropped[DropReason::expired], 1U);
}

TEST_F(PromptReplies, OfABundleAreThoseOfItsMessagesOneByOne) {
  for (std::uint64_t number = 1; number <= 3; ++number) ask(number);
  const ResponderOptions options{.life = 5, .bundles = true};
  Responder whole{{&holler_codec()}, random_, options};
  Responder parts{{&holler_codec()}, random_, options};
  ReceiptResult receipt = arrive(whole);
  Incoming incoming{.from = kAsker, .to = kServer, .bytes = datagram_};
  for (int message = 0; message < 3; ++message) {
    const ReceiptResult other = parts.handle_datagram(kNow, incoming);
    EXPECT_EQ(receipt.receipt, other.receipt);
    EXPECT_EQ(receipt.rest.data(), other.rest.data());
    EXPECT_EQ(receipt.rest.size(), other.rest.size());
    const auto left = whole.poll_request();
    const auto right = parts.poll_request();
    ASSERT_TRUE(left && right);
    EXPECT_EQ(left->from, kAsker);
    EXPECT_EQ(left->to, kServer);
    EXPECT_EQ(left->time_left, 10s);
    EXPECT_EQ(text_of(left->payload), "What is the time?");
    EXPECT_EQ(left->payload.data(), right->payload.data());
    incoming.bytes = other.rest;
    incoming.continued = true;
    if (!receipt.rest.empty()) receipt = whole.handle_rest(kNow);
  }
  EXPECT_EQ(whole.stats().received, 1U);
  EXPECT_EQ(whole.stats().bundled, 2U);
  EXPECT_EQ(whole.stats().requests, 3U);
}

TEST(SmallCopy, MovesAnySizeAndTouchesNothingElse) {
  for (std::size_t size = 0; size <= 100; ++size) {
    std::vector<std::byte> from(size);
    for (std::size_t i = 0; i < size; ++i) from[i] = static_cast<std::byte>(i + 1);
    std::vector<std::byte> to(size + 2, std::byte{0xee});
    small_copy(to.data() + 1, from);
    EXPECT_EQ(to.front(), std::byte{0xee}) << size;
    EXPECT_EQ(to.back(), std::byte{0xee}) << size;
    EXPECT_TRUE(same_bytes(Bytes{to}.subspan(1, size), from)) << size;
  }
}

TEST(ReplyPayload, HoldsWhatItWasGivenLast) {
  ReplyPayload payload;
  EXPECT_EQ(payload.size(), 0U);
  for (const std::size_t size : {5U, 36U, 37U, 0U, 300U, 36U, 40U, 65'527U, 1U}) {
    const ByteVector bytes(size, static_cast<std::byte>(size));
    payload.assign(bytes);
    EXPECT_TRUE(same_bytes(payload.bytes(), bytes)) << size;
    ReplyPayload moved = std::move(payload);
    EXPECT_TRUE(same_bytes(moved.bytes(), bytes)) << size;
    payload = std::move(moved);
    if (size > 100) payload.clear();
  }
}

}  // namespace
}  // namespace holler
