#include <algorithm>
#include <array>
#include <cstring>
#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

// Random bytes, thrown at everything that reads what a peer sends. Most are random through and through, and
// some begin like the real thing, so that they get past the first check.

namespace holler {
namespace {

constexpr std::size_t kBytes = 100'000'000;
constexpr std::size_t kDatagramBytesMax = 1500;

/// Calls `use` with datagrams of random sizes and contents, `total` bytes in all.
template <class Use>
std::uint64_t throw_random_bytes(std::uint64_t seed, std::size_t total, Bytes believable, Use&& use) {
  SeededRandom random{seed};
  std::array<std::byte, kDatagramBytesMax> datagram{};
  std::uint64_t thrown = 0;
  for (std::size_t sent = 0; sent < total; ++thrown) {
    const auto size = static_cast<std::size_t>(random.below(kDatagramBytesMax + 1));
    for (std::size_t i = 0; i < size; i += 8) {
      const std::uint64_t drawn = random.next();
      std::memcpy(datagram.data() + i, &drawn, std::min<std::size_t>(8, size - i));
    }
    if (random.chance({1, 2})) {
      const auto kept = std::min<std::size_t>(size, random.below(believable.size() + 1));
      std::copy_n(believable.begin(), kept, datagram.begin());
    }
    use(Bytes{datagram}.first(size));
    sent += std::max<std::size_t>(size, 1);
  }
  return thrown;
}

const Endpoint kAsker{Address::v4(192, 0, 2, 1), 40000};
const Endpoint kServer{Address::v4(192, 0, 2, 2), 1060};

ByteVector holler_request() {
  ByteVector out(100);
  const RequestStamp stamp{.conversation = 1, .number = 3, .done_below = 2, .id = 5, .cookie = {}};
  out.resize(holler_codec().encode_request(stamp, bytes_of("payload"), out).value_or(0));
  return out;
}

TEST(RandomBytes, AreEachCountedByAResponderThatKeepsItsBounds) {
  SeededRandom random{1};
  Responder responder{
      {&holler_codec(), &plain_codec()}, random, {.replies_max = 4096, .reply_bytes_max = 1U << 20U}};
  ByteVector buffer(65536);
  Timestamp now{std::chrono::seconds{1}};
  std::uint64_t handled = 0;
  std::uint64_t declined = 0;
  const ByteVector believable = holler_request();
  const std::uint64_t thrown = throw_random_bytes(7, kBytes, believable, [&](Bytes datagram) {
    now += std::chrono::microseconds{100};
    const ReceiptResult result =
        responder.handle_datagram(now, {.from = kAsker, .to = kServer, .bytes = datagram});
    if (result.receipt == Receipt::declined) ++declined;
    if (const auto request = responder.poll_request()) {
      ++handled;
      ASSERT_TRUE(responder.reply(now, request->job, request->payload));
    }
    while (responder.poll_transmit(now, buffer)) {
    }
    if (responder.next_timeout() <= now) responder.handle_timeout(now);
    ASSERT_LE(responder.remembered_requests(), 4096U);
    ASSERT_LE(responder.remembered_bytes(), (1U << 20U) + kDatagramBytesMax);
    ASSERT_EQ(responder.jobs(), 0U);
  });
  const ResponderStats& stats = responder.stats();
  EXPECT_EQ(stats.received, thrown);
  EXPECT_EQ(stats.requests, handled);
  // Every datagram was a request, a copy of one, declined, or dropped for a reason.
  const std::uint64_t dropped_replies = stats.dropped[DropReason::amplification];
  EXPECT_EQ(stats.requests + stats.repeated + declined + stats.dropped.total() - dropped_replies, thrown);
  EXPECT_GT(stats.dropped[DropReason::malformed], 0U);
  EXPECT_GT(stats.dropped[DropReason::unknown_version], 0U);
  EXPECT_GT(stats.dropped[DropReason::unknown_type], 0U);
}

TEST(RandomBytes, NeverAnswerARequesterAndAreEachCounted) {
  for (const Codec* codec : {&holler_codec(), &dns_codec()}) {
    SeededRandom random{2};
    Requester requester{*codec, random};
    const Timestamp now{std::chrono::seconds{1}};
    const ByteVector query = dns::encode_query({.name = dns::Name::parse("guinness.example").value()});
    ASSERT_EQ(requester.start(now, kServer, query, {.deadline = std::chrono::hours{24}}).status,
              StartStatus::started);
    ByteVector buffer(65536);
    const auto sent = requester.poll_transmit(now, buffer);
    ASSERT_TRUE(sent);
    // An answer's beginning, with everything right but the ID.
    ByteVector believable;
    if (codec == &holler_codec()) {
      believable.resize(100);
      const ReplyStamp stamp{.kind = ReplyKind::working, .number = 1, .id = 1, .attempt = 1, .cookie = {}};
      believable.resize(holler_codec().encode_reply_header(stamp, believable).value_or(0));
      const ByteVector another = believable;  // so that it may go on
      believable.insert(believable.end(), another.begin(), another.end());
    } else {
      believable = copy_of(Bytes{buffer}.first(sent->bytes));
      believable.at(0) ^= std::byte{0x55};
      believable.at(2) |= std::byte{0x80};
    }
    const std::uint64_t thrown = throw_random_bytes(9, kBytes / 2, believable, [&](Bytes datagram) {
      const Verdict verdict = requester.handle_datagram(now, {.from = kServer, .bytes = datagram});
      ASSERT_FALSE(verdict.used);
    });
    EXPECT_EQ(requester.stats().received, thrown);
    EXPECT_EQ(requester.stats().dropped.total(), thrown);
    EXPECT_GT(requester.stats().dropped[DropReason::wrong_id], 0U) << codec->traits().name;
    EXPECT_GE(requester.stats().alarms, 1U);
    EXPECT_EQ(requester.outstanding(), 1U);
  }
}

}  // namespace
}  // namespace holler
