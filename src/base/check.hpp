#pragma once

/// Stops the program where one of our own promises is broken. It stays on in release builds, and it never
/// looks at what a peer sent: a peer's bytes get a DropReason.
#define HOLLER_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::holler::check_failed(#condition, __FILE__, __LINE__))

namespace holler {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace holler
