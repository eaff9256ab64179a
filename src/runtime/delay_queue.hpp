#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/time.hpp"

namespace holler {

/// A datagram on one of a relay's links.
struct Delayed {
  Timestamp when;
  std::uint64_t sequence = 0;
  std::uint32_t client = 0;
  bool up = false;
  ByteVector bytes;
};

/// What arrives later, the earliest first; of those at one time, the one that was put in first. Bounded in
/// number and bytes.
class DelayQueue {
 public:
  DelayQueue(std::size_t datagrams_max, std::size_t bytes_max) noexcept
      : datagrams_max_{datagrams_max}, bytes_max_{bytes_max} {}

  /// @return false where there is no room
  [[nodiscard]] bool push(Timestamp when, std::uint32_t client, bool up, ByteVector bytes) {
    if (heap_.size() >= datagrams_max_ || bytes.size() > bytes_max_ - bytes_) return false;
    bytes_ += bytes.size();
    heap_.push_back(
        {.when = when, .sequence = sequence_++, .client = client, .up = up, .bytes = std::move(bytes)});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
    return true;
  }
  [[nodiscard]] Delayed pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    Delayed earliest = std::move(heap_.back());
    heap_.pop_back();
    bytes_ -= earliest.bytes.size();
    return earliest;
  }
  [[nodiscard]] Timestamp next() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }

 private:
  struct Later {
    bool operator()(const Delayed& left, const Delayed& right) const noexcept {
      return left.when != right.when ? left.when > right.when : left.sequence > right.sequence;
    }
  };

  std::size_t datagrams_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t sequence_ = 0;
  std::vector<Delayed> heap_;
};

}  // namespace holler
