#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "holler/responder.hpp"

#include "net/poller.hpp"

namespace holler {

/// How a job was answered, but for the payload of a reply.
struct Decision {
  enum class Kind : std::uint8_t { reply, refuse, busy, ignore };
  Kind kind = Kind::reply;
  std::uint16_t reason = 0;
  Duration retry_after{};
};

/// What another thread has answered.
struct Completion {
  JobHandle job;
  Decision decision;
  ByteVector payload;
};

/// Answers that come from other threads, on their way to the one that serves.
class Completions {
 public:
  explicit Completions(WakeEvent wake) noexcept : wake_{std::move(wake)} {}

  void push(Completion completion) {
    {
      const std::scoped_lock lock{mutex_};
      waiting_.push_back(std::move(completion));
      any_.store(true, std::memory_order_relaxed);
    }
    wake_.notify();
  }
  [[nodiscard]] std::vector<Completion> take() {
    const std::scoped_lock lock{mutex_};
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(waiting_, {});
  }
  /// Takes no lock. Who pushes wakes the server afterwards, so that it looks again.
  [[nodiscard]] bool waiting() const noexcept { return any_.load(std::memory_order_relaxed); }
  [[nodiscard]] const WakeEvent& wake() const noexcept { return wake_; }

 private:
  WakeEvent wake_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<Completion> waiting_;
};

}  // namespace holler
