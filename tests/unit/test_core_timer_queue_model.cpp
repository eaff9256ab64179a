#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "holler/random.hpp"

#include "core/timer_queue.hpp"

namespace holler {
namespace {

/// What `next` says once it has been taken at its word, as a loop of events takes it. Each time there must be
/// nothing to do, and a later time; and not more often than there are buckets.
Timestamp next_in_the_end(TimerQueue& queue, Timestamp least) {
  constexpr int kLooksMax = 6 * 256;
  Timestamp next = queue.next();
  for (int looks = 0; next < least; ++looks) {
    EXPECT_LT(looks, kLooksMax);
    EXPECT_FALSE(queue.pop_due(next));
    const Timestamp before = std::exchange(next, queue.next());
    EXPECT_GT(next, before);
    if (testing::Test::HasFailure()) break;
  }
  return next;
}

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

/// A time somewhere after `now`: soon, late, or in another age.
Timestamp some_time(SeededRandom& random, Timestamp now) {
  const std::uint64_t bits = random.below(62);
  return later(now, Duration{static_cast<std::int64_t>(random.below(std::uint64_t{1} << bits))});
}

TEST(TimerQueueModel, DoesWhatAMapWouldDoForManyTimersOfEveryLength) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    TimerQueue queue;
    std::map<std::uint32_t, Timestamp> model;
    std::set<std::pair<Timestamp, std::uint32_t>> order;
    Timestamp now{Duration{static_cast<std::int64_t>(random.below(std::uint64_t{1} << 40U)) - (1LL << 39U)}};
    const std::uint64_t slots = 300 + random.below(3000);
    const auto forget = [&](std::uint32_t slot) {
      if (const auto known = model.find(slot); known != model.end()) {
        order.erase({known->second, slot});
        model.erase(known);
      }
    };
    for (int step = 0; step < 20'000; ++step) {
      const auto slot = static_cast<std::uint32_t>(random.below(slots));
      const std::uint64_t what = random.below(20);
      if (what < 12) {
        const Timestamp when = what == 0 ? now - Duration{5} : some_time(random, now);
        queue.set(slot, when);
        forget(slot);
        if (when != kNever) {
          model.emplace(slot, when);
          order.emplace(when, slot);
        }
      } else if (what < 15) {
        queue.remove(slot);
        forget(slot);
      } else {
        if (what == 19) now = std::min(order.empty() ? now : order.begin()->first, some_time(random, now));
        if (what == 18) now = std::min(some_time(random, now), now + std::chrono::seconds{3});
        while (const auto popped = queue.pop_due(now)) {
          ASSERT_TRUE(model.contains(*popped));
          ASSERT_EQ(model[*popped], order.begin()->first);
          ASSERT_LE(model[*popped], now);
          forget(*popped);
        }
        ASSERT_TRUE(order.empty() || order.begin()->first > now);
      }
      // Not always: looking puts things right.
      if (random.below(4) == 0) {
        const Timestamp least = order.empty() ? kNever : order.begin()->first;
        ASSERT_LE(queue.next(), least);
        if (random.below(2) == 0) {
          ASSERT_EQ(next_in_the_end(queue, least), least);
        }
      }
      ASSERT_EQ(queue.size(), model.size());
    }
    while (!order.empty()) {
      now = order.begin()->first;
      ASSERT_EQ(next_in_the_end(queue, now), now);
      const auto popped = queue.pop_due(now);
      ASSERT_TRUE(popped);
      ASSERT_EQ(model[*popped], now);
      forget(*popped);
    }
    ASSERT_EQ(queue.next(), kNever);
  }
}

TEST(TimerQueueModel, GoesOnWhereManyLongTimersAreFollowedByShortOnes) {
  TimerQueue queue;
  const Timestamp start{std::chrono::hours{1}};
  for (std::uint32_t slot = 0; slot < 1000; ++slot) queue.set(slot, start + std::chrono::minutes{30});
  const Timestamp late = start + std::chrono::minutes{30};
  EXPECT_EQ(next_in_the_end(queue, late), late);
  for (std::uint32_t slot = 1000; slot < 5000; ++slot) {
    queue.set(slot, start + std::chrono::milliseconds{slot});
    const Timestamp soon = start + std::chrono::milliseconds{1000};
    EXPECT_EQ(next_in_the_end(queue, soon), soon);
  }
  for (std::uint32_t slot = 1000; slot < 5000; ++slot) {
    ASSERT_EQ(queue.pop_due(start + std::chrono::minutes{1}), slot);
  }
  EXPECT_EQ(next_in_the_end(queue, late), late);
  EXPECT_EQ(queue.size(), 1000U);
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
