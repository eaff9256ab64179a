#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// A verified asker could have the whole reply sent to any address, by repeating its request from there: the
// proof, and the bytes that count toward three times as many, belonged to the request, not to the address.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{1h};
constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};
constexpr Endpoint kAttacker{Address::v4(10, 0, 0, 2), 40'000};
constexpr Endpoint kVictim{Address::v4(10, 0, 0, 3), 40'000};

class AmplificationCredit : public testing::Test {
 protected:
  ByteVector request(Bytes cookie) {
    ByteVector datagram(200);
    const RequestStamp stamp{
        .conversation = 1, .number = 1, .done_below = 1, .id = 7, .time_left = 10s, .cookie = cookie};
    datagram.resize(holler_codec().encode_request(stamp, bytes_of("big, please"), datagram).value_or(0));
    return datagram;
  }
  /// Hands a datagram in; answers what is new with 10,000 bytes.
  void receive(const Endpoint& from, Bytes datagram) {
    static_cast<void>(responder_.handle_datagram(kNow, {.from = from, .to = kServer, .bytes = datagram}));
    while (const auto request = responder_.poll_request())
      responder_.reply(kNow, request->job, ByteVector(10'000));
  }
  /// Bytes sent to `to`, and the last cookie that was sent to anyone.
  std::size_t sent_to(const Endpoint& to, ByteVector* cookie = nullptr) {
    std::size_t sum = 0;
    while (const auto transmit = responder_.poll_transmit(kNow, buffer_)) {
      if (transmit->to == to) sum += transmit->bytes + 28;
      const ReplyView view = holler_codec().decode_reply(Bytes{buffer_}.first(transmit->bytes));
      if (cookie != nullptr && view.kind == ReplyKind::verify) *cookie = copy_of(view.cookie);
    }
    return sum;
  }

  SeededRandom random_{1};
  Responder responder_{{&holler_codec()}, random_};
  ByteVector buffer_ = ByteVector(65'507);
};

TEST_F(AmplificationCredit, AProofOfOneAddressDoesNotCountForAnother) {
  ByteVector cookie;
  receive(kAttacker, request({}));
  sent_to(kAttacker, &cookie);
  receive(kAttacker, request(cookie));
  ASSERT_GT(sent_to(kAttacker), 10'000U);
  const ByteVector spoofed = request(cookie);
  receive(kVictim, spoofed);
  EXPECT_LE(sent_to(kVictim), 3 * (spoofed.size() + 28));
}

TEST_F(AmplificationCredit, BytesFromOneAddressDoNotCountForAnother) {
  const ByteVector datagram = request({});
  static_cast<void>(responder_.handle_datagram(kNow, {.from = kAttacker, .to = kServer, .bytes = datagram}));
  const auto job = responder_.poll_request();
  ASSERT_TRUE(job);
  for (int i = 0; i < 500; ++i) receive(kAttacker, datagram);
  receive(kVictim, datagram);
  ASSERT_TRUE(responder_.reply(kNow, job->job, ByteVector(10'000)));
  EXPECT_LE(sent_to(kVictim), 3 * (datagram.size() + 28));
}

TEST_F(AmplificationCredit, AReplyThatWaitedForTheProofIsCountedAsAnsweredAndNotAsRepeated) {
  ByteVector cookie;
  receive(kAttacker, request({}));
  sent_to(kAttacker, &cookie);
  EXPECT_EQ(responder_.stats().answered, 0U);
  receive(kAttacker, request(cookie));
  const auto transmit = responder_.poll_transmit(kNow, buffer_);
  ASSERT_TRUE(transmit);
  EXPECT_EQ(transmit->kind, ReplyKind::reply);
  EXPECT_FALSE(transmit->repeat);
  EXPECT_EQ(responder_.stats().answered, 1U);
}

}  // namespace
}  // namespace holler
