#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "holler/responder.hpp"

#include "net/poller.hpp"

namespace holler {

/// How a job was answered.
struct Completion {
  enum class Kind : std::uint8_t { reply, refuse, busy, ignore };
  JobHandle job;
  Kind kind = Kind::reply;
  ByteVector payload;
  std::uint16_t reason = 0;
  Duration retry_after{};
};

/// Answers that come from other threads, on their way to the one that serves.
class Completions {
 public:
  explicit Completions(WakeEvent wake) noexcept : wake_{std::move(wake)} {}

  void push(Completion completion) {
    {
      const std::scoped_lock lock{mutex_};
      waiting_.push_back(std::move(completion));
    }
    wake_.notify();
  }
  [[nodiscard]] std::vector<Completion> take() {
    const std::scoped_lock lock{mutex_};
    return std::exchange(waiting_, {});
  }
  [[nodiscard]] const WakeEvent& wake() const noexcept { return wake_; }

 private:
  WakeEvent wake_;
  std::mutex mutex_;
  std::vector<Completion> waiting_;
};

}  // namespace holler
