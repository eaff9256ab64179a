#pragma once

#include <cstdint>

#include "holler/time.hpp"

namespace holler {

/// How many datagrams may be under way to one peer: it opens as answers come back and closes when they
/// do not, so that many askers share a path with each other and with TCP.
/// @source RFC 8085 §3.1.2, RFC 5681 §3.1
class CongestionWindow {
 public:
  static constexpr std::uint32_t kInitial = 10;  ///< RFC 6928 §2
  static constexpr std::uint32_t kFloor = 2;     ///< a path that loses everything is still probed
  static constexpr std::uint32_t kMost = 1U << 16U;

  [[nodiscard]] std::uint32_t datagrams() const noexcept { return window_; }
  [[nodiscard]] bool in_slow_start() const noexcept { return window_ < threshold_; }

  /// A datagram was answered while `in_flight` were under way, itself included. A window that was not used
  /// does not grow (RFC 7661 §4.1).
  void on_answer(std::uint32_t in_flight) noexcept;
  /// A datagram sent at `sent` was not answered in time. One reduction for each round trip: losses of
  /// datagrams sent before the last one are the same event.
  void on_loss(Timestamp now, Timestamp sent) noexcept;

 private:
  std::uint32_t window_ = kInitial;
  std::uint32_t threshold_ = kMost;
  std::uint32_t answered_ = 0;  // since the window last grew, in congestion avoidance
  bool answered_since_loss_ = true;
  Timestamp last_reduction_ = Timestamp::min();
};

}  // namespace holler
