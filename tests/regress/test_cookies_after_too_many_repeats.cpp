#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// After three repeats at once a further "verify" was dropped with the cookie in it, and the question went on
// with the old one: where the asker's address or the server's key had changed, it was never answered.

namespace holler {
namespace {

using namespace std::chrono_literals;

TEST(Cookies, AreKeptWhenTooManyHaveComeForARepeatAtOnce) {
  constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};
  SeededRandom random{1};
  Requester requester{holler_codec(), random};
  Timestamp now{1h};
  ASSERT_EQ(requester.start(now, kServer, bytes_of("x")).status, StartStatus::started);
  ByteVector buffer(65'507);
  ByteVector note(200);
  std::uint8_t transmissions = 0;
  for (int i = 0; i < 4; ++i) {
    const auto transmit = requester.poll_transmit(now, buffer);
    ASSERT_TRUE(transmit);
    ++transmissions;
    const RequestView sent = holler_codec().decode_request(Bytes{buffer}.first(transmit->bytes));
    const ByteVector cookie(16, std::byte{transmissions});
    const auto size = holler_codec().encode_reply_header({.kind = ReplyKind::verify,
                                                          .number = sent.number,
                                                          .id = sent.id,
                                                          .attempt = sent.attempt,
                                                          .life = 7,
                                                          .cookie = cookie},
                                                         note);
    const Verdict verdict =
        requester.handle_datagram(now, {.from = kServer, .bytes = Bytes{note}.first(size.value_or(0))});
    EXPECT_EQ(verdict.used.has_value(), i < 3);
  }
  EXPECT_EQ(requester.stats().dropped[DropReason::over_limit], 1U);
  EXPECT_FALSE(requester.poll_transmit(now, buffer));  // not at once
  now = requester.next_timeout();
  requester.handle_timeout(now);
  const auto transmit = requester.poll_transmit(now, buffer);
  ASSERT_TRUE(transmit);
  const RequestView sent = holler_codec().decode_request(Bytes{buffer}.first(transmit->bytes));
  EXPECT_TRUE(same_bytes(sent.cookie, ByteVector(16, std::byte{4})));
}

}  // namespace
}  // namespace holler
