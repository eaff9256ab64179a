#include <gtest/gtest.h>

#include "net/arrival_clock.hpp"

// The kernel stamps what arrives with the wall clock. When that was stepped by an hour, what lay in the
// receive buffer seemed to have waited for an hour: its asker seemed to have given up, and the server to be
// overloaded.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp at(Duration since_start) { return Timestamp{1000h} + since_start; }
constexpr Duration wall(Duration since_start, Duration step = {}) { return 400'000h + since_start + step; }

TEST(ArrivalClock, SaysHowLongADatagramWaited) {
  ArrivalClock clock;
  clock.on_read(at(10ms), wall(10ms), true);
  EXPECT_EQ(clock.waited(wall(3ms)), 7ms);
  clock.on_read(at(20ms), wall(20ms), true);
  EXPECT_EQ(clock.waited(wall(20ms)), 0ms);
  EXPECT_EQ(clock.waited(wall(21ms)), 0ms);
}

TEST(ArrivalClock, IsNotMisledByAWallClockThatIsSteppedEitherWay) {
  for (const Duration step : {1h, -1h}) {
    ArrivalClock clock;
    clock.on_read(at(0s), wall(0s), true);
    clock.on_read(at(10ms), wall(10ms, step), true);
    EXPECT_EQ(clock.waited(wall(3ms)), 7ms);        // came before the step
    EXPECT_EQ(clock.waited(wall(8ms, step)), 2ms);  // came after it
    clock.on_read(at(60s), wall(60s, step), true);
    EXPECT_EQ(clock.waited(wall(10s, step)), 50s);  // and a long wait is one
  }
}

TEST(ArrivalClock, RemembersTheTimeBeforeTheStepForAsLongAsMoreIsThereToRead) {
  for (const Duration step : {1h, -1h}) {
    ArrivalClock clock;
    clock.on_read(at(0s), wall(0s), true);
    clock.on_read(at(10ms), wall(10ms, step), false);
    clock.on_read(at(20ms), wall(20ms, step), false);
    EXPECT_EQ(clock.waited(wall(3ms)), 17ms);
    clock.on_read(at(30ms), wall(30ms, step), true);
    EXPECT_EQ(clock.waited(wall(3ms)), 27ms);
  }
}

}  // namespace
}  // namespace holler
