#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "holler/random.hpp"
#include "holler/time.hpp"

namespace holler::cli {

/// How often each length of time occurred, to within 1 %, in 60 KiB however many there are: 128 buckets for
/// each doubling. One thread adds; any may look meanwhile, and make itself a copy that stands still.
class LatencyHistogram {
 public:
  LatencyHistogram() = default;
  LatencyHistogram(const LatencyHistogram& other) { *this = other; }
  LatencyHistogram& operator=(const LatencyHistogram& other) {
    if (this == &other) return *this;
    std::uint64_t total = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      const std::uint64_t here = get(other.counts_[bucket]);
      set(counts_[bucket], here);
      total += here;
    }
    set(total_, total);  // of what was copied, also where more came in between
    shortest_.store(other.shortest(), std::memory_order_relaxed);
    longest_.store(other.longest(), std::memory_order_relaxed);
    return *this;
  }
  ~LatencyHistogram() = default;

  /// A length below zero counts as none at all.
  void add(Duration length) noexcept {
    length = std::max(length, Duration::zero());
    Count& bucket = counts_[bucket_of(length)];
    set(bucket, get(bucket) + 1);
    if (length > longest()) longest_.store(length, std::memory_order_relaxed);
    if (get(total_) == 0 || length < shortest()) shortest_.store(length, std::memory_order_relaxed);
    set(total_, get(total_) + 1);
  }
  /// Takes away what an earlier copy of this one had. The shortest and the longest are then of the buckets.
  void subtract(const LatencyHistogram& earlier) noexcept {
    std::uint64_t total = 0;
    Duration shortest{};
    Duration longest{};
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      const std::uint64_t here = get(counts_[bucket]) - get(earlier.counts_[bucket]);
      set(counts_[bucket], here);
      if (here == 0) continue;
      if (total == 0) shortest = last_of(bucket);
      longest = last_of(bucket);
      total += here;
    }
    set(total_, total);
    shortest_.store(shortest, std::memory_order_relaxed);
    longest_.store(longest, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return get(total_); }
  /// 0 where there are none.
  [[nodiscard]] Duration shortest() const noexcept { return shortest_.load(std::memory_order_relaxed); }
  [[nodiscard]] Duration longest() const noexcept { return longest_.load(std::memory_order_relaxed); }

  /// The length that this share of all does not exceed; at most 1 % too long. 0 where there are none.
  [[nodiscard]] Duration percentile(Ratio share) const noexcept {
    // How many are within it, rounded up: half of 3 are 2.
    const std::uint64_t total = count();
    const std::uint64_t whole = share.whole;
    const std::uint64_t rank = total / whole * share.part + (total % whole * share.part + whole - 1) / whole;
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += get(counts_[bucket]);
      if (seen >= std::max<std::uint64_t>(rank, 1)) return std::min(last_of(bucket), longest());
    }
    return longest();
  }
  /// Calls `visit(longest length of the bucket, count)` for each that is not empty, the shortest first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      if (const std::uint64_t here = get(counts_[bucket]); here != 0) visit(last_of(bucket), here);
    }
  }

 private:
  static constexpr unsigned kFineBits = 7;
  using Count = std::atomic<std::uint64_t>;

  // One writer needs no read-modify-write, and a reader no order: that costs what a plain integer costs.
  static std::uint64_t get(const Count& count) noexcept { return count.load(std::memory_order_relaxed); }
  static void set(Count& count, std::uint64_t value) noexcept {
    count.store(value, std::memory_order_relaxed);
  }

  static std::size_t bucket_of(Duration length) noexcept {
    const auto value = static_cast<std::uint64_t>(length.count());
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

  std::vector<Count> counts_ = std::vector<Count>((64 - kFineBits) << kFineBits);
  Count total_{0};
  std::atomic<Duration> shortest_{Duration::zero()};
  std::atomic<Duration> longest_{Duration::zero()};
};

}  // namespace holler::cli
