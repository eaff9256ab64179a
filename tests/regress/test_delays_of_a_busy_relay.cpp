#include <algorithm>
#include <gtest/gtest.h>
#include <stop_token>
#include <thread>
#include <vector>

#include "holler/impairer.hpp"
#include "holler/system.hpp"

#include "tests/support/sockets.hpp"

// A relay took the time once, delivered what was due, and then received: what had come in meanwhile was
// delayed from before it was there, and arrived early.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDelay = 100ms;
constexpr std::size_t kCrowd = 5000;
constexpr std::size_t kProbes = 200;

/// Sends datagrams of no bytes until the relay has so many under way.
void crowd(Impairer& relay, UdpSocket& client) {
  std::jthread relaying{[&relay](const std::stop_token& stop) { EXPECT_TRUE(relay.run(stop)); }};
  EXPECT_TRUE(testing::eventually([&] {
    const Bytes nothing;
    static_cast<void>(testing::must(client.send_to(relay.local_address(), nothing)));
    return relay.stats().up.pending >= kCrowd || relay.stats().up.delivered > 0;
  }));
}

TEST(BusyRelay, DeliversNothingBeforeItsDelayHasPassed) {
  UdpSocket target = testing::bound_to(Address::loopback_v4());
  UdpSocket client = testing::bound_to(Address::loopback_v4());
  auto relay =
      testing::must(Impairer::open({.target = target.local_address(), .up = {.link = {.delay = kDelay}}}));
  crowd(relay, client);
  // Now all of the crowd gets due, while nobody delivers it.
  const Timestamp due = later(monotonic_now(), kDelay);
  ASSERT_TRUE(testing::eventually([due] { return monotonic_now() > due; }));

  std::vector<Timestamp> sent;
  std::size_t heard = 0;
  Duration shortest = kForever;
  ReceiveBatch batch;
  const auto probe = [&] {
    const std::byte number{static_cast<unsigned char>(sent.size())};
    sent.push_back(monotonic_now());
    static_cast<void>(testing::must(client.send_to(relay.local_address(), {&number, 1})));
  };
  probe();  // is there when it begins
  std::jthread relaying{[&relay](const std::stop_token& stop) { EXPECT_TRUE(relay.run(stop)); }};
  EXPECT_TRUE(testing::eventually([&] {
    if (sent.size() < kProbes && monotonic_now() - sent.back() > 50us) probe();
    const bool over = sent.size() == kProbes && monotonic_now() > later(sent.back(), kDelay) &&
                      relay.stats().up.pending == 0;
    const std::size_t count = testing::must(target.receive(batch));
    const Timestamp now = monotonic_now();
    for (const ReceivedDatagram& datagram : batch.datagrams()) {
      if (datagram.bytes.empty()) continue;
      ++heard;
      shortest = std::min(shortest, now - sent.at(std::to_integer<std::size_t>(datagram.bytes[0])));
    }
    return over && count == 0;
  }));
  EXPECT_GT(heard, 0U);
  EXPECT_GE(shortest, kDelay);
}

}  // namespace
}  // namespace holler
