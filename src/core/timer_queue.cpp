#include "core/timer_queue.hpp"

namespace holler {

void TimerQueue::set(std::uint32_t slot, Timestamp when) {
  if (when == kNever) {
    remove(slot);
    return;
  }
  if (slot >= position_.size()) position_.resize(slot + 1U);
  if (position_[slot] == 0) {
    heap_.push_back({});
    sift_up(heap_.size() - 1, {when, slot});
    return;
  }
  const std::size_t position = position_[slot] - 1;
  const bool earlier = when < heap_[position].when;
  if (earlier) {
    sift_up(position, {when, slot});
  } else {
    sift_down(position, {when, slot});
  }
}

void TimerQueue::remove(std::uint32_t slot) {
  if (slot >= position_.size() || position_[slot] == 0) return;
  const std::size_t position = position_[slot] - 1;
  position_[slot] = 0;
  const Item last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  if (position > 0 && last.when < heap_[(position - 1) / 2].when) {
    sift_up(position, last);
  } else {
    sift_down(position, last);
  }
}

std::optional<std::uint32_t> TimerQueue::pop_due(Timestamp now) {
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  const std::uint32_t slot = heap_.front().slot;
  remove(slot);
  return slot;
}

void TimerQueue::place(std::size_t position, Item item) {
  heap_[position] = item;
  position_[item.slot] = static_cast<std::uint32_t>(position + 1);
}

void TimerQueue::sift_up(std::size_t position, Item item) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (heap_[parent].when <= item.when) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, item);
}

void TimerQueue::sift_down(std::size_t position, Item item) {
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].when < heap_[child].when) ++child;
    if (item.when <= heap_[child].when) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, item);
}

}  // namespace holler
