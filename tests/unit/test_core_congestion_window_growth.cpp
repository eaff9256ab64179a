#include <gtest/gtest.h>

#include "core/congestion_window.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1h};

/// One round trip in which the whole window was sent and answered.
void answer_all(CongestionWindow& window) {
  const std::uint32_t sent = window.datagrams();
  for (std::uint32_t i = 0; i < sent; ++i) window.on_answer(sent - i > sent / 2 ? sent : window.datagrams());
}

TEST(CongestionWindowGrowth, DoublesEachRoundTripInSlowStart) {
  CongestionWindow window;
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
  answer_all(window);
  EXPECT_EQ(window.datagrams(), 2 * CongestionWindow::kInitial);
  answer_all(window);
  EXPECT_EQ(window.datagrams(), 4 * CongestionWindow::kInitial);
}

TEST(CongestionWindowGrowth, HalvesOnLossAndThenGrowsByOneEachRoundTrip) {
  CongestionWindow window;
  answer_all(window);
  answer_all(window);
  window.on_loss(kStart, kStart - 100ms);
  EXPECT_EQ(window.datagrams(), 2 * CongestionWindow::kInitial);
  EXPECT_FALSE(window.in_slow_start());
  answer_all(window);
  EXPECT_EQ(window.datagrams(), 2 * CongestionWindow::kInitial + 1);
  answer_all(window);
  EXPECT_EQ(window.datagrams(), 2 * CongestionWindow::kInitial + 2);
}

TEST(CongestionWindowGrowth, LossesOfOneRoundTripAreOneEvent) {
  CongestionWindow window;
  answer_all(window);
  window.on_loss(kStart, kStart - 100ms);
  const std::uint32_t halved = window.datagrams();
  for (int i = 0; i < 50; ++i) window.on_loss(kStart + 1ms * i, kStart - 100ms + 2ms * i);
  EXPECT_EQ(window.datagrams(), halved);
  window.on_answer(halved);
  window.on_loss(kStart + 200ms, kStart + 100ms);
  EXPECT_LT(window.datagrams(), halved);
}

TEST(CongestionWindowGrowth, IsTakenBackWhenAllThatWasGivenUpIsAnsweredLate) {
  CongestionWindow window;
  answer_all(window);
  window.on_loss(kStart, kStart - 100ms);
  window.on_loss(kStart + 1ms, kStart - 99ms);
  const std::uint32_t episode = window.episode();
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
  window.on_heard();
  window.on_late_answer(episode, 1);
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
  window.on_late_answer(episode, 1);
  EXPECT_EQ(window.datagrams(), 2 * CongestionWindow::kInitial);
  EXPECT_TRUE(window.in_slow_start());
  // What is lost of the same flight after all is news.
  window.on_loss(kStart + 2ms, kStart - 98ms);
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
}

TEST(CongestionWindowGrowth, IsTakenBackAsAWholeAfterSilence) {
  CongestionWindow window;
  window.on_loss(kStart, kStart - 100ms);
  window.on_loss(kStart + 200ms, kStart);
  EXPECT_EQ(window.datagrams(), CongestionWindow::kFloor);
  window.on_heard();
  window.on_late_answer(window.episode(), 2);
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
}

TEST(CongestionWindowGrowth, OfAnEarlierEpisodeStaysSmaller) {
  CongestionWindow window;
  window.on_loss(kStart, kStart - 100ms);
  const std::uint32_t earlier = window.episode();
  window.on_heard();
  window.on_loss(kStart + 200ms, kStart + 100ms);
  const std::uint32_t reduced = window.datagrams();
  window.on_late_answer(earlier, 1);
  EXPECT_EQ(window.datagrams(), reduced);
}

TEST(CongestionWindowGrowth, NeverClosesBelowItsFloor) {
  CongestionWindow window;
  Timestamp now = kStart;
  for (int i = 0; i < 100; ++i, now += 1s) {
    window.on_loss(now, now - 1ms);
    EXPECT_GE(window.datagrams(), CongestionWindow::kFloor);
    if (i % 3 == 0) window.on_answer(window.datagrams());
  }
}

TEST(CongestionWindowGrowth, AnUnusedWindowDoesNotGrow) {
  CongestionWindow window;
  for (int i = 0; i < 1000; ++i) window.on_answer(1);
  EXPECT_EQ(window.datagrams(), CongestionWindow::kInitial);
}

TEST(CongestionWindowGrowth, StopsAtItsMost) {
  CongestionWindow window;
  for (std::uint32_t i = 0; i < CongestionWindow::kMost + 1000; ++i) window.on_answer(window.datagrams());
  EXPECT_EQ(window.datagrams(), CongestionWindow::kMost);
}

}  // namespace
}  // namespace holler
