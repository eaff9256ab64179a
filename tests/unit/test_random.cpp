#include <gtest/gtest.h>

#include "holler/random.hpp"

namespace holler {
namespace {

TEST(SeededRandom, GivesTheSameNumbersForTheSeedOnEveryMachine) {
  SeededRandom random{42};
  EXPECT_EQ(random.next(), 1546998764402558742U);
  EXPECT_EQ(random.next(), 6990951692964543102U);
  EXPECT_EQ(random.next(), 12544586762248559009U);
}

TEST(RandomSource, KeepsBelowItsLimitAndReachesEveryValue) {
  SeededRandom random{7};
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen.at(random.below(6));
  for (const int count : seen) {
    EXPECT_GT(count, 800);
    EXPECT_LT(count, 1200);
  }
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(RandomSource, DrawsDurationsBetweenBothEndsIncluded) {
  SeededRandom random{7};
  bool low = false;
  bool high = false;
  for (int i = 0; i < 200; ++i) {
    const Duration drawn = random.between(Duration{3}, Duration{5});
    EXPECT_GE(drawn, Duration{3});
    EXPECT_LE(drawn, Duration{5});
    low = low || drawn == Duration{3};
    high = high || drawn == Duration{5};
  }
  EXPECT_TRUE(low && high);
  EXPECT_EQ(random.between(Duration{5}, Duration{3}), Duration{5});
}

}  // namespace
}  // namespace holler
