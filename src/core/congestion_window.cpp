#include "core/congestion_window.hpp"

#include <algorithm>

namespace holler {

void CongestionWindow::on_answer(std::uint32_t in_flight) noexcept {
  answered_since_loss_ = true;
  if (in_flight < window_ / 2 || window_ >= kMost) return;
  if (in_slow_start()) {
    ++window_;
  } else if (++answered_ >= window_) {
    answered_ = 0;
    ++window_;
  }
}

void CongestionWindow::on_loss(Timestamp now, Timestamp sent) noexcept {
  if (sent <= last_reduction_) return;
  // Nothing at all came back since the last reduction: the path is gone, not merely full (RFC 5681 §3.1).
  window_ = answered_since_loss_ ? std::max(window_ / 2, kFloor) : kFloor;
  threshold_ = std::max(window_, kFloor);
  answered_ = 0;
  answered_since_loss_ = false;
  last_reduction_ = now;
}

}  // namespace holler
