#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "holler/time.hpp"

namespace holler {

/// One timer for each of many slots, numbered from 0: a binary heap that knows where each slot stands, so
/// that setting, moving and removing a timer cost O(log n) and leave nothing behind.
class TimerQueue {
 public:
  /// Sets or moves the timer of a slot; kNever removes it.
  void set(std::uint32_t slot, Timestamp when);
  void remove(std::uint32_t slot);
  [[nodiscard]] Timestamp next() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }
  /// Removes and returns a slot whose time has come.
  [[nodiscard]] std::optional<std::uint32_t> pop_due(Timestamp now);
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Item {
    Timestamp when;
    std::uint32_t slot;
  };
  void place(std::size_t position, Item item);
  void sift_up(std::size_t position, Item item);
  void sift_down(std::size_t position, Item item);

  std::vector<Item> heap_;
  std::vector<std::uint32_t> position_;  // of each slot, plus 1; 0 for none
};

}  // namespace holler
