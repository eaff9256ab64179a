#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "holler/time.hpp"

namespace holler::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into a request to stop, while it lives. Make it before any other
/// thread, which inherits its blocked signals. A second signal ends the program at once.
class Signals {
 public:
  /// Throws std::system_error where it cannot have the descriptors that it needs.
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  [[nodiscard]] std::stop_token token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] bool stopped() const noexcept { return stop_.stop_requested(); }
  /// Stops without a signal, such as when nobody reads our output any more.
  void stop() noexcept;
  /// Waits until `duration` has passed.
  /// @return false if it was stopped before
  [[nodiscard]] bool sleep(Duration duration) const;
  /// What is to be done before a second signal ends the program. From another thread.
  void before_second(void (*action)() noexcept) noexcept { before_second_ = action; }
  /// Becomes readable when it is stopped, for poll.
  [[nodiscard]] int descriptor() const noexcept { return stopped_; }

 private:
  void watch();

  std::stop_source stop_;
  std::atomic<void (*)() noexcept> before_second_ = nullptr;
  int signals_ = -1;
  int stopped_;
  int ended_;
  std::thread thread_;
};

}  // namespace holler::cli
