#include <gtest/gtest.h>
#include <map>

#include "holler/random.hpp"

#include "core/timer_queue.hpp"

namespace holler {
namespace {

TEST(TimerQueueModel, DoesWhatAMapWouldDoForAnyOrderOfCalls) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    TimerQueue queue;
    std::map<std::uint32_t, Timestamp> model;
    for (int step = 0; step < 5000; ++step) {
      const auto slot = static_cast<std::uint32_t>(random.below(50));
      const std::uint64_t what = random.below(10);
      if (what < 6) {
        const Timestamp when{Duration{static_cast<std::int64_t>(random.below(40))}};
        queue.set(slot, when);
        model[slot] = when;
      } else if (what < 8) {
        if (what == 6) {
          queue.remove(slot);
        } else {
          queue.set(slot, kNever);
        }
        model.erase(slot);
      } else {
        const Timestamp now{Duration{static_cast<std::int64_t>(random.below(40))}};
        const auto popped = queue.pop_due(now);
        Timestamp least = kNever;
        for (const auto& [known, when] : model) least = std::min(least, when);
        ASSERT_EQ(popped.has_value(), least <= now);
        if (popped) {
          ASSERT_TRUE(model.contains(*popped));
          ASSERT_EQ(model[*popped], least);
          model.erase(*popped);
        }
      }
      Timestamp least = kNever;
      for (const auto& [known, when] : model) least = std::min(least, when);
      ASSERT_EQ(queue.next(), least);
      ASSERT_EQ(queue.size(), model.size());
    }
  }
}

TEST(TimerQueueModel, HandsOutEverySlotOnceInOrderOfTime) {
  SeededRandom random{3};
  TimerQueue queue;
  std::vector<Timestamp> when(10'000);
  for (std::uint32_t slot = 0; slot < when.size(); ++slot) {
    when[slot] = Timestamp{Duration{static_cast<std::int64_t>(random.below(1000))}};
    queue.set(slot, when[slot]);
  }
  Timestamp last = Timestamp::min();
  std::vector<bool> seen(when.size());
  for (std::size_t i = 0; i < when.size(); ++i) {
    const auto slot = queue.pop_due(Timestamp{Duration{1000}});
    ASSERT_TRUE(slot);
    EXPECT_FALSE(seen[*slot]);
    seen[*slot] = true;
    EXPECT_GE(when[*slot], last);
    last = when[*slot];
  }
  EXPECT_FALSE(queue.pop_due(Timestamp{Duration{1000}}));
  EXPECT_EQ(queue.next(), kNever);
}

}  // namespace
}  // namespace holler
