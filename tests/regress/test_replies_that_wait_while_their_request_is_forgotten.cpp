#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// A reply that waited to be sent while its request was forgotten, and handed out again, left with the memory
// of the newer one in place of its own payload: empty, because that one had no answer yet. So did a reply
// whose number was then used by another request. Found by fuzzing.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kAsker{Address::v4(192, 0, 2, 1), 40000};
constexpr Endpoint kServer{Address::v4(192, 0, 2, 2), 1060};

class ReplyThatWaits : public testing::Test {
 protected:
  std::optional<JobHandle> receive(Timestamp now, std::uint64_t id) {
    ByteVector datagram(200);
    const RequestStamp stamp{.conversation = 1, .number = 1, .done_below = 1, .id = id, .time_left = 10s};
    datagram.resize(holler_codec().encode_request(stamp, bytes_of("?"), datagram).value_or(0));
    static_cast<void>(responder_.handle_datagram(now, {.from = kAsker, .to = kServer, .bytes = datagram}));
    const auto request = responder_.poll_request();
    return request ? std::optional{request->job} : std::nullopt;
  }
  /// The payloads of the replies that leave, with the ID that they are for.
  std::vector<std::pair<std::uint64_t, std::string>> replies(Timestamp now) {
    std::vector<std::pair<std::uint64_t, std::string>> seen;
    while (const auto sent = responder_.poll_transmit(now, buffer_)) {
      const ReplyView view = holler_codec().decode_reply(Bytes{buffer_}.first(sent->bytes));
      if (view.kind == ReplyKind::reply) seen.emplace_back(view.id, text_of(view.payload));
    }
    return seen;
  }

  SeededRandom random_{1};
  Responder responder_{{&holler_codec()}, random_};
  ByteVector buffer_ = ByteVector(65'507);
  Timestamp now_{1h};
};

TEST_F(ReplyThatWaits, IsNotSentEmptyOnceItsRequestIsHandedOutAgain) {
  const auto first = receive(now_, 7);
  ASSERT_TRUE(first && responder_.reply(now_, *first, bytes_of("answer")));
  now_ += 3min;
  responder_.handle_timeout(now_);
  ASSERT_EQ(responder_.remembered_requests(), 0U);
  const auto second = receive(now_, 7);
  ASSERT_TRUE(second) << "a copy that comes after two minutes is new";
  EXPECT_TRUE(replies(now_).empty());
  ASSERT_TRUE(responder_.reply(now_, *second, bytes_of("answer")));
  EXPECT_EQ(replies(now_), (std::vector<std::pair<std::uint64_t, std::string>>{{7, "answer"}}));
}

TEST_F(ReplyThatWaits, IsNotSentAsTheReplyToAnotherRequestOfTheSameNumber) {
  const auto first = receive(now_, 7);
  ASSERT_TRUE(first && responder_.reply(now_, *first, bytes_of("one")));
  now_ += 3min;
  responder_.handle_timeout(now_);
  const auto second = receive(now_, 8);
  ASSERT_TRUE(second && responder_.reply(now_, *second, bytes_of("two")));
  EXPECT_EQ(replies(now_), (std::vector<std::pair<std::uint64_t, std::string>>{{8, "two"}}));
}

TEST_F(ReplyThatWaits, OfASlowHandlerDoesNotAnswerAnotherRequestOfTheSameNumber) {
  const auto slow = receive(now_, 7);
  ASSERT_TRUE(slow);
  now_ += 3min;
  responder_.handle_timeout(now_);
  const auto second = receive(now_, 8);
  ASSERT_TRUE(second && responder_.reply(now_, *slow, bytes_of("one")));
  EXPECT_FALSE(receive(now_, 8)) << "it is at work";
  EXPECT_TRUE(replies(now_).empty());
}

}  // namespace
}  // namespace holler
