#include "holler/link.hpp"

#include <algorithm>

namespace holler {
namespace {

constexpr std::array<std::string_view, kLossKinds> kNames{"none",    "by chance", "in a burst", "queue full",
                                                          "too big", "checksum",  "blocked",    "meddled"};
constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

bool happens(Ratio ratio, RandomSource& random) { return ratio.part != 0 && random.chance(ratio); }

/// When what is sent at `gone` is there.
Timestamp there_at(Timestamp gone, const LinkSettings& settings, RandomSource& random) {
  const Timestamp least = later(gone, settings.delay);
  if (settings.jitter <= Duration::zero()) return least;
  return later(least, random.between(Duration::zero(), settings.jitter));
}

}  // namespace

std::string_view name_of(Loss loss) noexcept {
  const auto index = static_cast<std::size_t>(loss);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Passage Link::carry(Timestamp now, std::size_t packet_bytes, RandomSource& random) {
  if (settings.blocked) return {.loss = Loss::blocked};
  if (settings.mtu_bytes != 0 && packet_bytes > settings.mtu_bytes) {
    return {.loss = Loss::too_big, .path_mtu_bytes = settings.icmp_too_big ? settings.mtu_bytes : 0};
  }
  Timestamp gone = now;
  if (settings.rate != 0 && !transmit(now, packet_bytes, gone)) return {.loss = Loss::queue_full};

  Passage passage;
  passage.loss = lose(random);
  if (passage.loss != Loss::none) return passage;
  Timestamp first = there_at(gone, settings, random);
  if (happens(settings.reordering, random)) {
    passage.held_back = true;
    first = later(first, settings.reordering_delay);
  }
  arrive(passage, first, random);
  if (happens(settings.duplication, random)) {
    arrive(passage, later(there_at(gone, settings, random), settings.duplication_delay), random);
  }
  return passage;
}

/// The state decides, and then moves: as in Linux's netem, so that figures mean the same there and here.
Loss Link::lose(RandomSource& random) {
  Loss loss = Loss::none;
  if (settings.burst.begin.part == 0) bad_ = false;
  if (bad_) {
    if (happens(settings.burst.loss, random)) loss = Loss::burst;
    if (happens(settings.burst.end, random)) bad_ = false;
  } else {
    if (happens(settings.loss, random)) loss = Loss::chance;
    if (happens(settings.burst.begin, random)) bad_ = true;
  }
  if (loss == Loss::none && happens(settings.checksum_errors, random)) loss = Loss::checksum;
  return loss;
}

void Link::arrive(Passage& passage, Timestamp when, RandomSource& random) const {
  Passage::Arrival arrival{.when = when};
  if (happens(settings.corruption, random)) arrival.damage = std::max<std::uint64_t>(1, random.next());
  passage.arrive(arrival);
}

bool Link::transmit(Timestamp now, std::size_t bytes, Timestamp& gone) {
  const std::size_t ahead = queued(now);
  if (free_at_ <= now) {
    free_at_ = now;
    fraction_ = 0;
  } else {
    if (ahead >= settings.queue_datagrams_max) return false;
    if (bytes > settings.queue_bytes_max || waiting_bytes_ > settings.queue_bytes_max - bytes) return false;
    push({.start = free_at_, .bytes = bytes});
  }
  if (fraction_rate_ != settings.rate) fraction_ = 0;
  fraction_rate_ = settings.rate;
  // What is left below a nanosecond is carried on: a thousand packets take a thousand times as long as one.
  const std::uint64_t parts = bytes * 8 * kNanosPerSecond + fraction_;
  free_at_ = later(free_at_, Duration{static_cast<std::int64_t>(parts / settings.rate)});
  fraction_ = parts % settings.rate;
  gone = free_at_;
  return true;
}

std::size_t Link::queued(Timestamp now) noexcept {
  while (waiting_count_ != 0 && waiting_[first_].start <= now) {
    waiting_bytes_ -= waiting_[first_].bytes;
    first_ = (first_ + 1) % static_cast<std::uint32_t>(waiting_.size());
    --waiting_count_;
  }
  return waiting_count_;
}

void Link::push(const Waiting& waiting) {
  if (waiting_count_ == waiting_.size()) {
    std::rotate(waiting_.begin(), waiting_.begin() + first_, waiting_.end());
    first_ = 0;
    waiting_.resize(std::max<std::size_t>(8, waiting_.size() * 2));
  }
  waiting_[(first_ + waiting_count_) % waiting_.size()] = waiting;
  ++waiting_count_;
  waiting_bytes_ += waiting.bytes;
}

}  // namespace holler
