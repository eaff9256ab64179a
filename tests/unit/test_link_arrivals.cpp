#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "holler/format.hpp"
#include "holler/link.hpp"

/// When datagrams arrive, how often, and in what state.
namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr int kMany = 100'000;
constexpr Timestamp kStart{1h};

std::vector<Passage> passages(const LinkSettings& settings, int datagrams = kMany) {
  SeededRandom random{1};
  Link link{settings};
  std::vector<Passage> result;
  for (int i = 0; i < datagrams; ++i) result.push_back(link.carry(kStart, 60, random));
  return result;
}

template <class Predicate>
double share(const std::vector<Passage>& passages, Predicate predicate) {
  return static_cast<double>(std::count_if(passages.begin(), passages.end(), predicate)) /
         static_cast<double>(passages.size());
}

/// Four standard deviations of the share of `kMany` independent trials.
double tolerance(double probability) { return 4 * std::sqrt(probability * (1 - probability) / kMany); }

TEST(LinkArrivals, ComeAfterTheDelayExactly) {
  for (const Passage& passage : passages({.delay = 50ms}, 10)) {
    ASSERT_EQ(passage.count, 1U);
    EXPECT_EQ(passage.at[0].when, kStart + 50ms);
  }
}

TEST(LinkArrivals, JitterIsEvenlySpreadAboveTheDelay) {
  double sum = 0;
  Duration least = kForever;
  Duration most{};
  for (const Passage& passage : passages({.delay = 50ms, .jitter = 10ms})) {
    const Duration took = passage.at[0].when - kStart;
    sum += static_cast<double>(took.count());
    least = std::min(least, took);
    most = std::max(most, took);
  }
  EXPECT_GE(least, 50ms);
  EXPECT_LE(most, 60ms);
  EXPECT_LT(least, 50ms + 10us);
  EXPECT_GT(most, 60ms - 10us);
  // The standard deviation of an even spread is its width / sqrt(12).
  EXPECT_NEAR(sum / kMany, 55e6, 4 * 10e6 / std::sqrt(12.0 * kMany));
}

TEST(LinkArrivals, AreTwoForTheAskedShare) {
  const auto all = passages({.delay = 5ms, .duplication = percent(5), .duplication_delay = 2ms});
  EXPECT_NEAR(share(all, [](const Passage& p) { return p.count == 2; }), 0.05, tolerance(0.05));
  for (const Passage& passage : all) {
    ASSERT_GE(passage.count, 1U);
    ASSERT_LE(passage.count, 2U);
    ASSERT_EQ(passage.at[0].when, kStart + 5ms);
    if (passage.count == 2) {
      ASSERT_EQ(passage.at[1].when, kStart + 7ms);
    }
  }
}

TEST(LinkArrivals, AreHeldBackForTheAskedShare) {
  const auto all = passages({.delay = 5ms, .reordering = percent(3), .reordering_delay = 20ms});
  EXPECT_NEAR(share(all, [](const Passage& p) { return p.held_back; }), 0.03, tolerance(0.03));
  for (const Passage& passage : all) {
    ASSERT_EQ(passage.at[0].when, kStart + (passage.held_back ? 25ms : 5ms));
  }
}

TEST(LinkArrivals, AreDamagedForTheAskedShareEachCopyByItself) {
  const auto all = passages({.duplication = percent(100), .corruption = percent(10)});
  const auto first = [](const Passage& p) { return p.at[0].damage != 0; };
  const auto second = [](const Passage& p) { return p.at[1].damage != 0; };
  EXPECT_NEAR(share(all, first), 0.1, tolerance(0.1));
  EXPECT_NEAR(share(all, second), 0.1, tolerance(0.1));
  EXPECT_NEAR(share(all, [&](const Passage& p) { return first(p) && second(p); }), 0.01, tolerance(0.01));
}

TEST(LinkArrivals, NeverExceedWhatAPassageHolds) {
  Passage passage;
  for (int i = 0; i < 10; ++i) passage.arrive({.when = kStart});
  EXPECT_EQ(passage.arrivals().size(), Passage::kArrivalsMax);
}

TEST(LinkArrivals, ComeNeverWhereTimeDoesNotReach) {
  SeededRandom random{1};
  Link link{{.delay = kForever}};
  EXPECT_EQ(link.carry(kStart, 60, random).at[0].when, kNever);
  link.settings = {.delay = kForever,
                   .jitter = kForever,
                   .duplication = percent(100),
                   .duplication_delay = kForever,
                   .reordering = percent(100),
                   .reordering_delay = kForever,
                   .rate = 1};
  for (int i = 0; i < 100; ++i) {
    const Passage passage = link.carry(kStart, 65535, random);
    for (const auto& arrival : passage.arrivals()) EXPECT_EQ(arrival.when, kNever);
  }
}

ByteVector pattern(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

TEST(LinkDamage, ChangesBytesAndNeverTheirNumber) {
  for (const std::size_t size : {1U, 2U, 3U, 4U, 5U, 64U, 1472U}) {
    const ByteVector before = pattern(size);
    for (std::uint64_t how = 1; how <= 500; ++how) {
      ByteVector after = before;
      ASSERT_TRUE(damage(after, how));
      ASSERT_NE(after, before) << size << " bytes, damage " << how;
    }
  }
}

TEST(LinkDamage, ChangesEvenBytesThatAreAllTheSame) {
  const ByteVector before(100);
  for (std::uint64_t how = 1; how <= 500; ++how) {
    ByteVector after = before;
    ASSERT_TRUE(damage(after, how));
    ASSERT_NE(after, before) << "damage " << how;
  }
}

TEST(LinkDamage, IsTheSameForTheSameNumber) {
  ByteVector once = pattern(100);
  ByteVector twice = pattern(100);
  EXPECT_TRUE(damage(once, 4711));
  EXPECT_TRUE(damage(twice, 4711));
  EXPECT_EQ(once, twice);
}

// Written down once, as the fates in test_link_loss.cpp are.
TEST(LinkDamage, IsWhatItAlwaysWas) {
  std::string story;
  for (std::uint64_t how = 1; how <= 8; ++how) {
    ByteVector bytes = pattern(8);
    EXPECT_TRUE(damage(bytes, how));
    for (const std::byte byte : bytes) story += format("{} ", std::to_integer<unsigned>(byte));
    story += '\n';
  }
  EXPECT_EQ(story,
            "1 8 29 36 15 22 43 50 \n"
            "1 8 47 22 29 36 43 50 \n"
            "1 8 15 22 29 36 30 10 \n"
            "1 8 15 22 93 36 43 50 \n"
            "15 22 1 8 29 36 43 50 \n"
            "1 8 15 22 43 50 29 36 \n"
            "1 8 79 22 29 36 43 50 \n"
            "1 8 15 22 29 36 107 50 \n");
}

TEST(LinkDamage, HasNothingToChangeInAnEmptyDatagram) { EXPECT_FALSE(damage({}, 1)); }

std::uint64_t sum_of_words(Bytes bytes) {
  ByteReader reader{bytes};
  std::uint64_t sum = 0;
  while (reader.remaining() >= 2) sum += reader.read<std::uint16_t>();
  return sum;
}

// RFC 1071: the sum of words has no order. So some damage passes a checksum that nobody wrote anew.
TEST(LinkDamage, SometimesIsOneThatTheInternetChecksumCannotSee) {
  const ByteVector before = pattern(100);
  int unseen = 0;
  for (std::uint64_t how = 1; how <= 1000; ++how) {
    ByteVector after = before;
    ASSERT_TRUE(damage(after, how));
    if (sum_of_words(after) == sum_of_words(before)) ++unseen;
  }
  EXPECT_GT(unseen, 150);
  EXPECT_LT(unseen, 400);
}

}  // namespace
}  // namespace holler
