#include <gtest/gtest.h>
#include <optional>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"
#include "holler/requester.hpp"

// Who knew the port of a DNS question (by way of a side channel, say) only had to send all 65536 IDs, a
// second's work, and one of them was believed: wrong ones were counted, and nothing came of it.

namespace holler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SixteenBitsOfId : public ::testing::Test {
 protected:
  SixteenBitsOfId() {
    EXPECT_EQ(
        requester_.start(now_, kServer, query_, {.deadline = seconds{10}, .first_wait = seconds{1}}).status,
        StartStatus::started);
    id_ = transmit().value_or(0);
  }

  /// The ID of the datagram that is to be sent, if there is one.
  std::optional<std::uint16_t> transmit() {
    const auto sent = requester_.poll_transmit(now_, buffer_);
    if (!sent) return std::nullopt;
    return ByteReader{Bytes{buffer_}.first(sent->bytes)}.read<std::uint16_t>();
  }

  Verdict answer(std::uint16_t id) {
    dns::Message message = dns::decode_message(query_).value();
    message.response = true;
    message.id = id;
    const ByteVector bytes = dns::encode_message(message).value();
    return requester_.handle_datagram(now_, {.from = kServer, .bytes = bytes});
  }

  /// `count` IDs other than the right one, counting up from the one behind it.
  void guess_wrong(std::uint32_t count) {
    for (std::uint32_t i = 1; i <= count; ++i) {
      ASSERT_EQ(answer(static_cast<std::uint16_t>(id_ + i)).drop, DropReason::wrong_id);
    }
  }

  void wait_for_the_next() {
    now_ = requester_.next_timeout();
    requester_.handle_timeout(now_);
  }

  static inline const Endpoint kServer{Address::v4(192, 0, 2, 53), 53};
  SeededRandom random_{1};
  Requester requester_{dns_codec(), random_};
  ByteVector buffer_ = ByteVector(65536);
  ByteVector query_ = dns::encode_query({.name = dns::Name::parse("guinness.example").value()});
  Timestamp now_{seconds{1}};
  std::uint16_t id_ = 0;
};

TEST_F(SixteenBitsOfId, AreNotFoundByTryingThemAll) {
  guess_wrong(65535);
  const Verdict verdict = answer(id_);
  EXPECT_FALSE(verdict.used);
  EXPECT_EQ(verdict.drop, DropReason::wrong_id);
  EXPECT_FALSE(requester_.poll_event());
  EXPECT_EQ(requester_.stats().alarms, 1U);
}

TEST_F(SixteenBitsOfId, AreNewWithTheNextRepeatAndTheAnswerToItCounts) {
  guess_wrong(100);
  EXPECT_FALSE(transmit()) << "a guesser makes us send nothing";
  wait_for_the_next();
  const auto fresh = transmit();
  ASSERT_TRUE(fresh);
  EXPECT_NE(*fresh, id_);
  EXPECT_FALSE(answer(id_).used) << "the ID that was guessed at";
  EXPECT_EQ(answer(*fresh).used, ReplyKind::reply);
  EXPECT_EQ(requester_.poll_event().value().outcome, Outcome::answered);
}

TEST_F(SixteenBitsOfId, AreGuessedAtAHundredTimesForEachTransmission) {
  for (int round = 0; round < 3; ++round) {
    guess_wrong(100);
    EXPECT_FALSE(answer(id_).used);
    wait_for_the_next();
    const auto fresh = transmit();
    ASSERT_TRUE(fresh);
    ASSERT_NE(*fresh, id_);
    id_ = *fresh;
  }
}

TEST_F(SixteenBitsOfId, StayWhereFewAreWrong) {
  guess_wrong(99);
  wait_for_the_next();
  EXPECT_EQ(transmit(), id_);
  EXPECT_EQ(answer(id_).used, ReplyKind::reply);
}

TEST_F(SixteenBitsOfId, StayWhereOthersThanTheServerAnswer) {
  // From addresses of their own, strangers are told by the source, and must not be able to deafen us.
  for (int i = 0; i < 1000; ++i) {
    const Endpoint stranger{Address::v4(192, 0, 2, 66), 53};
    ASSERT_EQ(requester_.handle_datagram(now_, {.from = stranger, .bytes = query_}).drop,
              DropReason::wrong_source);
  }
  EXPECT_EQ(answer(id_).used, ReplyKind::reply);
}

TEST(SixtyFourBitsOfId, StayHoweverManyAreWrong) {
  SeededRandom random{1};
  const Endpoint peer{Address::v4(192, 0, 2, 2), 1060};
  Requester requester{holler_codec(), random};
  ByteVector buffer(65536);
  const Timestamp now{seconds{1}};
  ASSERT_EQ(requester.start(now, peer, bytes_of("?")).status, StartStatus::started);
  const auto sent = requester.poll_transmit(now, buffer);
  ASSERT_TRUE(sent);
  const RequestView asked = holler_codec().decode_request(Bytes{buffer}.first(sent->bytes));
  ReplyStamp stamp{.kind = ReplyKind::reply, .number = asked.number, .attempt = 1, .cookie = {}};
  std::array<std::byte, 64> reply{};
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    stamp.id = asked.id + i;
    const auto bytes = holler_codec().encode_reply_header(stamp, reply);
    ASSERT_EQ(requester.handle_datagram(now, {.from = peer, .bytes = Bytes{reply}.first(bytes.value())}).drop,
              DropReason::wrong_id);
  }
  stamp.id = asked.id;
  const auto bytes = holler_codec().encode_reply_header(stamp, reply);
  EXPECT_EQ(requester.handle_datagram(now, {.from = peer, .bytes = Bytes{reply}.first(bytes.value())}).used,
            ReplyKind::reply);
}

}  // namespace
}  // namespace holler
