#include <gtest/gtest.h>

#include "holler/random.hpp"

#include "core/admission.hpp"

// A server whose thread gets the processor only now and then reads every question late. It took that for a
// queue that stands, and told even an asker with one question at a time to come back in a second.

namespace holler {
namespace {

using namespace std::chrono_literals;

TEST(StarvedServer, TakesOnAQuestionThatNoOtherOneStandsBehindOrBefore) {
  Admission admission{5ms, 1s};
  SeededRandom random{1};
  Timestamp now{1h};
  for (int question = 0; question < 1000; ++question) {
    now += random.between(10ms, 40ms);  // the answer to the one before, and the way of this one
    const Duration waited = random.between(6ms, 9ms);
    admission.on_read(now, waited);
    ASSERT_FALSE(admission.refuses());
    admission.on_admitted();
  }
  EXPECT_FALSE(admission.overloaded());
}

TEST(StarvedServer, TakesOnTheQuestionsOfAFewThatItReadsTogetherAndThatLeaveNoneBehind) {
  Admission admission{5ms, 1s};
  SeededRandom random{2};
  Timestamp now{1h};
  for (int batch = 0; batch < 1000; ++batch) {
    now += random.between(10ms, 40ms);
    for (int asker = 0; asker < 3; ++asker) {
      admission.on_read(now, random.between(6ms, 9ms));
      ASSERT_FALSE(admission.refuses());
      admission.on_admitted();
    }
  }
  EXPECT_FALSE(admission.overloaded());
}

TEST(StarvedServer, TurnsAwayWhereSomethingAlwaysWaits) {
  Admission admission{5ms, 1s};
  Timestamp now{1h};
  bool refused = false;
  for (int batch = 0; batch < 50; ++batch) {
    now += 10ms;
    for (int asker = 0; asker < 3; ++asker) {
      admission.on_read(now, 12ms);  // it was there when the batch before was read
      refused = refused || admission.refuses();
    }
  }
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace holler
