#include "holler/system.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <sodium.h>
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

/// A page that the kernel hands to a forked child full of zeros (MADV_WIPEONFORK): the child then has no key,
/// and draws one of its own instead of its parent's next numbers.
///
/// The numbers are ChaCha20's, under a key from the kernel. The first of each block are the key of the next
/// one, and what has been handed out is wiped: memory that leaks later tells nothing of IDs already used (D.
/// J. Bernstein, "Fast-key-erasure random-number generators", 2017). A number of the kernel's own costs four
/// times as much, even in blocks (seen on Linux 6.18).
struct SystemRandom::Block {
  static constexpr std::size_t kNumbers = 500;
  std::uint64_t left = 0;
  std::uint64_t blocks_of_key = 0;  // that may still come from this key's descendants; 0: draw a new one
  std::array<std::uint64_t, 4> key{};
  std::array<std::uint64_t, kNumbers> numbers{};

  void fill();
};

namespace {

/// Blocks between two keys from the kernel: after about 4 MB.
constexpr std::uint64_t kBlocksOfKey = 1024;

void draw_from_kernel(MutableBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    HOLLER_CHECK(got > 0 || errno == EINTR);
    if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace

void SystemRandom::Block::fill() {
  static_assert(sizeof(Block) <= 4096 && sizeof key == crypto_stream_chacha20_KEYBYTES);
  if (blocks_of_key == 0) {
    draw_from_kernel(std::as_writable_bytes(std::span{key}));
    blocks_of_key = kBlocksOfKey;
  }
  --blocks_of_key;
  constexpr std::array<unsigned char, crypto_stream_chacha20_NONCEBYTES>
      kNoNonce{};  // each key makes one block
  const std::array<std::uint64_t, 4> used = key;
  std::array<std::uint64_t, 4 + kNumbers> made{};
  crypto_stream_chacha20(reinterpret_cast<unsigned char*>(made.data()), sizeof made, kNoNonce.data(),
                         reinterpret_cast<const unsigned char*>(used.data()));
  std::memcpy(key.data(), made.data(), sizeof key);
  std::memcpy(numbers.data(), made.data() + 4, sizeof numbers);
  sodium_memzero(made.data(), sizeof made);
  left = kNumbers;
}

SystemRandom::SystemRandom() {
  HOLLER_CHECK(::sodium_init() >= 0);  // it chooses the vector instructions of this machine
  void* page = ::mmap(nullptr, sizeof(Block), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  HOLLER_CHECK(page != MAP_FAILED);
  HOLLER_CHECK(::madvise(page, sizeof(Block), MADV_WIPEONFORK) == 0);
  block_ = new (page) Block{};
}

SystemRandom::~SystemRandom() { ::munmap(block_, sizeof(Block)); }

std::uint64_t SystemRandom::next() {
  if (block_->left == 0) block_->fill();
  return std::exchange(block_->numbers[--block_->left], 0);
}

}  // namespace holler
