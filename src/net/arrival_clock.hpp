#pragma once

#include <algorithm>
#include <optional>

#include "holler/time.hpp"

namespace holler {

/// Tells how long a datagram lay in the receive buffer. The kernel stamps arrivals with the wall clock, which
/// can be stepped while one lies there: what it shows is compared with the clock that nobody sets.
class ArrivalClock {
 public:
  /// To be told what both clocks show when datagrams have been read.
  /// @param drained  there were no more of them
  void on_read(Timestamp now, Duration wall, bool drained) noexcept {
    const Duration offset = wall - now.time_since_epoch();
    if (drained_) before_ = now_ == kNever ? offset : offset_;
    drained_ = drained;
    offset_ = offset;
    now_ = now;
  }
  /// To be told when there was nothing to read.
  void on_empty() noexcept { drained_ = true; }
  /// Of a datagram that has been read since. Its stamp was made before the clock was stepped or after, and
  /// the other reading lies in the future, or is off by the step.
  [[nodiscard]] Duration waited(Duration stamp) const noexcept {
    const Duration by_offset_now = now_.time_since_epoch() + offset_ - stamp;
    const Duration by_offset_before = now_.time_since_epoch() + before_ - stamp;
    const auto [least, most] = std::minmax(by_offset_now, by_offset_before);
    return std::max(least >= Duration::zero() ? least : most, Duration::zero());
  }

 private:
  Timestamp now_ = kNever;
  Duration offset_{};  // of the wall clock from the other
  Duration before_{};  // the same when nothing was left to read; what has come since may be stamped by it
  bool drained_ = true;
};

}  // namespace holler
