#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "holler/time.hpp"

namespace holler {

/// For how long a thread looks for the next datagram before it goes to sleep.
///
/// Sleeping and being woken cost the two sides some ten microseconds of processor time each, and the datagram
/// that comes meanwhile waits for thirty more (seen on Linux 6.18, two virtual processors). So a thread looks
/// for a moment where looking has been finding something soon, as the haltpoll governor of Linux does for a
/// virtual processor. Otherwise it tries again now and then. Then it goes on for a few looks that take as
/// long as the other side's awakening: of two that ask and answer each other, one that looks spares the other
/// the waking, and finds what it looks for at once when the other has come to look as well.
class Lookout {
 public:
  /// The longest look that nobody has asked for.
  static constexpr Duration kLook = std::chrono::microseconds{100};
  /// What is found in this time was worth it: about what sleeping costs.
  static constexpr Duration kPays = std::chrono::microseconds{25};
  /// So many looks in a row may take longer, if they find something at all.
  static constexpr std::uint32_t kTries = 16;
  /// Then so many are spared: one at first, then three, then seven, up to this or some fewer.
  static constexpr std::uint32_t kSparedMax = 255;

  /// @param spin  for so long each time, whether it pays or not; nullopt: as long as pays
  /// @param salt  two that ask and answer each other must not try in turns for ever: each spares a few less
  explicit Lookout(std::optional<Duration> spin, std::uint32_t salt) noexcept
      : spin_{spin}, spared_max_{kSparedMax - 2 * (salt % (kSparedMax / 4))} {}

  /// There is something to wait for.
  /// @return for how long to look for it; 0 for not at all
  [[nodiscard]] Duration begin() noexcept {
    if (spin_) return *spin_;
    if (to_spare_ == 0) return kLook;
    --to_spare_;
    return Duration::zero();
  }
  /// What came of a look that was not for 0, and how long it took.
  void end(Duration took, bool found) noexcept {
    if (found && took <= kPays) {
      in_vain_ = tries_ = 0;
      return;
    }
    if (found && ++tries_ < kTries) return;
    tries_ = 0;
    to_spare_ = in_vain_ = std::min(2 * in_vain_ + 1, spared_max_);
  }

  /// For a loop that waits for one datagram after the other: to be asked after each time that it has looked,
  /// also when it has slept before that.
  /// @param found  there was a datagram
  /// @return whether to look again at once
  [[nodiscard]] bool again(Timestamp now, bool found) noexcept {
    if (found) {
      if (looks()) end(std::exchange(looking_, false) ? now - since_ : Duration::zero(), true);
      look_ = begin();
      return looks();
    }
    if (!looks()) return false;
    if (!std::exchange(looking_, true)) since_ = now;
    if (now - since_ < look_) return true;
    looking_ = false;
    end(look_, false);
    look_ = Duration::zero();  // no more before the next datagram, whoever else wakes the thread
    return false;
  }
  /// What `again` has said when something was found, and goes on saying.
  [[nodiscard]] bool looks() const noexcept { return look_ > Duration::zero(); }

 private:
  std::optional<Duration> spin_;
  std::uint32_t spared_max_;
  std::uint32_t in_vain_ = 0;   // one less than a power of two: how many looks were spared the last time
  std::uint32_t to_spare_ = 0;  // of them
  std::uint32_t tries_ = 0;     // looks in a row that have found something, and not soon
  Duration look_{};             // for what comes next
  bool looking_ = false;
  Timestamp since_;
};

/// Not the same for two that live at the same time.
[[nodiscard]] inline std::uint32_t salt_of(const void* owner) noexcept {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(owner) * 0x9e3779b97f4a7c15U >> 40U);
}

}  // namespace holler
