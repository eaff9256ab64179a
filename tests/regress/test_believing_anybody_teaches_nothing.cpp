#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// A datagram that only `promiscuous` took for the answer used to give its asker a network time, a server time
// of 0, and a sample of the peer's round-trip time: a stranger could set the waits toward a peer.

namespace holler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BelievingAnybody, TeachesNothingOfThePeer) {
  SeededRandom random{1};
  const Endpoint peer{Address::v4(192, 0, 2, 2), 1060};
  const Endpoint stranger{Address::v4(203, 0, 113, 5), 666};
  const Timestamp start{seconds{1}};
  for (const Codec* codec : {&holler_codec(), &plain_codec()}) {
    Requester requester{*codec, random};
    ByteVector buffer(65536);
    ASSERT_EQ(requester.start(start, peer, bytes_of("?"), {.promiscuous = true}).status,
              StartStatus::started);
    ASSERT_TRUE(requester.poll_transmit(start, buffer));
    const Verdict verdict =
        requester.handle_datagram(start + milliseconds{1}, {.from = stranger, .bytes = bytes_of("FAKE")});
    EXPECT_EQ(verdict.used, ReplyKind::reply);
    const auto event = requester.poll_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->outcome, Outcome::answered);
    EXPECT_EQ(event->from, stranger);
    EXPECT_FALSE(event->rtt);
    EXPECT_FALSE(event->hold);
    const auto memory = requester.recall(peer);
    EXPECT_FALSE(memory && memory->srtt);
  }
}

}  // namespace
}  // namespace holler
