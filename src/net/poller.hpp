#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "holler/error.hpp"
#include "holler/time.hpp"

#include "net/descriptor.hpp"

namespace holler {

/// Lets one thread sleep until another wakes it (eventfd(2)).
class WakeEvent {
 public:
  [[nodiscard]] static Result<WakeEvent> create();
  /// From any thread, and from a signal handler.
  void notify() const noexcept;
  /// Takes back every notification so far.
  void drain() const noexcept;
  [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

 private:
  explicit WakeEvent(Descriptor fd) noexcept : fd_{std::move(fd)} {}
  Descriptor fd_;
};

/// Waits for many descriptors at once (epoll(7), level-triggered).
class Poller {
 public:
  [[nodiscard]] static Result<Poller> create();
  /// `token` comes back from `wait` when `descriptor` has something to read, or an error.
  [[nodiscard]] Result<void> add(int descriptor, std::uint64_t token);
  /// Also wait for room to write, or no longer.
  void want_write(int descriptor, std::uint64_t token, bool wanted) noexcept;
  /// Wait for room to write and for nothing else (but errors are always reported), or to read again: for an
  /// owner that can do nothing with what arrives until it has room.
  void want_only_write(int descriptor, std::uint64_t token, bool wanted) noexcept;
  void remove(int descriptor) noexcept;

  /// Waits until something is ready or `timeout` has passed.
  /// @return the tokens that are ready; none after the timeout; after a signal, those
  /// that are ready by then. Valid until the next call.
  [[nodiscard]] Result<std::span<const std::uint64_t>> wait(Duration timeout);

 private:
  void change(int descriptor, std::uint64_t token, std::uint32_t events) noexcept;

  explicit Poller(Descriptor fd) noexcept : fd_{std::move(fd)} {}
  Descriptor fd_;
  std::vector<std::uint64_t> ready_;
};

}  // namespace holler
