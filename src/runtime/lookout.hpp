#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "holler/time.hpp"

namespace holler {

/// For how long a thread looks for the next datagram before it goes to sleep.
///
/// Sleeping and being woken cost the two sides some ten microseconds of processor time, and the datagram that
/// comes meanwhile waits for thirty more (seen on Linux 6.18, two virtual processors). So a thread looks for
/// a moment where the last looks have found something, as the haltpoll governor of Linux does for a virtual
/// processor. After a look in vain the next ones are spared: one, then three, then seven, up to 255. It is
/// long enough to outlast the other side's awakening: of two that ask and answer each other, one that looks
/// finds the other's datagram, which is then awake when the next one comes.
class Lookout {
 public:
  /// The longest look that nobody has asked for, which Linux's own busy polling of sockets is recommended
  /// with as well (net.core.busy_poll).
  static constexpr Duration kLook = std::chrono::microseconds{50};
  static constexpr std::uint32_t kSparedMax = 255;

  /// @param spin  for so long each time, whether it pays or not; nullopt: as long as pays
  explicit Lookout(std::optional<Duration> spin) noexcept : spin_{spin} {}

  /// There is something to wait for.
  /// @return for how long to look for it; 0 for not at all
  [[nodiscard]] Duration begin() noexcept {
    if (spin_) return *spin_;
    if (to_spare_ == 0) return kLook;
    --to_spare_;
    return Duration::zero();
  }
  /// What came of a look that was not for 0.
  void end(bool found) noexcept {
    in_vain_ = found ? 0 : std::min(2 * in_vain_ + 1, kSparedMax);
    to_spare_ = in_vain_;
  }

  /// For a loop that waits for one datagram after the other: to be asked after each time that it has looked,
  /// also when it has slept before that.
  /// @param found  there was a datagram
  /// @return whether to look again at once
  [[nodiscard]] bool again(Timestamp now, bool found) noexcept {
    if (found) {
      if (std::exchange(looking_, false)) end(true);
      look_ = begin();
      return looks();
    }
    if (!looks()) return false;
    if (!std::exchange(looking_, true)) until_ = later(now, look_);
    if (now < until_) return true;
    looking_ = false;
    look_ = Duration::zero();  // no more before the next datagram, whoever else wakes the thread
    end(false);
    return false;
  }

  /// What `again` has said when something was found, and goes on saying.
  [[nodiscard]] bool looks() const noexcept { return look_ > Duration::zero(); }

 private:
  std::optional<Duration> spin_;
  std::uint32_t in_vain_ = 0;   // one less than a power of two: how many looks are spared after one in vain
  std::uint32_t to_spare_ = 0;  // of them
  Duration look_{};             // for what comes next
  bool looking_ = false;
  Timestamp until_;
};

}  // namespace holler
