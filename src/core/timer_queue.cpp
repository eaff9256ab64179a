#include "core/timer_queue.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace holler {
namespace {

constexpr unsigned kLevelBits = 8;

/// One tick later, or the end of time.
constexpr std::uint64_t tick_after(std::uint64_t when, unsigned tick_bits) noexcept {
  const std::uint64_t tick = std::uint64_t{1} << tick_bits;
  return when > ~tick ? ~std::uint64_t{0} : when + tick;
}

/// In the order of time, without a sign.
constexpr std::uint64_t number_of(Timestamp when) noexcept {
  return static_cast<std::uint64_t>(when.time_since_epoch().count()) ^ std::uint64_t{1} << 63U;
}
constexpr Timestamp time_of(std::uint64_t number) noexcept {
  return Timestamp{Duration{static_cast<std::int64_t>(number ^ std::uint64_t{1} << 63U)}};
}

}  // namespace

/// To an earlier place than its item has, or from none.
void TimerQueue::move(std::uint32_t slot, Timestamp when) {
  if (when == kNever) {
    remove(slot);
    return;
  }
  if (slot >= slots_.size()) slots_.resize(slot + 1U);
  Slot& timer = slots_[slot];
  if (timer.due == kNever) ++size_;
  timer.due = when;
  if (timer.position == 0) {
    file(slot, when);
  } else if (timer.position == kFiled) {
    unlink(slot);
    file(slot, when);
  } else {
    ++filings_;
    sift_up(timer.position - 1, {when, slot});
    if (crowded()) divide();
  }
}

Timestamp TimerQueue::next() const {
  if (size_ == 0) return kNever;
  tidy();
  if (!heap_.empty()) return heap_.front().when;
  // Not dealt out before its time: by then most of what lies in it has been moved again.
  return time_of(start_of(earliest_bucket()));
}

std::optional<std::uint32_t> TimerQueue::pop_due(Timestamp now) {
  if (!heap_.empty() && heap_.front().when > now) return std::nullopt;
  tidy();
  while (heap_.empty() && wheel_ && wheel_->items > 0) {
    const std::uint32_t bucket = earliest_bucket();
    if (start_of(bucket) > number_of(now)) return std::nullopt;
    advance(bucket);
    tidy();
  }
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  const std::uint32_t slot = heap_.front().slot;
  drop_top();
  slots_[slot].due = kNever;
  --size_;
  return slot;
}

// ── the wheel ────────────────────────────────────────────────────────────────────────────────────

/// Puts an item that stands nowhere where its time belongs.
void TimerQueue::file(std::uint32_t slot, Timestamp when) const {
  if (wheel_ && number_of(when) >= wheel_->horizon) {
    link(slot, number_of(when));
    return;
  }
  heap_.push_back({});
  ++filings_;
  sift_up(heap_.size() - 1, {when, slot});
  if (crowded()) divide();
}

/// Into the bucket of the lowest level that tells this time apart from the horizon.
void TimerQueue::link(std::uint32_t slot, std::uint64_t when) const {
  Wheel& wheel = *wheel_;
  const std::uint64_t apart = (when ^ wheel.horizon) >> Wheel::kTickBits;
  const unsigned level = apart == 0 ? 0 : (static_cast<unsigned>(std::bit_width(apart)) - 1) / kLevelBits;
  const unsigned shift = Wheel::kTickBits + kLevelBits * level;
  const std::uint32_t bucket = level << kLevelBits | (static_cast<std::uint32_t>(when >> shift) & 255U);
  Slot& timer = slots_[slot];
  timer.position = kFiled;
  timer.bucket = bucket;
  timer.filed = time_of(when >> shift << shift);
  timer.before = kNone;
  timer.after = std::exchange(wheel.heads[bucket], slot);
  if (timer.after != kNone) slots_[timer.after].before = slot;
  wheel.occupied[bucket / 64] |= std::uint64_t{1} << bucket % 64;
  ++wheel.items;
}

void TimerQueue::unlink(std::uint32_t slot) const {
  Wheel& wheel = *wheel_;
  Slot& timer = slots_[slot];
  take_out(slot);
  (timer.before == kNone ? wheel.heads[timer.bucket] : slots_[timer.before].after) = timer.after;
  if (timer.after != kNone) slots_[timer.after].before = timer.before;
  if (wheel.heads[timer.bucket] == kNone) {
    wheel.occupied[timer.bucket / 64] &= ~(std::uint64_t{1} << timer.bucket % 64);
  }
  --wheel.items;
}

/// Its item stands nowhere from now on.
void TimerQueue::take_out(std::uint32_t slot) const noexcept {
  slots_[slot].position = 0;
  slots_[slot].filed = kNever;
}

/// The earliest time that a bucket can hold. All levels above its own are at the horizon's time.
std::uint64_t TimerQueue::start_of(std::uint32_t bucket) const noexcept {
  const unsigned shift = Wheel::kTickBits + kLevelBits * (bucket >> kLevelBits);
  const unsigned above = shift + kLevelBits;
  const std::uint64_t same = above >= 64 ? 0 : wheel_->horizon >> above << above;
  return same | std::uint64_t{bucket & 255U} << shift;
}

/// Empties a bucket: each of its items goes where its slot's true time belongs now.
void TimerQueue::refile(std::uint32_t bucket) const {
  Wheel& wheel = *wheel_;
  std::uint32_t slot = std::exchange(wheel.heads[bucket], kNone);
  wheel.occupied[bucket / 64] &= ~(std::uint64_t{1} << bucket % 64);
  while (slot != kNone) {
    Slot& timer = slots_[slot];
    const std::uint32_t after = timer.after;
    take_out(slot);
    --wheel.items;
    if (timer.due != kNever) {
      if (number_of(timer.due) >= wheel.horizon) {
        link(slot, number_of(timer.due));
      } else {
        heap_.push_back({});
        sift_up(heap_.size() - 1, {timer.due, slot});
      }
    }
    slot = after;
  }
}

/// Buckets of higher levels that begin there are dealt out to those below.
void TimerQueue::move_horizon(std::uint64_t to) const {
  wheel_->horizon = to;
  for (unsigned level = Wheel::kLevels - 1; level > 0; --level) {
    const auto place = static_cast<std::uint32_t>(to >> (Wheel::kTickBits + kLevelBits * level)) & 255U;
    const std::uint32_t bucket = level << kLevelBits | place;
    if (wheel_->heads[bucket] != kNone) refile(bucket);
  }
}

/// Of the wheel, which holds something: those of lower levels are earlier, and each level begins after the
/// horizon.
std::uint32_t TimerQueue::earliest_bucket() const noexcept {
  std::uint32_t word = 0;
  while (wheel_->occupied[word] == 0) ++word;
  return 64 * word + static_cast<std::uint32_t>(std::countr_zero(wheel_->occupied[word]));
}

/// Deals out the earliest bucket.
void TimerQueue::advance(std::uint32_t bucket) const {
  const std::uint64_t start = start_of(bucket);
  if (bucket >> kLevelBits > 0) {
    move_horizon(start);
    return;
  }
  // Its items first: what is dealt out may stand in the bucket that the horizon comes to.
  wheel_->horizon = tick_after(start, Wheel::kTickBits);
  refile(bucket);
  move_horizon(wheel_->horizon);
}

/// There is more in the heap than has to be in order: because it has grown, or because the horizon, which
/// goes where the earliest item of an empty heap is, has gone far beyond what has come since. Who asks sets
/// the timers of all requests to their deadlines first, and to the next repeat then.
bool TimerQueue::crowded() const noexcept {
  if (heap_.size() <= kHeapEnough) return false;
  if (heap_.size() > heap_most_) return true;
  // Dividing costs as much as there are items: not for a few.
  if (!wheel_ || heap_.size() < wheel_->items / 4 || filings_ < heap_.size()) return false;
  constexpr std::uint64_t kFar = std::uint64_t{16} << Wheel::kTickBits;
  return wheel_->horizon - number_of(heap_.front().when) > kFar;
}

/// The heap has become long: from here on it keeps only what is due at the same time as its first item.
void TimerQueue::divide() const {
  if (!wheel_) wheel_ = std::make_unique<Wheel>();
  filings_ = 0;
  const std::uint64_t first = number_of(heap_.front().when) >> Wheel::kTickBits << Wheel::kTickBits;
  std::vector<std::uint32_t> all;
  all.reserve(heap_.size() + wheel_->items);
  for (const Item& item : heap_) all.push_back(item.slot);
  for (std::uint32_t head : wheel_->heads) {
    for (; head != kNone; head = slots_[head].after) all.push_back(head);
  }
  heap_.clear();
  *wheel_ = {};
  wheel_->horizon = tick_after(first, Wheel::kTickBits);
  heap_most_ = all.size();  // not again while they are dealt out
  for (const std::uint32_t slot : all) {
    take_out(slot);
    if (slots_[slot].due != kNever) file(slot, slots_[slot].due);
  }
  // Dividing costs as much as there are items: it has to be worth while.
  heap_most_ = std::max({kHeapEnough, 2 * heap_.size(), all.size() / 4});
}

// ── the heap ─────────────────────────────────────────────────────────────────────────────────────

/// Until the item at the top stands at its slot's true time.
void TimerQueue::tidy() const {
  while (!heap_.empty()) {
    const Item top = heap_.front();
    const Timestamp due = slots_[top.slot].due;
    if (due == top.when) return;
    if (due == kNever) {
      drop_top();
    } else if (wheel_ && number_of(due) >= wheel_->horizon) {
      drop_top();
      link(top.slot, number_of(due));
    } else {
      sift_down(0, {due, top.slot});
    }
  }
}

void TimerQueue::drop_top() const {
  take_out(heap_.front().slot);
  const Item last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

void TimerQueue::place(std::size_t position, Item item) const {
  heap_[position] = item;
  slots_[item.slot].position = static_cast<std::uint32_t>(position + 1);
  slots_[item.slot].filed = item.when;
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
