#include "core/admission.hpp"

#include <algorithm>

namespace holler {

void Admission::on_read(Timestamp now, Duration waited) noexcept {
  if (standing_wait_ <= Duration::zero()) return;
  // A datagram that was there when the last one was read: no pause since.
  const bool at_work = last_read_ != Timestamp::min() && waited >= now - last_read_;
  if (!at_work) {
    interval_start_ = now;
    admitted_ = 0;
  } else if (now - interval_start_ >= kInterval && admitted_ > 0) {
    service_ = (now - interval_start_) / admitted_;
    interval_start_ = now;
    admitted_ = 0;
  }
  last_read_ = now;
  const Duration allowed = std::max(standing_wait_, kQueueInRequests * service_);
  late_ = at_work && waited > allowed;  // one that stands alone is no queue (RFC 8289 §4.2)
  if (late_ == overloaded_) {
    contrary_since_.reset();
  } else if (!contrary_since_) {
    contrary_since_ = now;
  } else if (now - *contrary_since_ >= std::max(kInterval, allowed)) {
    overloaded_ = late_;
    contrary_since_.reset();
  }
}

bool Admission::refuses() noexcept {
  if (overloaded_ && late_ && refused_ < kRefusedInARow) {
    ++refused_;
    return true;
  }
  refused_ = 0;
  return false;
}

Duration Admission::rest(Timestamp now, Duration time_left) noexcept {
  next_return_ = std::max(next_return_, later(now, rest_least_));
  const Duration rest = next_return_ - now;
  if (rest > std::max(kRestMax, rest_least_)) return std::max(kRestMax, rest_least_);
  // Who gives up before that takes nobody's turn.
  if (rest < time_left) next_return_ = later(next_return_, kReturnShare * service_);
  return rest;
}

}  // namespace holler
