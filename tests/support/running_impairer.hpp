#pragma once

#include <gtest/gtest.h>
#include <optional>
#include <thread>
#include <utility>

#include "holler/impairer.hpp"

#include "tests/support/sockets.hpp"

namespace holler::testing {

/// A relay that runs in a thread of its own for as long as it lives.
class RunningImpairer {
 public:
  explicit RunningImpairer(ImpairerOptions options)
      : relay_{must(Impairer::open(std::move(options)))}, thread_{[this](const std::stop_token& stop) {
          const auto ran = relay_.run(stop);
          EXPECT_TRUE(ran) << ran.error().message();
        }} {}

  [[nodiscard]] Endpoint endpoint() const { return relay_.local_address(); }
  [[nodiscard]] ImpairerStats stats() const { return relay_.stats(); }
  ImpairerStats stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return relay_.stats();
  }
  /// Waits until the relay has received so many datagrams on their way up.
  [[nodiscard]] bool heard(std::uint64_t datagrams) const {
    return eventually([&] { return stats().up.received >= datagrams; });
  }

 private:
  Impairer relay_;
  std::jthread thread_;
};

/// Every datagram is received, or is somewhere in the counters.
inline void expect_sum(const WayStats& way) {
  EXPECT_EQ(way.received + way.duplicated,
            way.delivered + way.lost_total() + way.no_client + way.no_room + way.send_failed + way.pending);
}

}  // namespace holler::testing
