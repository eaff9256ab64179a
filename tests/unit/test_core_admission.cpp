#include <gtest/gtest.h>

#include "core/admission.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1h};

/// Datagrams that are read every `gap`, each after having waited for so long; all that may be are taken on.
struct Reader {
  Admission admission{5ms, 1s};
  Timestamp now = kStart;
  int refused = 0;

  void read(int count, Duration gap, Duration waited) {
    for (int i = 0; i < count; ++i) {
      admission.on_read(now += gap, waited);
      if (admission.refuses()) {
        ++refused;
      } else {
        admission.on_admitted();
      }
    }
  }
};

TEST(Admission, TakesOnWhatComesAfterAShortWaitAndAfterALongPause) {
  Reader reader;
  reader.read(1000, 1ms, 5ms);
  reader.read(1, 1h, 1h);  // the server was stopped, and finds what came meanwhile
  reader.read(20, 1ms, 1h);
  EXPECT_EQ(reader.refused, 0);
}

TEST(Admission, TurnsThreeOfFourAwayWhileEveryDatagramHasWaited) {
  Reader reader;
  reader.read(2000, 100us, 50ms);
  ASSERT_TRUE(reader.admission.overloaded());
  reader.refused = 0;
  reader.read(1000, 100us, 50ms);
  EXPECT_EQ(reader.refused, 750);
}

TEST(Admission, ADatagramThatHasNotWaitedIsTakenOnAlsoUnderOverloadWhichEndsAfterAnIntervalOfThem) {
  Reader reader;
  reader.read(2000, 100us, 50ms);
  ASSERT_TRUE(reader.admission.overloaded());
  reader.refused = 0;
  reader.read(900, 100us, 1ms);
  EXPECT_EQ(reader.refused, 0);
  EXPECT_TRUE(reader.admission.overloaded());
  reader.read(200, 100us, 1ms);
  EXPECT_FALSE(reader.admission.overloaded());
}

TEST(Admission, AServerThatIsSlowForEachRequestMayHaveAQueueOfSome) {
  Reader reader;
  reader.read(100, 50ms, 1500ms);  // 30 requests of 50 ms wait
  EXPECT_EQ(reader.admission.service(), 50ms);
  EXPECT_EQ(reader.refused, 0);
  reader.read(100, 50ms, 1700ms);
  EXPECT_GT(reader.refused, 0);
}

TEST(Admission, AsksThoseWhomItTurnsAwayBackOneByOneWithinAQuarterOfWhatItCanDo) {
  Reader reader;
  reader.read(2000, 1ms, 50ms);
  // One in four is taken on, so that a request takes 4 ms as far as the server can tell.
  const Duration each = 4 * reader.admission.service();
  EXPECT_GE(each, 4ms);
  Duration last = reader.admission.rest(reader.now, 10s);
  EXPECT_EQ(last, 1s);
  for (int i = 0; i < 100; ++i) {
    const Duration rest = reader.admission.rest(reader.now, 10s);
    EXPECT_EQ(rest, last + each);
    last = rest;
  }
}

TEST(Admission, WhoGivesUpBeforeItsTurnTakesNobodysAndNobodyRestsForMoreThanHalfAMinute) {
  Reader reader;
  reader.read(2000, 1ms, 50ms);
  const Duration first = reader.admission.rest(reader.now, 100ms);
  EXPECT_EQ(reader.admission.rest(reader.now, 100ms), first);
  Duration longest{};
  for (int i = 0; i < 100'000; ++i) longest = std::max(longest, reader.admission.rest(reader.now, kForever));
  EXPECT_EQ(longest, 30s);
}

TEST(Admission, IsOffWithoutAStandingWait) {
  Reader reader{.admission = Admission{0ms, 1s}};
  reader.read(5000, 1ms, 1h);
  EXPECT_EQ(reader.refused, 0);
}

}  // namespace
}  // namespace holler
