#include <array>
#include <bit>
#include <cstdint>
#include <gtest/gtest.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "holler/system.hpp"

// IDs, conversations and lives of servers come from here: nobody must be able to guess them.

namespace holler {
namespace {

constexpr int kNumbers = 100'000;  // of many blocks

TEST(SystemRandom, NeverSaysANumberTwiceNorWhatAnotherSays) {
  SystemRandom one;
  SystemRandom other;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < kNumbers; ++i) {
    EXPECT_TRUE(seen.insert(one.next()).second);
    EXPECT_TRUE(seen.insert(other.next()).second);
  }
}

TEST(SystemRandom, SetsEachBitInHalfOfAllNumbers) {
  SystemRandom random;
  std::array<int, 64> set{};
  int neighbours_alike = 0;
  std::uint64_t before = random.next();
  for (int i = 0; i < kNumbers; ++i) {
    const std::uint64_t number = random.next();
    for (std::size_t bit = 0; bit < set.size(); ++bit) set.at(bit) += static_cast<int>(number >> bit & 1U);
    neighbours_alike += 64 - std::popcount(number ^ before);
    before = number;
  }
  // Seven standard deviations, √(n/4) = 158: one run in 10^10 would go astray, for all bits together.
  for (const int count : set) EXPECT_NEAR(count, kNumbers / 2, 7 * 158);
  EXPECT_NEAR(neighbours_alike, 32 * kNumbers, 7 * 8 * 158);
}

TEST(SystemRandom, GivesAForkedChildNumbersOfItsOwn) {
  SystemRandom random;
  (void)random.next();  // there is a block, and more of it to come
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  std::array<std::uint64_t, 2000> numbers{};  // more than the rest of the block, and the next
  for (std::uint64_t& number : numbers) number = random.next();
  if (child == 0) {
    const char* next = reinterpret_cast<const char*>(numbers.data());
    std::size_t left = sizeof numbers;
    while (left > 0) {
      const ssize_t written = ::write(ends[1], next, left);
      if (written <= 0) ::_exit(1);
      next += written;
      left -= static_cast<std::size_t>(written);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::set<std::uint64_t> seen{numbers.begin(), numbers.end()};
  std::array<std::uint64_t, 2000> theirs{};
  std::size_t got = 0;
  while (got < sizeof theirs) {
    const ssize_t more = ::read(ends[0], reinterpret_cast<char*>(theirs.data()) + got, sizeof theirs - got);
    ASSERT_GT(more, 0);
    got += static_cast<std::size_t>(more);
  }
  ::close(ends[0]);
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const std::uint64_t number : theirs) EXPECT_TRUE(seen.insert(number).second);
}

}  // namespace
}  // namespace holler
