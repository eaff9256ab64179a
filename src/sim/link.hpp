#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "holler/random.hpp"
#include "holler/time.hpp"

/// One direction of a way between two hosts, and what it does to datagrams.
namespace holler::sim {

/// How a link treats datagrams. The default is a perfect one: nothing is lost and nothing takes time.
struct LinkSettings {
  Duration delay{};              ///< of every datagram, one way
  Duration jitter{};             ///< up to this is added at random, so that datagrams may overtake
  Ratio loss{};                  ///< of datagrams that never arrive
  Ratio duplication{};           ///< of datagrams that arrive twice
  Duration duplication_delay{};  ///< by how much the second arrival is later, beside its own jitter
  Ratio reordering{};            ///< of datagrams that are held back, so that later ones overtake
  Duration reordering_delay{};   ///< by how much they are held back
};

enum class Loss : std::uint8_t {
  none,
  chance,   ///< the link's loss ratio
  meddled,  ///< the test's meddler took it
};

/// What became of one datagram on a link: it arrives at each of `arrivals()`, or not at all.
struct Passage {
  static constexpr std::size_t kArrivalsMax = 4;

  Loss loss = Loss::none;
  bool held_back = false;
  std::size_t count = 0;
  std::array<Timestamp, kArrivalsMax> when{};

  [[nodiscard]] std::span<const Timestamp> arrivals() const noexcept { return {when.data(), count}; }
  void arrive(Timestamp time) noexcept {
    if (count < kArrivalsMax) when[count++] = time;
  }
};

/// A link has settings, which may change at any virtual time and hold for what is sent from then on, and
/// (for limits on rate, bursts of loss and the like) a state of its own.
class Link {
 public:
  Link() = default;
  explicit Link(const LinkSettings& with) noexcept : settings{with} {}

  [[nodiscard]] Passage carry(Timestamp now, std::size_t datagram_bytes, RandomSource& random);

  LinkSettings settings;
};

}  // namespace holler::sim
