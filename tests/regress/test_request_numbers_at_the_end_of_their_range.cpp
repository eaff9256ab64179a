#include <gtest/gtest.h>
#include <limits>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// The end of a conversation's window was computed by an addition that wrapped: a copy of a request with one
// of the last numbers was handed out again, and the count of remembered requests grew for good.

namespace holler {
namespace {

using namespace std::chrono_literals;

TEST(RequestNumbersAtTheEndOfTheirRange, AreHandedOutOnceLikeAnyOther) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  SeededRandom random{1};
  Responder responder{{&holler_codec()}, random};
  const Endpoint asker{Address::v4(10, 0, 0, 2), 40'000};
  const Endpoint server{Address::v4(10, 0, 0, 1), 1060};
  Timestamp now{1h};
  unsigned handed_out = 0;
  for (int copy = 0; copy < 3; ++copy) {
    for (const std::uint64_t number : {kMost, kMost - 1, kMost - 2}) {
      ByteVector datagram(100);
      const RequestStamp stamp{
          .conversation = 5, .number = number, .done_below = kMost - 3, .id = number, .time_left = 10s};
      datagram.resize(holler_codec().encode_request(stamp, bytes_of("x"), datagram).value_or(0));
      ASSERT_GT(datagram.size(), 0U);
      static_cast<void>(responder.handle_datagram(now, {.from = asker, .to = server, .bytes = datagram}));
      while (responder.poll_request()) ++handed_out;
    }
  }
  EXPECT_EQ(handed_out, 3U);
  EXPECT_EQ(responder.remembered_requests(), 3U);
  now += 1h;
  responder.handle_timeout(now);
  EXPECT_EQ(responder.remembered_requests(), 0U);
}

}  // namespace
}  // namespace holler
