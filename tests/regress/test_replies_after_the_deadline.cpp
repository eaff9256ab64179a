#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

// A server used to send a reply that came out after its asker's deadline, to nobody.

namespace holler {
namespace {

using std::chrono::seconds;

TEST(RepliesAfterTheDeadline, AreNotSentAndAreCounted) {
  SeededRandom random{1};
  const Endpoint asker{Address::v4(192, 0, 2, 1), 40000};
  const Endpoint server{Address::v4(192, 0, 2, 2), 1060};
  const Timestamp start{seconds{1}};
  for (const Duration work : {Duration{seconds{3}}, Duration{seconds{5}}}) {
    Requester requester{holler_codec(), random};
    Responder responder{{&holler_codec()}, random};
    ByteVector buffer(65536);
    ASSERT_EQ(requester.start(start, server, bytes_of("?"), {.deadline = seconds{4}}).status,
              StartStatus::started);
    const auto sent = requester.poll_transmit(start, buffer);
    ASSERT_TRUE(sent);
    ASSERT_EQ(
        responder
            .handle_datagram(start, {.from = asker, .to = server, .bytes = Bytes{buffer}.first(sent->bytes)})
            .receipt,
        Receipt::request);
    const auto request = responder.poll_request();
    ASSERT_TRUE(request);
    ASSERT_TRUE(responder.reply(start + work, request->job, bytes_of("!")));
    const bool in_time = work < seconds{4};
    EXPECT_EQ(responder.poll_transmit(start + work, buffer).has_value(), in_time);
    EXPECT_EQ(responder.stats().dropped[DropReason::expired], in_time ? 0U : 1U);
    EXPECT_EQ(responder.jobs(), 0U);
  }
}

}  // namespace
}  // namespace holler
