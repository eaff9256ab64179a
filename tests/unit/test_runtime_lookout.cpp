#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "runtime/lookout.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1h};

/// A loop that has found a datagram at `now`, and looks every microsecond for the next, which comes `gap`
/// later.
/// @return for how long it has looked
Duration look(Lookout& lookout, Timestamp now, Duration gap) {
  bool looks = lookout.again(now, true);
  Duration looked{};
  while (looks && looked < gap) {
    looked += 1us;
    looks = lookout.again(now + looked, looked >= gap);
  }
  return looked;
}

TEST(Lookout, LooksWhereItPays) {
  Lookout lookout{std::nullopt};
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(look(lookout, kStart, 30us), 30us);
}

TEST(Lookout, SparesMoreAndMoreLooksThatAreInVain) {
  Lookout lookout{std::nullopt};
  std::vector<int> spared_in_a_row;
  int spared = 0;
  for (int i = 0; i < 1600; ++i) {
    const Duration looked = look(lookout, kStart, 1ms);
    if (looked == 0us) {
      ++spared;
      continue;
    }
    // The time of a look begins when nothing was found for the first time.
    EXPECT_EQ(looked, Lookout::kLook + 1us);
    spared_in_a_row.push_back(spared);
    spared = 0;
  }
  const std::vector<int> expected{0, 1, 3, 7, 15, 31, 63, 127, 255, 255, 255, 255, 255};
  EXPECT_EQ(spared_in_a_row, expected);
}

TEST(Lookout, GoesOnLookingAsSoonAsOneLookHasPaid) {
  Lookout lookout{std::nullopt};
  for (int i = 0; i < 600; ++i) static_cast<void>(look(lookout, kStart, 1ms));
  int until_it_looks = 0;
  while (look(lookout, kStart, 30us) == 0us) ++until_it_looks;
  EXPECT_LE(until_it_looks, 255);
  EXPECT_EQ(look(lookout, kStart, 30us), 30us);
}

TEST(Lookout, DoesWhatItIsToldHoweverMuchIsInVain) {
  Lookout patient{200us};
  Lookout asleep{0us};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(look(patient, kStart, 1ms), 201us);
    EXPECT_EQ(look(asleep, kStart, 1us), 0us);
  }
}

TEST(Lookout, DoesNotLookForWhatNobodyExpects) {
  Lookout lookout{1ms};
  EXPECT_FALSE(lookout.again(kStart, false));
  EXPECT_EQ(look(lookout, kStart, 1s), 1001us);
  // A timer or another thread wakes the loop.
  EXPECT_FALSE(lookout.again(kStart + 5ms, false));
}

TEST(Lookout, SparesTheWaitsOfOneQuestionAtATimeAsWell) {
  Lookout lookout{std::nullopt};
  EXPECT_EQ(lookout.begin(), Lookout::kLook);
  lookout.end(false);
  EXPECT_EQ(lookout.begin(), 0us);
  EXPECT_EQ(lookout.begin(), Lookout::kLook);
  lookout.end(true);
  EXPECT_EQ(lookout.begin(), Lookout::kLook);
}

}  // namespace
}  // namespace holler
