#pragma once

#include <cstdint>

#include "holler/time.hpp"

namespace holler {

/// How many datagrams may be under way to one peer: it opens as answers come back and closes when they
/// do not, so that many askers share a path with each other and with TCP.
/// @source RFC 8085 §3.1.2, RFC 5681 §3.1, RFC 4015 §3
class CongestionWindow {
 public:
  static constexpr std::uint32_t kInitial = 10;  ///< RFC 6928 §2
  static constexpr std::uint32_t kFloor = 2;     ///< a path that loses everything is still probed
  static constexpr std::uint32_t kMost = 1U << 16U;

  [[nodiscard]] std::uint32_t datagrams() const noexcept { return window_; }
  [[nodiscard]] bool in_slow_start() const noexcept { return window_ < threshold_; }
  /// Which losses on_loss counts at present: those that one reduction, or several in a row without anything
  /// heard between them, have answered. Another number: they can no more be shown to be none.
  [[nodiscard]] std::uint32_t episode() const noexcept { return episode_; }

  /// Anything at all has come from the peer.
  void on_heard() noexcept { heard_since_loss_ = true; }
  /// A datagram was answered while `in_flight` were under way, itself included. A window that was not used
  /// does not grow (RFC 7661 §4.1).
  void on_answer(std::uint32_t in_flight) noexcept;
  /// A message sent at `sent` was not answered in time. One reduction for each round trip: losses of what
  /// was sent before the last one are the same event.
  void on_loss(Timestamp now, Timestamp sent) noexcept;
  /// So many calls of on_loss in that episode were wrong: the very copies that were given up have been
  /// answered. Once all of them were, the window is what it was before (RFC 4015 §3.4).
  void on_late_answer(std::uint32_t episode, std::uint32_t losses) noexcept;

 private:
  void reduce(Timestamp now) noexcept;

  std::uint32_t window_ = kInitial;
  std::uint32_t threshold_ = kMost;
  std::uint32_t answered_ = 0;  // since the window last grew, in congestion avoidance
  bool heard_since_loss_ = true;
  Timestamp last_reduction_ = Timestamp::min();

  std::uint32_t episode_ = 0;
  std::uint32_t losses_ = 0;  // of this episode, that no late answer has taken back
  // before it (RFC 4015 §3.2)
  std::uint32_t window_before_ = 0;
  std::uint32_t threshold_before_ = 0;
  Timestamp reduction_before_;
};

}  // namespace holler
