#include "core/timer_queue.hpp"

namespace holler {

void TimerQueue::set(std::uint32_t slot, Timestamp when) {
  if (when == kNever) {
    remove(slot);
    return;
  }
  if (slot >= slots_.size()) slots_.resize(slot + 1U);
  Slot& timer = slots_[slot];
  if (timer.due == kNever) ++size_;
  timer.due = when;
  if (timer.position == 0) {
    heap_.push_back({});
    sift_up(heap_.size() - 1, {when, slot});
  } else if (when < heap_[timer.position - 1].when) {
    sift_up(timer.position - 1, {when, slot});
  }
}

void TimerQueue::remove(std::uint32_t slot) noexcept {
  if (slot >= slots_.size() || slots_[slot].due == kNever) return;
  slots_[slot].due = kNever;
  --size_;
}

Timestamp TimerQueue::next() const {
  tidy();
  return heap_.empty() ? kNever : heap_.front().when;
}

std::optional<std::uint32_t> TimerQueue::pop_due(Timestamp now) {
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  tidy();
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  const std::uint32_t slot = heap_.front().slot;
  drop_top();
  slots_[slot].due = kNever;
  --size_;
  return slot;
}

/// Until the item at the top stands at its slot's true time.
void TimerQueue::tidy() const {
  while (!heap_.empty()) {
    const Item top = heap_.front();
    const Timestamp due = slots_[top.slot].due;
    if (due == top.when) return;
    if (due == kNever) {
      drop_top();
    } else {
      sift_down(0, {due, top.slot});
    }
  }
}

void TimerQueue::drop_top() const {
  slots_[heap_.front().slot].position = 0;
  const Item last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

void TimerQueue::place(std::size_t position, Item item) const {
  heap_[position] = item;
  slots_[item.slot].position = static_cast<std::uint32_t>(position + 1);
}

void TimerQueue::sift_up(std::size_t position, Item item) const {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (heap_[parent].when <= item.when) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, item);
}

void TimerQueue::sift_down(std::size_t position, Item item) const {
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
