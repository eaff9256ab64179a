#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "holler/time.hpp"

namespace holler::sim {

struct Event {
  enum class Kind : std::uint8_t { arrival, unreachable, timer, action };
  Timestamp when;
  std::uint64_t sequence = 0;
  Kind kind = Kind::timer;
  std::uint32_t subject = 0;  ///< of a packet, a host or an action, as `kind` says
};

/// What will happen, the earliest first; of events of one time, the one that was put in first. So a run
/// depends on nothing but the seed.
class EventQueue {
 public:
  void push(Timestamp when, Event::Kind kind, std::uint32_t subject) {
    heap_.push_back({when, sequence_++, kind, subject});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  Event pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const Event event = heap_.back();
    heap_.pop_back();
    return event;
  }
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] Timestamp next() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }

 private:
  struct Later {
    bool operator()(const Event& left, const Event& right) const noexcept {
      return left.when != right.when ? left.when > right.when : left.sequence > right.sequence;
    }
  };
  std::vector<Event> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace holler::sim
