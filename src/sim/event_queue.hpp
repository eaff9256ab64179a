#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "holler/time.hpp"

#include "base/check.hpp"

namespace holler::sim {

struct Event {
  enum class Kind : std::uint8_t { arrival, unreachable, timer, action };
  Timestamp when;
  Kind kind = Kind::timer;
  std::uint32_t subject = 0;  ///< of a packet, a host or an action, as `kind` says
};

/// What will happen, the earliest first; of events of one time, the one that was put in first. So a run
/// depends on nothing but the seed.
///
/// A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan, JACM 37/2, 1990): time never goes back, so an event needs
/// no exact place before its turn is near. Bucket b holds the times that differ from the time reached in bit
/// b - 1, and in none above. Events move to lower buckets only, in order, one pass at a time through memory;
/// a binary heap of a million events misses the cache at each of its twenty levels.
class EventQueue {
 public:
  /// @param when  not before the last event that was taken out
  void push(Timestamp when, Event::Kind kind, std::uint32_t subject) {
    HOLLER_CHECK(when >= reached_);
    place({when, kind, subject});
    ++size_;
  }

  Event pop() {
    if (first_ == buckets_[0].size()) refill();
    const Event event = buckets_[0][first_++];
    --size_;
    return event;
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Timestamp next() const noexcept {
    if (first_ < buckets_[0].size()) return reached_;
    return empty() ? kNever : earliest_[lowest()];
  }

 private:
  static constexpr std::size_t kBuckets = 65;
  static constexpr std::size_t kKeptMax = 4096;  // events whose memory an empty bucket keeps

  void place(const Event& event) {
    const auto differs = static_cast<std::uint64_t>(event.when.time_since_epoch().count()) ^
                         static_cast<std::uint64_t>(reached_.time_since_epoch().count());
    const auto bucket = static_cast<std::size_t>(std::bit_width(differs));
    earliest_[bucket] = buckets_[bucket].empty() ? event.when : std::min(earliest_[bucket], event.when);
    buckets_[bucket].push_back(event);
    if (bucket != 0) occupied_ |= std::uint64_t{1} << (bucket - 1);
  }
  /// The lowest bucket with anything in it, but for bucket 0.
  [[nodiscard]] std::size_t lowest() const noexcept {
    return static_cast<std::size_t>(std::countr_zero(occupied_)) + 1;
  }
  /// Moves time on to the next event, and all that was near it into finer buckets.
  void refill() {
    buckets_[0].clear();
    first_ = 0;
    const std::size_t bucket = lowest();
    occupied_ &= occupied_ - 1;
    reached_ = earliest_[bucket];
    std::vector<Event> events;
    events.swap(buckets_[bucket]);
    for (const Event& event : events) place(event);
    events.clear();
    if (events.capacity() <= kKeptMax) events.swap(buckets_[bucket]);
  }

  std::array<std::vector<Event>, kBuckets> buckets_;
  std::array<Timestamp, kBuckets> earliest_{};
  std::uint64_t occupied_ = 0;  // bit b - 1: bucket b is not empty
  Timestamp reached_{};
  std::size_t first_ = 0;  // of bucket 0: what is before has been taken out
  std::size_t size_ = 0;
};

}  // namespace holler::sim
