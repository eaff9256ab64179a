#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "runtime/lookout.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1h};
constexpr auto kTries = static_cast<int>(Lookout::kTries);

/// A loop that has found a datagram.
class Loop {
 public:
  explicit Loop(std::optional<Duration> spin) : lookout_{spin, 0}, looks_{lookout_.again(now_, true)} {}

  /// The next one comes after `gap`; it looks every microsecond, or sleeps.
  /// @return for how long it has looked
  Duration wait(Duration gap) {
    Duration looked{};
    while (looks_ && looked < gap) {
      looked += 1us;
      if (looked < gap) looks_ = lookout_.again(now_ + looked, false);
    }
    now_ += gap;
    looks_ = lookout_.again(now_, true);
    return looked;
  }

 private:
  Timestamp now_ = kStart;
  Lookout lookout_;
  bool looks_;
};

/// How many looks were spared before each row of looks that were not.
std::vector<int> spared_before_each_row(Loop& loop, Duration gap, std::size_t rows, int* longest_row) {
  std::vector<int> spared_in_a_row;
  int spared = 0;
  int row = 0;
  for (int waits = 0; waits < 10'000 && spared_in_a_row.size() < rows; ++waits) {
    if (loop.wait(gap) == 0us) {
      ++spared;
      row = 0;
      continue;
    }
    if (row++ == 0) spared_in_a_row.push_back(spared);
    *longest_row = std::max(*longest_row, row);
    spared = 0;
  }
  return spared_in_a_row;
}

TEST(Lookout, LooksWhereSomethingComesSoon) {
  Loop loop{std::nullopt};
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(loop.wait(20us), 20us);
}

TEST(Lookout, SparesMoreAndMoreLooksThatAreInVain) {
  Loop loop{std::nullopt};
  int row = 0;
  const std::vector<int> expected{0, 1, 3, 7, 15, 31, 63, 127, 255, 255, 255};
  EXPECT_EQ(spared_before_each_row(loop, 1ms, 11, &row), expected);
  EXPECT_EQ(row, 1);
}

TEST(Lookout, LooksInVainForNoLongerThanItMay) {
  Loop loop{std::nullopt};
  // The time begins when nothing was found for the first time.
  EXPECT_EQ(loop.wait(1ms), Lookout::kLook + 1us);
}

TEST(Lookout, TriesAFewTimesWhereSomethingComesLate) {
  Loop loop{std::nullopt};
  int row = 0;
  const std::vector<int> expected{0, 1, 3, 7, 15, 31, 63, 127, 255, 255};
  EXPECT_EQ(spared_before_each_row(loop, 60us, 10, &row), expected);
  EXPECT_EQ(row, kTries);
}

TEST(Lookout, GoesOnOnceWhatItLooksForComesSoon) {
  Loop loop{std::nullopt};
  for (int i = 0; i < 600; ++i) static_cast<void>(loop.wait(1ms));
  int until_it_looks = 0;
  while (until_it_looks < 1000 && loop.wait(60us) == 0us) ++until_it_looks;
  EXPECT_LE(until_it_looks, 255);
  // The other side has been awake for this one, and looks as well.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(loop.wait(10us), 10us);
  // And now it is slow for a few.
  for (int i = 0; i < kTries; ++i) EXPECT_EQ(loop.wait(60us), 60us);
}

TEST(Lookout, OfTwoThatAskAndAnswerEachOtherBothComeToLook) {
  for (std::uint32_t salt = 0; salt < 200; ++salt) {
    Lookout one{std::nullopt, salt};
    Lookout other{std::nullopt, salt + 1};
    int rounds = 0;
    for (int awake = 0; awake < 100 && rounds < 1'000'000; ++rounds) {
      // A gap is short only where the other side is awake as well.
      const Duration mine = one.begin();
      const Duration theirs = other.begin();
      const bool both = mine > 0us && theirs > 0us;
      const Duration gap = both ? 5us : 60us;
      if (mine > 0us) one.end(gap, true);
      if (theirs > 0us) other.end(gap, true);
      awake = both ? awake + 1 : 0;
    }
    EXPECT_LT(rounds, 100'000) << "salt " << salt;
  }
}

TEST(Lookout, DoesWhatItIsToldHoweverMuchIsInVain) {
  Loop patient{200us};
  Loop asleep{0us};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(patient.wait(1ms), 201us);
    EXPECT_EQ(asleep.wait(1us), 0us);
  }
}

TEST(Lookout, DoesNotLookForWhatNobodyExpects) {
  Lookout lookout{1ms, 0};
  EXPECT_FALSE(lookout.again(kStart, false));
  ASSERT_TRUE(lookout.again(kStart, true));
  ASSERT_TRUE(lookout.again(kStart, false));
  EXPECT_FALSE(lookout.again(kStart + 1ms, false));
  // A timer or another thread wakes the loop.
  EXPECT_FALSE(lookout.again(kStart + 5ms, false));
}

}  // namespace
}  // namespace holler
