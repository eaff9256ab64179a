#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// What went to an address that had proved nothing could pass three times what it had sent: by a "verify"
// behind a reply that had used the limit up, and by a reply and a note to one copy, where another copy had
// come from another address before they were sent. Found by fuzzing.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{1h};
constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};
constexpr Endpoint kVictim{Address::v4(10, 0, 0, 2), 40'000};
constexpr Endpoint kOther{Address::v4(10, 0, 0, 3), 40'000};

class CopiesTogether : public testing::Test {
 protected:
  /// @return what it costs on the wire
  std::size_t receive(const Endpoint& from) {
    ByteVector datagram(100);
    const RequestStamp stamp{.conversation = 1, .number = 1, .done_below = 1, .id = 7, .time_left = 10s};
    datagram.resize(holler_codec().encode_request(stamp, bytes_of("?"), datagram).value_or(0));
    static_cast<void>(responder_.handle_datagram(kNow, {.from = from, .to = kServer, .bytes = datagram}));
    if (const auto request = responder_.poll_request()) job_ = request->job;
    return datagram.size() + 28;
  }
  std::size_t sent_to_victim() {
    std::size_t sum = 0;
    while (const auto sent = responder_.poll_transmit(kNow, buffer_)) {
      if (sent->to == kVictim) sum += sent->bytes + 28;
    }
    return sum;
  }
  bool reply(std::size_t wire) {
    return responder_.reply(kNow, job_, ByteVector(wire - 28 - holler_codec().traits().reply_header_bytes));
  }

  SeededRandom random_{1};
  Responder responder_{{&holler_codec()}, random_};
  ByteVector buffer_ = ByteVector(65'507);
  JobHandle job_;
};

TEST_F(CopiesTogether, GetNoVerifyBehindAReplyThatHasUsedTheLimitUp) {
  std::size_t received = receive(kVictim);
  ASSERT_TRUE(reply(6 * received - 10));
  received += receive(kVictim);
  const std::size_t sent = sent_to_victim();
  EXPECT_GT(sent, 2 * received);
  EXPECT_LE(sent, 3 * received);
  received += receive(kVictim);
  EXPECT_GT(sent_to_victim(), 0U) << "the next copy is told how to get the reply";
}

TEST_F(CopiesTogether, GetNoMoreBecauseAnotherAddressHasSentOneToo) {
  receive(kOther);
  const std::size_t received = receive(kVictim);
  ASSERT_TRUE(reply(3 * received));
  receive(kOther);
  const std::size_t sent = sent_to_victim();
  EXPECT_GT(sent, 0U);
  EXPECT_LE(sent, 3 * received);
}

}  // namespace
}  // namespace holler
