#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "holler/time.hpp"

namespace holler {

/// One timer for each of many slots, numbered from 0.
///
/// Most timers never run out: they are moved to a later time, or removed, because an answer has come. So both
/// only write down the true time of the slot, and leave its item where it is filed, under an earlier one. It
/// is put right when that time comes, once, however often the timer has been moved since.
///
/// A few items stand in a binary heap. Where they are many, only those of the next half millisecond do, and
/// the others lie in a hierarchical wheel (Varghese and Lauck, SOSP 1987, scheme 7): buckets of 0.5 ms,
/// 0.1 s, 30 s, …, each emptied once, so that a timer costs the same among a million as among a thousand.
class TimerQueue {
 public:
  /// Sets or moves the timer of a slot; kNever removes it.
  void set(std::uint32_t slot, Timestamp when) {
    const bool stays = slot < slots_.size() && slots_[slot].filed <= when && when != kNever;
    if (!stays) [[unlikely]] {
      move(slot, when);
      return;
    }
    Slot& timer = slots_[slot];
    size_ += timer.due == kNever ? 1U : 0U;
    timer.due = when;
  }
  void remove(std::uint32_t slot) noexcept {
    if (slot >= slots_.size() || slots_[slot].due == kNever) return;
    slots_[slot].due = kNever;
    --size_;
  }
  /// Fetches what `set` and `remove` of this slot will look at.
  void prefetch(std::uint32_t slot) const noexcept {
    if (slot < slots_.size()) __builtin_prefetch(&slots_[slot]);
  }
  /// When the timer of a slot is due, which is set.
  [[nodiscard]] Timestamp of(std::uint32_t slot) const noexcept { return slots_[slot].due; }
  /// When to look for timers that are due: never later than the earliest is, and kNever for none. It may be
  /// earlier, by up to the length of a bucket, where nothing is due soon; `pop_due` of that time comes
  /// closer, so that each bucket makes a caller look once. Puts right what has come to the front.
  [[nodiscard]] Timestamp next() const;
  /// Removes and returns a slot whose time has come.
  [[nodiscard]] std::optional<std::uint32_t> pop_due(Timestamp now);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kHeapEnough = 256;  // so many are kept in order faster than in buckets
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kFiled = 0xffffffff;  // in place of a position: in a bucket

  struct Item {
    Timestamp when;  // not later than the slot's true time
    std::uint32_t slot;
  };
  struct Slot {
    Timestamp due = kNever;  // the true time
    Timestamp filed =
        kNever;  // where its item stands: in the heap its time, or its bucket's first; kNever: nowhere
    std::uint32_t position = 0;  // of its item in the heap, plus 1; 0 for none
    std::uint32_t bucket = 0;    // where it is filed: level * 256 + place; and its neighbours there
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;
  };
  /// Times in it are numbers of nanoseconds that begin at the earliest Timestamp.
  struct Wheel {
    static constexpr unsigned kTickBits = 19;  // 0.5 ms
    static constexpr unsigned kLevels = 6;     // of 256 buckets: 2^67 ns, more than there are
    Wheel() { heads.fill(kNone); }
    std::array<std::uint32_t, std::size_t{kLevels} * 256> heads;
    std::array<std::uint64_t, std::size_t{kLevels} * 4> occupied{};  // one bit for each bucket
    std::uint64_t horizon = 0;  // what is due before then stands in the heap; a whole number of ticks
    std::size_t items = 0;
  };

  void move(std::uint32_t slot, Timestamp when);
  void file(std::uint32_t slot, Timestamp when) const;
  void link(std::uint32_t slot, std::uint64_t when) const;
  void unlink(std::uint32_t slot) const;
  void take_out(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::uint64_t start_of(std::uint32_t bucket) const noexcept;
  void refile(std::uint32_t bucket) const;
  void move_horizon(std::uint64_t to) const;
  [[nodiscard]] std::uint32_t earliest_bucket() const noexcept;
  void advance(std::uint32_t bucket) const;
  [[nodiscard]] bool crowded() const noexcept;
  void divide() const;
  void tidy() const;
  void drop_top() const;
  void place(std::size_t position, Item item) const;
  void sift_up(std::size_t position, Item item) const;
  void sift_down(std::size_t position, Item item) const;

  // Where the items stand changes nothing that can be seen from outside.
  mutable std::vector<Item> heap_;
  mutable std::vector<Slot> slots_;
  mutable std::unique_ptr<Wheel> wheel_;  // from the first time on that the heap holds more than enough
  mutable std::size_t heap_most_ = kHeapEnough;
  mutable std::size_t filings_ = 0;  // into the heap, since the last time that all was divided
  std::size_t size_ = 0;             // timers that are set
};

}  // namespace holler
