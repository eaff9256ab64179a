#include <gtest/gtest.h>
#include <limits>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// A `backoff_max` of 0 sent a request again without a pause until its deadline; a jitter above 100 % gave
// waits below zero, with the same effect; a first wait "for ever" overflowed when a server said "working".

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};

/// Transmissions in 2 s of silence, or in 2 s of "working" for each, of a request with these options.
std::uint32_t transmissions(const RequestOptions& options, bool working) {
  SeededRandom random{1};
  Requester requester{holler_codec(), random};
  Timestamp now{1h};
  EXPECT_EQ(requester.start(now, kServer, bytes_of("x"), options).status, StartStatus::started);
  ByteVector buffer(65'507);
  ByteVector note(200);
  std::uint32_t count = 0;
  while (requester.outstanding() != 0 && count < 10'000) {
    while (const auto transmit = requester.poll_transmit(now, buffer)) {
      EXPECT_GE(transmit->wait, Duration::zero());
      if (++count >= 10'000) break;
      if (!working) continue;
      const RequestView sent = holler_codec().decode_request(Bytes{buffer}.first(transmit->bytes));
      const auto size = holler_codec().encode_reply_header({.kind = ReplyKind::working,
                                                            .number = sent.number,
                                                            .id = sent.id,
                                                            .attempt = sent.attempt,
                                                            .retry_after = 1s},
                                                           note);
      EXPECT_TRUE(requester.handle_datagram(now, {.from = kServer, .bytes = Bytes{note}.first(*size)}).used);
    }
    const Timestamp next = requester.next_timeout();
    EXPECT_GE(next, now);
    if (next > Timestamp{1h + 2s}) break;
    now = next;
    requester.handle_timeout(now);
    while (requester.poll_event()) {
    }
  }
  return count;
}

TEST(StrangeWaits, NeverSpin) {
  const std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  for (const bool working : {false, true}) {
    for (const Duration backoff_max : {Duration{-1s}, Duration{0}, Duration{1ns}, Duration{60s}, kForever}) {
      for (const Duration first_wait : {Duration{-1s}, Duration{0}, Duration{1ns}, kForever}) {
        for (const Ratio jitter : {percent(0), percent(25), percent(300), Ratio{most, 1}, Ratio{1, 0}}) {
          const RequestOptions options{
              .deadline = 100s, .first_wait = first_wait, .backoff_max = backoff_max, .jitter = jitter};
          const std::uint32_t count = transmissions(options, working);
          EXPECT_LE(count, 4100U) << first_wait.count() << ' ' << backoff_max.count() << ' ' << jitter.part
                                  << '/' << jitter.whole << (working ? " working" : " silent");
          EXPECT_GE(count, 1U);
        }
      }
    }
  }
}

}  // namespace
}  // namespace holler
