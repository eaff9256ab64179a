#include <gtest/gtest.h>
#include <limits>
#include <map>

#include "holler/random.hpp"

#include "core/number_ring.hpp"

namespace holler {
namespace {

TEST(NumberRingModel, FindsWhatIsOutstandingAndNothingElse) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random{seed};
    NumberRing ring;
    std::map<std::uint64_t, std::uint32_t> model;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
      if (random.below(100) < 52 || model.empty()) {
        const std::uint64_t number = ring.add(step);
        ASSERT_FALSE(model.contains(number));
        model[number] = step;
      } else {
        const std::uint64_t span = ring.next() - ring.done_below();
        const std::uint64_t number = ring.done_below() + random.below(span);
        ring.remove(number);
        model.erase(number);
      }
      ASSERT_EQ(ring.done_below(), model.empty() ? ring.next() : model.begin()->first);
      const std::uint64_t probe = random.below(ring.next() + 10);
      const auto found = ring.find(probe);
      ASSERT_EQ(found.has_value(), model.contains(probe)) << probe;
      if (found) {
        ASSERT_EQ(*found, model[probe]);
      }
    }
  }
}

TEST(NumberRingModel, NumbersFromAForgerFindNothing) {
  NumberRing ring;
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, kMost}) {
    EXPECT_FALSE(ring.find(number));
    ring.remove(number);
  }
  EXPECT_EQ(ring.add(7), 1U);
  EXPECT_EQ(ring.find(1), 7U);
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{5}, kMost}) {
    EXPECT_FALSE(ring.find(number));
    ring.remove(number);
  }
  EXPECT_EQ(ring.find(1), 7U);
}

TEST(NumberRingModel, OneThatNeverEndsFillsItAtItsSpan) {
  NumberRing ring;
  const std::uint64_t oldest = ring.add(1);
  while (!ring.full()) ring.remove(ring.add(2));
  EXPECT_EQ(ring.next() - ring.done_below(), NumberRing::kSpanMax);
  EXPECT_EQ(ring.find(oldest), 1U);
  ring.remove(oldest);
  EXPECT_FALSE(ring.full());
  EXPECT_EQ(ring.done_below(), ring.next());
}

}  // namespace
}  // namespace holler
