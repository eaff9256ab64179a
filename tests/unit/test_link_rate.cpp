#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "holler/link.hpp"

/// The rate of a link, its queue and its MTU, to the nanosecond and to the datagram.
namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1h};

class LinkRate : public testing::Test {
 protected:
  /// When a packet that is sent at `sent` arrives; nothing for one that is lost.
  std::optional<Duration> arrives(std::size_t bytes, Duration sent = 0ns) {
    const Passage passage = link.carry(kStart + sent, bytes, random);
    if (passage.count == 0) return std::nullopt;
    return passage.at[0].when - kStart;
  }
  Loss loses(std::size_t bytes, Duration sent = 0ns) { return link.carry(kStart + sent, bytes, random).loss; }

  SeededRandom random{1};
  Link link;
};

TEST_F(LinkRate, TakesTheTimeOfEveryBitWithHeaders) {
  link.settings = {.delay = 20ms, .rate = 1'000'000};
  // 97 bytes and the 28 of IPv4 and UDP are 1000 bits: a millisecond.
  EXPECT_EQ(arrives(packet_bytes(Address::loopback_v4(), 97)), 21ms);
  EXPECT_EQ(arrives(packet_bytes(Address::loopback_v6(), 77), 1s), 1021ms);
}

TEST_F(LinkRate, SendsOneAfterTheOther) {
  link.settings = {.rate = 1'000'000};
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(arrives(125), i * 1ms);
  EXPECT_EQ(arrives(125, 10ms), 11ms);
  EXPECT_EQ(arrives(125, 20ms), 21ms);  // idle since 11 ms
}

TEST_F(LinkRate, LosesNoFractionOfANanosecondOverManyDatagrams) {
  link.settings = {.rate = 3'000'000'000, .queue_datagrams_max = 3000};
  Duration last{};
  // 60 bytes are 160 ns at 3 Gbit/s; 61 are 162 2/3.
  for (int i = 0; i < 3000; ++i) last = arrives(61).value_or(0ns);
  EXPECT_EQ(last, 3000 * 488ns / 3);
}

TEST_F(LinkRate, TakesAnOddRateToTheNanosecond) {
  link.settings = {.rate = 7};
  EXPECT_EQ(arrives(1), 1'142'857'142ns);
  EXPECT_EQ(arrives(1), 2'285'714'285ns);
  EXPECT_EQ(arrives(5), 8'000'000'000ns);  // 56 bits
}

TEST_F(LinkRate, ChangesForWhatComesAfterwardsAndLeavesWhatWasTaken) {
  link.settings = {.rate = 1'000'000};
  EXPECT_EQ(arrives(125), 1ms);
  EXPECT_EQ(arrives(125), 2ms);
  link.settings.rate = 2'000'000;
  EXPECT_EQ(arrives(125), 2500us);
  link.settings.rate = 0;
  EXPECT_EQ(arrives(125), 0ms);  // without a rate there is no queue to wait in
}

TEST_F(LinkRate, DropsFromTheTailWhenTooManyWait) {
  link.settings = {.rate = 1'000'000, .queue_datagrams_max = 3};
  EXPECT_EQ(arrives(125), 1ms);  // this one is being sent
  for (int i = 2; i <= 4; ++i) EXPECT_EQ(arrives(125), i * 1ms);
  EXPECT_EQ(link.queued(kStart), 3U);
  EXPECT_EQ(loses(125), Loss::queue_full);
  EXPECT_EQ(loses(125, 1ms - 1ns), Loss::queue_full);
  EXPECT_EQ(arrives(125, 1ms), 5ms);  // the second one's turn has come
  EXPECT_EQ(loses(125, 1ms), Loss::queue_full);
  EXPECT_EQ(link.queued(kStart + 4ms), 0U);
}

TEST_F(LinkRate, DropsFromTheTailWhenTooManyBytesWait) {
  link.settings = {.rate = 1'000'000, .queue_bytes_max = 250};
  EXPECT_EQ(arrives(125), 1ms);
  EXPECT_EQ(arrives(125), 2ms);
  EXPECT_EQ(loses(126), Loss::queue_full);
  EXPECT_EQ(arrives(125), 3ms);
  EXPECT_EQ(loses(1), Loss::queue_full);
  EXPECT_EQ(loses(126, 1ms), Loss::queue_full);
  EXPECT_EQ(arrives(125, 1ms), 4ms);
}

TEST_F(LinkRate, SendsWhatIsLargerThanItsQueueIfNothingIsInTheWay) {
  link.settings = {.rate = 1'000'000, .queue_datagrams_max = 0, .queue_bytes_max = 0};
  EXPECT_EQ(arrives(1250), 10ms);
  EXPECT_EQ(loses(1, 10ms - 1ns), Loss::queue_full);
  EXPECT_EQ(arrives(1250, 10ms), 20ms);
}

// Against a plain list of when each one's turn comes: the ring grows, wraps and empties.
TEST_F(LinkRate, CountsWhatWaitsAsAListWould) {
  link.settings = {.rate = 8'000'000, .queue_datagrams_max = 50};  // a byte takes a microsecond
  SeededRandom sizes{3};
  std::vector<Duration> turns;
  Duration free{};
  Duration now{};
  std::size_t lost = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += sizes.between(0us, 250us);
    const std::size_t bytes = 28 + sizes.below(200);
    std::erase_if(turns, [&](Duration turn) { return turn <= now; });
    ASSERT_EQ(link.queued(kStart + now), turns.size());
    const bool fits = free <= now || turns.size() < 50;
    if (fits) {
      if (free > now) turns.push_back(free);
      free = std::max(free, now) + std::chrono::microseconds{bytes};
      ASSERT_EQ(arrives(bytes, now), free);
    } else {
      ++lost;
      ASSERT_EQ(loses(bytes, now), Loss::queue_full);
    }
  }
  EXPECT_GT(lost, 100U);
  EXPECT_LT(lost, 10'000U);
}

TEST_F(LinkRate, LosesOnTheWireWhatHasUsedItsTimeThere) {
  link.settings = {.loss = percent(100), .rate = 1'000'000};
  EXPECT_EQ(loses(125), Loss::chance);
  link.settings.loss = {};
  EXPECT_EQ(arrives(125), 2ms);
}

TEST_F(LinkRate, LosesWhatIsLargerThanTheMtuAndSaysWhatFits) {
  link.settings = {.mtu_bytes = 1400};
  EXPECT_EQ(arrives(1400), 0ms);
  const Passage told = link.carry(kStart, 1401, random);
  EXPECT_EQ(told.loss, Loss::too_big);
  EXPECT_EQ(told.path_mtu_bytes, 1400U);
  link.settings.icmp_too_big = false;
  const Passage silent = link.carry(kStart, 1401, random);
  EXPECT_EQ(silent.loss, Loss::too_big);
  EXPECT_EQ(silent.path_mtu_bytes, 0U);
}

TEST_F(LinkRate, GivesWhatIsTooBigNoPlaceInTheQueue) {
  link.settings = {.rate = 1'000'000, .mtu_bytes = 200};
  EXPECT_EQ(loses(1000), Loss::too_big);
  EXPECT_EQ(arrives(125), 1ms);
}

}  // namespace
}  // namespace holler
