#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "holler/random.hpp"

#include "cli/latency_histogram.hpp"

namespace holler::cli {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr Ratio kHalf{1, 2};

TEST(LatencyHistogram, SaysNothingOfNothing) {
  const LatencyHistogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.shortest(), Duration::zero());
  EXPECT_EQ(none.longest(), Duration::zero());
  EXPECT_EQ(none.percentile(kHalf), Duration::zero());
}

TEST(LatencyHistogram, HoldsOneOfAnyLengthWithinOnePercent) {
  for (Duration length{0}; length < hours{24 * 365}; length = length * 11 / 10 + Duration{1}) {
    LatencyHistogram one;
    one.add(length);
    one.add(length * 2);  // so that the bucket's end is not cut off at the longest
    EXPECT_GE(one.percentile(kHalf), length);
    EXPECT_LE(one.percentile(kHalf), length + length / 100);
    EXPECT_EQ(one.shortest(), length);
    EXPECT_EQ(one.longest(), length * 2);
  }
}

TEST(LatencyHistogram, HasThePercentilesOfTheSortedList) {
  SeededRandom random{7};
  LatencyHistogram histogram;
  std::vector<Duration> list;
  for (int i = 0; i < 10001; ++i) {
    // Of every order of magnitude alike.
    list.emplace_back(static_cast<std::int64_t>(random.next() >> (20 + random.below(40))));
    histogram.add(list.back());
  }
  std::ranges::sort(list);
  for (std::uint32_t part = 1; part <= 1000; ++part) {
    const std::size_t rank = (list.size() * part + 999) / 1000;
    const Duration exact = list[rank - 1];
    const Duration found = histogram.percentile({part, 1000});
    EXPECT_GE(found, exact) << part;
    EXPECT_LE(found, exact + exact / 100) << part;
  }
  EXPECT_EQ(histogram.percentile({1, 1}), list.back());
  EXPECT_EQ(histogram.shortest(), list.front());
}

TEST(LatencyHistogram, TakesLessThanNothingForNothing) {
  LatencyHistogram histogram;
  histogram.add(Duration{-5});
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.longest(), Duration::zero());
}

TEST(LatencyHistogram, GivesItsBucketsInOrderAndCompletely) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(microseconds{i});
  std::uint64_t sum = 0;
  Duration before{-1};
  histogram.for_each([&](Duration longest, std::uint64_t count) {
    EXPECT_GT(longest, before);
    EXPECT_GT(count, 0U);
    before = longest;
    sum += count;
  });
  EXPECT_EQ(sum, 1000U);
}

TEST(LatencyHistogram, LeavesWhatIsNewWhenAnEarlierCopyIsTakenAway) {
  LatencyHistogram histogram;
  for (int i = 0; i < 100; ++i) histogram.add(microseconds{1});
  const LatencyHistogram earlier{histogram};
  for (int i = 0; i < 10; ++i) histogram.add(microseconds{500});
  EXPECT_EQ(earlier.count(), 100U);
  LatencyHistogram news{histogram};
  news.subtract(earlier);
  EXPECT_EQ(news.count(), 10U);
  EXPECT_GE(news.percentile(kHalf), nanoseconds{500'000});
  EXPECT_LE(news.percentile(kHalf), nanoseconds{505'000});
  news.subtract(news);
  EXPECT_EQ(news.count(), 0U);
  EXPECT_EQ(news.longest(), Duration::zero());
}

}  // namespace
}  // namespace holler::cli
