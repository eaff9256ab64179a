#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "holler/random.hpp"
#include "holler/time.hpp"

namespace holler::sim {

/// How often each length of time occurred, to within 1 %, in 60 KiB however many there are: 128 buckets for
/// each doubling.
class Latencies {
 public:
  void add(Duration length) {
    ++counts_[bucket_of(length)];
    ++total_;
    longest_ = std::max(longest_, length);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
  [[nodiscard]] Duration longest() const noexcept { return longest_; }

  /// The length that this share of all does not exceed; at most 1 % too long. 0 where there are none.
  [[nodiscard]] Duration percentile(Ratio share) const noexcept {
    // How many are within it, rounded up: half of 3 are 2.
    const std::uint64_t whole = share.whole;
    const std::uint64_t rank =
        total_ / whole * share.part + (total_ % whole * share.part + whole - 1) / whole;
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= std::max<std::uint64_t>(rank, 1)) return std::min(last_of(bucket), longest_);
    }
    return longest_;
  }
  /// How many were at most this long, counted by whole buckets.
  [[nodiscard]] std::uint64_t within(Duration length) const noexcept {
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size() && last_of(bucket) <= length; ++bucket)
      seen += counts_[bucket];
    return seen;
  }

 private:
  static constexpr unsigned kFineBits = 7;

  static std::size_t bucket_of(Duration length) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max(length, Duration::zero()).count());
    const auto bits = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = bits > kFineBits + 1 ? bits - (kFineBits + 1) : 0;
    return (std::size_t{shift} << kFineBits) + static_cast<std::size_t>(value >> shift);
  }
  /// The longest length of a bucket.
  static Duration last_of(std::size_t bucket) noexcept {
    const std::size_t shift = bucket < (std::size_t{2} << kFineBits) ? 0 : (bucket >> kFineBits) - 1;
    const std::uint64_t top = bucket - (shift << kFineBits);
    return Duration{static_cast<std::int64_t>((top << shift) + ((std::uint64_t{1} << shift) - 1))};
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - kFineBits) << kFineBits);
  std::uint64_t total_ = 0;
  Duration longest_{};
};

}  // namespace holler::sim
