#include <gtest/gtest.h>
#include <limits>

#include "core/backoff.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

TEST(BackoffBounds, DoublesFromOneSecondToFiveMinutesAndStaysThere) {
  SeededRandom random{1};
  const Backoff backoff{.first = 1s, .cap = 300s, .jitter = percent(0)};
  const std::vector<Duration> expected{1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s, 300s};
  for (std::uint32_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(backoff.interval(i, random), expected[i]) << i;
}

TEST(BackoffBounds, AnyNumberOfDoublingsIsTheCap) {
  SeededRandom random{1};
  const Backoff backoff{.first = 1ns, .cap = 300s, .jitter = percent(0)};
  for (const std::uint32_t doublings : {39U, 61U, 62U, 63U, 64U, 65U, 127U, 128U, kMost}) {
    EXPECT_EQ(backoff.interval(doublings, random), 300s) << doublings;
  }
}

TEST(BackoffBounds, AFirstWaitAboveTheCapIsTheCap) {
  SeededRandom random{1};
  EXPECT_EQ((Backoff{.first = 10s, .cap = 5s, .jitter = percent(0)}.interval(0, random)), 5s);
}

TEST(BackoffBounds, JitterLengthensByAtMostItsPartAndNeverPassesTheCap) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random{seed};
    const Backoff backoff{.first = 1s, .cap = 300s, .jitter = percent(25)};
    for (std::uint32_t i = 0; i < 20; ++i) {
      const Duration wait = backoff.interval(i, random);
      EXPECT_LE(wait, backoff.cap);
      EXPECT_LE(wait, backoff.nominal(i) + backoff.nominal(i) / 4);
      if (i < 8) {  // where 1.25 times the wait is below the cap
        EXPECT_GE(wait, backoff.nominal(i));
      }
    }
  }
}

TEST(BackoffBounds, AskersAtTheCapStayApart) {
  SeededRandom random{1};
  const Backoff backoff{.first = 1s, .cap = 300s, .jitter = percent(25)};
  Duration least = kForever;
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = backoff.interval(30, random);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GT(most - least, 60s);
}

TEST(BackoffBounds, AnyJitterGivesAPositiveWaitWithinTheCap) {
  for (const Ratio jitter : {percent(0), percent(100), percent(300), Ratio{kMost, 1}, Ratio{1, kMost}}) {
    SeededRandom random{1};
    const Backoff backoff{.first = 1s, .cap = 60s, .jitter = jitter};
    for (std::uint32_t i = 0; i < 200; ++i) {
      const Duration wait = backoff.interval(i % 10, random);
      EXPECT_GT(wait, Duration::zero()) << jitter.part << '/' << jitter.whole;
      EXPECT_LE(wait, backoff.cap) << jitter.part << '/' << jitter.whole;
    }
  }
}

TEST(BackoffBounds, WithoutACapNothingOverflows) {
  SeededRandom random{1};
  const Backoff backoff{.first = 1s, .cap = kForever, .jitter = percent(25)};
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_GE(backoff.interval(i, random), 1s) << i;
}

}  // namespace
}  // namespace holler
