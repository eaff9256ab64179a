#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "holler/time.hpp"

namespace holler {

/// One timer for each of many slots, numbered from 0: a binary heap that knows where each slot stands.
///
/// Most timers never run out: they are moved to a later time, or removed, because an answer has come. So both
/// only write down the true time of the slot, and leave its item in the heap where it is, at an earlier one.
/// It is put right when it comes to the top, once, however often the timer has been moved since.
class TimerQueue {
 public:
  /// Sets or moves the timer of a slot; kNever removes it.
  void set(std::uint32_t slot, Timestamp when);
  void remove(std::uint32_t slot) noexcept;
  /// When the earliest timer is due; kNever for none. Puts right what has come to the top.
  [[nodiscard]] Timestamp next() const;
  /// Removes and returns a slot whose time has come.
  [[nodiscard]] std::optional<std::uint32_t> pop_due(Timestamp now);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Item {
    Timestamp when;  // not later than the slot's true time
    std::uint32_t slot;
  };
  struct Slot {
    Timestamp due = kNever;      // the true time
    std::uint32_t position = 0;  // of its item in the heap, plus 1; 0 for none
  };
  void tidy() const;
  void drop_top() const;
  void place(std::size_t position, Item item) const;
  void sift_up(std::size_t position, Item item) const;
  void sift_down(std::size_t position, Item item) const;

  // Where the items stand changes nothing that can be seen from outside.
  mutable std::vector<Item> heap_;
  mutable std::vector<Slot> slots_;
  std::size_t size_ = 0;  // timers that are set
};

}  // namespace holler
