#include "core/congestion_window.hpp"

#include <algorithm>

namespace holler {

void CongestionWindow::on_answer(std::uint32_t in_flight) noexcept {
  if (in_flight < window_ / 2 || window_ >= kMost) return;
  if (in_slow_start()) {
    ++window_;
  } else if (++answered_ >= window_) {
    answered_ = 0;
    ++window_;
  }
}

void CongestionWindow::on_loss(Timestamp now, Timestamp sent) noexcept {
  if (sent >= last_reduction_) reduce(now);
  ++losses_;
}

void CongestionWindow::reduce(Timestamp now) noexcept {
  if (heard_since_loss_) {
    window_before_ = window_;
    threshold_before_ = threshold_;
    reduction_before_ = last_reduction_;
    losses_ = 0;
    ++episode_;
  }
  // Nothing at all came back since the last reduction: the path is gone, not merely full (RFC 5681 §3.1).
  window_ = heard_since_loss_ ? std::max(window_ / 2, kFloor) : kFloor;
  threshold_ = std::max(window_, kFloor);
  answered_ = 0;
  heard_since_loss_ = false;
  last_reduction_ = now;
}

void CongestionWindow::on_late_answer(std::uint32_t episode, std::uint32_t losses) noexcept {
  if (episode != episode_ || losses == 0) return;
  losses_ -= losses;
  if (losses_ > 0) return;
  window_ = std::max(window_, window_before_);
  threshold_ = std::max(threshold_, threshold_before_);
  last_reduction_ = reduction_before_;
  ++episode_;
}

}  // namespace holler
