#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace holler {

/// The outstanding numbers of one conversation, each with the slot of its request: an array indexed by
/// the number itself, so that a reply finds its request in one step. It spans from the lowest outstanding
/// number to the highest, and grows with that span.
class NumberRing {
 public:
  static constexpr std::size_t kSpanMax = 1U << 20U;

  /// The number that the next request will have.
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  /// Every number below this has ended.
  [[nodiscard]] std::uint64_t done_below() const noexcept { return done_below_; }
  [[nodiscard]] bool full() const noexcept { return next_ - done_below_ >= kSpanMax; }

  /// Gives the next number to a slot.
  std::uint64_t add(std::uint32_t slot) {
    if (next_ - done_below_ >= slots_.size()) [[unlikely]]
      grow();
    at(next_) = slot + 1;
    return next_++;
  }
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t number) const noexcept {
    if (number - done_below_ >= next_ - done_below_) return std::nullopt;
    const std::uint32_t found = slots_[number & (slots_.size() - 1)];
    if (found == 0) return std::nullopt;
    return found - 1;
  }
  void remove(std::uint64_t number) noexcept {
    if (!find(number)) return;
    at(number) = 0;
    while (done_below_ < next_ && at(done_below_) == 0) ++done_below_;
  }

 private:
  void grow();
  [[nodiscard]] std::uint32_t& at(std::uint64_t number) noexcept {
    return slots_[number & (slots_.size() - 1)];
  }

  std::vector<std::uint32_t> slots_;  // a power of two of them; slot + 1, 0 for none
  std::uint64_t done_below_ = 1;
  std::uint64_t next_ = 1;
};

}  // namespace holler
