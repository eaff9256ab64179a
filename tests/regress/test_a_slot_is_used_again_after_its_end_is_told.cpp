#include <gtest/gtest.h>
#include <set>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// Several requests had ended at one time, and the first callback asked again: the new request got the slot of
// one whose end had not been told yet, and that one's callback was never called.

namespace holler {
namespace {

TEST(SlotsOfRequests, AreNotGivenAwayWhileAnEndIsUntold) {
  SeededRandom random{1};
  Requester requester{holler_codec(), random};
  const Timestamp now{std::chrono::seconds{1}};
  const Endpoint peer{Address::v4(192, 0, 2, 1), 1060};
  std::set<std::uint32_t> ended;
  for (int i = 0; i < 10; ++i) {
    const auto started = requester.start(now, peer, {});
    ASSERT_EQ(started.status, StartStatus::started);
    ASSERT_TRUE(requester.cancel(now, started.handle));
    EXPECT_TRUE(ended.insert(started.handle.slot).second);
  }
  while (const auto event = requester.poll_event()) {
    ended.erase(event->request.slot);
    const auto started = requester.start(now, peer, {});
    ASSERT_EQ(started.status, StartStatus::started);
    EXPECT_FALSE(ended.contains(started.handle.slot));
  }
}

}  // namespace
}  // namespace holler
