#include <deque>
#include <gtest/gtest.h>
#include <memory>

#include "holler/random.hpp"

#include "core/fifo.hpp"

namespace holler {
namespace {

TEST(Fifo, BehavesAsADequeThroughGrowthCompactionAndEmptiness) {
  SeededRandom random{7};
  Fifo<std::uint64_t> fifo;
  std::deque<std::uint64_t> model;
  for (int round = 0; round < 20; ++round) {
    // Pushes prevail in even rounds, pops in odd ones, so that it is long at times and often empty.
    const std::uint64_t pushes = round % 2 == 0 ? 6 : 3;
    for (int i = 0; i < 3000; ++i) {
      if (random.below(10) < pushes) {
        const std::uint64_t value = random.next();
        EXPECT_EQ(fifo.push_back(value), value);
        model.push_back(value);
      } else if (!model.empty()) {
        ASSERT_EQ(fifo.front(), model.front());
        ASSERT_EQ(fifo.pop_front(), model.front());
        model.pop_front();
      }
      ASSERT_EQ(fifo.size(), model.size());
      ASSERT_EQ(fifo.empty(), model.empty());
      if (!model.empty()) {
        ASSERT_EQ(fifo.back(), model.back());
      }
    }
  }
}

TEST(Fifo, LetsGoOfWhatWasTakenOut) {
  Fifo<std::shared_ptr<int>> fifo;
  auto first = std::make_shared<int>(1);
  auto second = std::make_shared<int>(2);
  fifo.push_back(first);
  fifo.push_back(second);
  EXPECT_EQ(fifo.pop_front(), first);
  EXPECT_EQ(first.use_count(), 1);
  EXPECT_EQ(second.use_count(), 2);
}

}  // namespace
}  // namespace holler
