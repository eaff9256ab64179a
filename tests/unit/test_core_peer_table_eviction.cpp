#include <gtest/gtest.h>
#include <set>

#include "holler/random.hpp"

#include "core/peer_table.hpp"

namespace holler {
namespace {

Endpoint peer(std::uint16_t port) { return {Address::v4(192, 0, 2, 1), port}; }

TEST(PeerTableEviction, ForgetsThePeerThatWasUnusedForLongest) {
  PeerTable table{3};
  for (std::uint16_t port = 1; port <= 3; ++port) {
    const std::uint32_t index = table.find_or_add(peer(port), port);
    table.mark_busy(index);
    table.mark_idle(index);
  }
  table.mark_busy(table.find(peer(1)));
  table.mark_idle(table.find(peer(1)));
  EXPECT_NE(table.find_or_add(peer(4), 4), kNone);
  EXPECT_NE(table.find(peer(1)), kNone);
  EXPECT_EQ(table.find(peer(2)), kNone);
  EXPECT_NE(table.find(peer(3)), kNone);
}

TEST(PeerTableEviction, NeverForgetsABusyPeerAndSaysSoWhenAllAre) {
  PeerTable table{2};
  const std::uint32_t first = table.find_or_add(peer(1), 1);
  const std::uint32_t second = table.find_or_add(peer(2), 2);
  table.mark_busy(first);
  table.mark_busy(second);
  EXPECT_EQ(table.find_or_add(peer(3), 3), kNone);
  EXPECT_EQ(table.find_or_add(peer(1), 9), first);
  EXPECT_EQ(table[first].conversation, 1U);
  table.mark_idle(second);
  EXPECT_EQ(table.find_or_add(peer(3), 3), second);
}

TEST(PeerTableEviction, AForgottenPeerComesBackAsAStranger) {
  PeerTable table{1};
  const std::uint32_t first = table.find_or_add(peer(1), 1);
  table[first].rtt.on_sample(std::chrono::milliseconds{5});
  table[first].numbers.add(0);
  EXPECT_NE(table.find_or_add(peer(2), 2), kNone);
  const std::uint32_t again = table.find_or_add(peer(1), 3);
  EXPECT_EQ(table[again].conversation, 3U);
  EXPECT_FALSE(table[again].rtt.has_sample());
  EXPECT_EQ(table[again].numbers.next(), 1U);
}

TEST(PeerTableEviction, KeepsItsBoundsAndItsBusyPeersForAnyOrderOfCalls) {
  SeededRandom random{5};
  PeerTable table{8};
  std::set<std::uint16_t> busy;
  for (int step = 0; step < 20'000; ++step) {
    const auto port = static_cast<std::uint16_t>(random.below(30) + 1);
    if (busy.contains(port)) {
      ASSERT_NE(table.find(peer(port)), kNone);
      if (random.below(2) == 0) {
        table.mark_idle(table.find(peer(port)));
        busy.erase(port);
      }
      continue;
    }
    const std::uint32_t index = table.find_or_add(peer(port), port);
    ASSERT_EQ(index == kNone, busy.size() == 8 && table.find(peer(port)) == kNone);
    if (index == kNone) continue;
    ASSERT_EQ(table[index].endpoint, peer(port));
    ASSERT_EQ(table.find(peer(port)), index);
    table.mark_busy(index);
    busy.insert(port);
    ASSERT_LE(table.size(), 8U);
  }
}

}  // namespace
}  // namespace holler
