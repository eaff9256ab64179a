#include <gtest/gtest.h>

#include "core/reply_cache.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;
using Finding = ReplyCache::Finding;

constexpr Timestamp kNow{1h};
constexpr Address kAsker = Address::loopback_v4();

class ReplyCacheBounds : public testing::Test {
 protected:
  Finding add(std::uint64_t conversation, std::uint64_t number, std::uint64_t done_below = 1,
              Timestamp keep_until = kNow + 1min) {
    return cache_.find_or_add(kNow, {conversation, number}, done_below, number, kAsker, keep_until).finding;
  }
  void answer(std::uint64_t conversation, std::uint64_t number, std::size_t bytes) {
    CachedReply* entry = cache_.find({conversation, number});
    ASSERT_NE(entry, nullptr);
    entry->state = CachedReply::State::replied;
    cache_.store(*entry, ByteVector(bytes));
  }

  SeededRandom random_{1};
  ReplyCache cache_{{.conversations_max = 4, .places_max = 256, .payload_bytes_max = 1000}, random_};
};

TEST_F(ReplyCacheBounds, TakesNoConversationBeyondItsBoundAndForgetsNoneEarly) {
  for (std::uint64_t conversation = 1; conversation <= 4; ++conversation)
    EXPECT_EQ(add(conversation, 1), Finding::fresh);
  EXPECT_EQ(add(5, 1), Finding::full);
  for (std::uint64_t conversation = 1; conversation <= 4; ++conversation)
    EXPECT_EQ(add(conversation, 1), Finding::known);
  cache_.handle_timeout(kNow + 1min);
  EXPECT_EQ(cache_.conversations(), 0U);
  EXPECT_EQ(add(5, 1), Finding::fresh);
}

TEST_F(ReplyCacheBounds, GivesEveryPlaceBackHoweverOftenItIsFilled) {
  std::size_t first_round = 0;
  for (int round = 0; round < 50; ++round) {
    std::size_t taken = 0;
    for (std::uint64_t conversation = 1; conversation <= 6; ++conversation) {
      for (std::uint64_t number = 1; number <= 200; ++number)
        taken += add(conversation, number) == Finding::fresh ? 1U : 0U;
    }
    if (round == 0) first_round = taken;
    EXPECT_EQ(taken, first_round) << "round " << round;
    EXPECT_EQ(cache_.requests(), taken);
    cache_.handle_timeout(kNow + 1min);
    EXPECT_EQ(cache_.requests(), 0U);
  }
  EXPECT_LE(first_round, 256U);
  EXPECT_GE(first_round, 128U);
}

TEST_F(ReplyCacheBounds, AsManyPayloadBytesAsItWasGivenAndNoneAfterwards) {
  for (std::uint64_t number = 1; number <= 10; ++number) {
    ASSERT_EQ(add(1, number), Finding::fresh);
    answer(1, number, 100);
    EXPECT_EQ(cache_.payload_bytes(), 100 * number);
  }
  EXPECT_EQ(add(1, 11), Finding::full);
  EXPECT_EQ(add(2, 1), Finding::full);
  EXPECT_EQ(add(1, 10), Finding::known) << "what it knows, it still knows";
  EXPECT_EQ(add(1, 11, 6), Finding::fresh) << "the asker has declared five of them done";
  EXPECT_EQ(cache_.payload_bytes(), 500U);
  cache_.forget({1, 6});
  EXPECT_EQ(cache_.payload_bytes(), 400U);
  cache_.handle_timeout(kNow + 1min);
  EXPECT_EQ(cache_.payload_bytes(), 0U);
}

TEST_F(ReplyCacheBounds, OneDatagramCannotClaimALargeArray) {
  EXPECT_EQ(add(1, 1'000'000), Finding::full);
  EXPECT_EQ(cache_.conversations(), 0U);
  EXPECT_EQ(add(1, 1), Finding::fresh);
  EXPECT_EQ(add(1, 1'000'000), Finding::full);
  EXPECT_EQ(add(1, ~std::uint64_t{0}), Finding::full);
  EXPECT_EQ(add(1, 60), Finding::fresh) << "a few may be missing";
  EXPECT_EQ(cache_.requests(), 2U);
}

TEST_F(ReplyCacheBounds, WhatIsDoneStaysDoneAndMakesRoom) {
  for (std::uint64_t number = 1; number <= 100'000; ++number) {
    ASSERT_EQ(add(1, number, number), Finding::fresh) << number;
    ASSERT_EQ(cache_.requests(), 1U);
  }
  EXPECT_EQ(add(1, 99'999), Finding::done);
  EXPECT_EQ(add(1, 1), Finding::done);
  EXPECT_EQ(cache_.find({1, 99'999}), nullptr);
  EXPECT_NE(cache_.find({1, 100'000}), nullptr);
}

TEST_F(ReplyCacheBounds, ALeapOfTheDoneMarkClearsEverythingBelow) {
  for (std::uint64_t number = 1; number <= 20; ++number) ASSERT_EQ(add(1, number), Finding::fresh);
  EXPECT_EQ(add(1, 1'000'000, 1'000'000), Finding::fresh);
  EXPECT_EQ(cache_.requests(), 1U);
  for (std::uint64_t number = 1; number <= 20; ++number) EXPECT_EQ(cache_.find({1, number}), nullptr);
}

TEST_F(ReplyCacheBounds, AnotherIdUnderAKnownNumberIsNotThatRequest) {
  ASSERT_EQ(add(1, 1), Finding::fresh);
  EXPECT_EQ(cache_.find_or_add(kNow, {1, 1}, 1, 99, kAsker, kNow + 1min).finding, Finding::wrong_id);
}

TEST_F(ReplyCacheBounds, KeepsAConversationForAsLongAsItsLastCopyAsks) {
  ASSERT_EQ(add(1, 1, 1, kNow + 1min), Finding::fresh);
  ASSERT_EQ(add(1, 1, 1, kNow + 3min), Finding::known);
  ASSERT_EQ(add(1, 2, 1, kNow + 2min), Finding::fresh);
  cache_.handle_timeout(kNow + 1min);
  EXPECT_EQ(cache_.next_timeout(), kNow + 3min);
  cache_.handle_timeout(kNow + 3min - 1ns);
  EXPECT_EQ(cache_.requests(), 2U);
  cache_.handle_timeout(kNow + 3min);
  EXPECT_EQ(cache_.requests(), 0U);
  EXPECT_EQ(cache_.next_timeout(), kNever);
}

TEST_F(ReplyCacheBounds, IsCrowdedFromHalfOfAnyBound) {
  EXPECT_FALSE(cache_.crowded());
  for (std::uint64_t conversation = 1; conversation <= 3; ++conversation)
    ASSERT_EQ(add(conversation, 1), Finding::fresh);
  EXPECT_TRUE(cache_.crowded());
  cache_.handle_timeout(kNow + 1min);
  EXPECT_FALSE(cache_.crowded());
  ASSERT_EQ(add(1, 1), Finding::fresh);
  answer(1, 1, 501);
  EXPECT_TRUE(cache_.crowded());
}

}  // namespace
}  // namespace holler
