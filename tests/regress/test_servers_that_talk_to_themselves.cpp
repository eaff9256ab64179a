#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// A plain datagram with the server's own endpoint as its forged source was answered, to the server itself:
// the answer came as the next request, three million times in seven seconds.

namespace holler {
namespace {

TEST(AServer, DoesNotAnswerItself) {
  const Endpoint server{Address::v4(192, 0, 2, 2), 1060};
  const Endpoint asker{Address::v4(192, 0, 2, 1), 1060};
  const Timestamp now{std::chrono::seconds{1000}};
  SeededRandom random{1};
  Responder responder{{&holler_codec(), &plain_codec()}, random};
  const auto receive = [&](const Endpoint& from) {
    return responder.handle_datagram(now, {.from = from, .to = server, .bytes = bytes_of("hello")});
  };
  const ReceiptResult own = receive(server);
  EXPECT_EQ(own.receipt, Receipt::dropped);
  EXPECT_EQ(own.drop, DropReason::wrong_source);
  EXPECT_FALSE(responder.poll_request());
  EXPECT_EQ(responder.stats().dropped[DropReason::wrong_source], 1U);
  EXPECT_EQ(receive(asker).receipt, Receipt::request);
  EXPECT_TRUE(responder.poll_request());
}

}  // namespace
}  // namespace holler
