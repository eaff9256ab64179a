#include "holler/system.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <span>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <utility>

#include "base/check.hpp"

namespace holler {

Timestamp monotonic_now() noexcept {
  timespec now{};
  HOLLER_CHECK(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return Timestamp{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

/// A page that the kernel hands to a forked child full of zeros (MADV_WIPEONFORK): `left` is then 0, and the
/// child draws numbers of its own instead of its parent's next ones.
struct SystemRandom::Block {
  std::size_t left;
  std::array<std::uint64_t, 511> numbers;
};

SystemRandom::SystemRandom() {
  void* page = ::mmap(nullptr, sizeof(Block), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  HOLLER_CHECK(page != MAP_FAILED);
  HOLLER_CHECK(::madvise(page, sizeof(Block), MADV_WIPEONFORK) == 0);
  block_ = new (page) Block{};
}

SystemRandom::~SystemRandom() { ::munmap(block_, sizeof(Block)); }

std::uint64_t SystemRandom::next() {
  if (block_->left == 0) {
    MutableBytes bytes = std::as_writable_bytes(std::span{block_->numbers});
    while (!bytes.empty()) {
      const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
      HOLLER_CHECK(got > 0 || errno == EINTR);
      if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    block_->left = block_->numbers.size();
  }
  // What has been handed out is not kept: memory that leaks later tells nothing of IDs already used.
  return std::exchange(block_->numbers[--block_->left], 0);
}

}  // namespace holler
