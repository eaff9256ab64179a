#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

/// One direction of a way between two hosts, and what it does to datagrams: the model that the simulator and
/// the relay (impairer.hpp) share. It has no clock and no randomness of its own: the same arguments and the
/// same random source give the same fates, on every machine.
namespace holler {

/// Loss in bursts: a link that is good or bad, and moves between the two with each datagram (Gilbert 1960,
/// Elliott 1963). The share of datagrams that meet it bad is begin / (begin + end), the mean length of a bad
/// time is 1 / end datagrams. While it is good, `LinkSettings::loss` holds.
struct BurstLoss {
  Ratio begin{};              ///< p: from good to bad; 0 for never, which also ends a burst that is on
  Ratio end{.part = 1};       ///< r: from bad to good
  Ratio loss = percent(100);  ///< of datagrams that meet it bad
};

/// How a link treats datagrams. The default is a perfect one: nothing is lost and nothing takes time.
///
/// In this order: what is blocked or exceeds the MTU never gets on; then comes the queue, in front of the
/// rate; then the wire, where loss, corruption, delay, reordering and duplication happen. So what the wire
/// loses has used its share of the rate, and a ratio is one of what the queue let through.
struct LinkSettings {
  Duration delay{};              ///< of every datagram, one way
  Duration jitter{};             ///< up to this is added at random, so that datagrams may overtake
  Ratio loss{};                  ///< of datagrams that never arrive
  BurstLoss burst{};             ///< the same, in bursts
  Ratio duplication{};           ///< of datagrams that arrive twice
  Duration duplication_delay{};  ///< by how much the second arrival is later, beside its own jitter
  Ratio reordering{};            ///< of datagrams that are held back, so that later ones overtake
  Duration reordering_delay{};   ///< by how much they are held back
  /// Of datagrams with bits that changed on the wire: the receiver's checksum (RFC 768) does not fit, and its
  /// kernel throws them away. They never arrive.
  Ratio checksum_errors{};
  /// Of arrivals with bytes that changed where no checksum sees it (in a router's memory, by a box that
  /// writes the checksum anew; Stone and Partridge 2000). They arrive: see `Passage::Arrival`.
  Ratio corruption{};
  /// Bits in a second, of packets with their IP and UDP headers, but not of what the link puts around them; 0
  /// for no limit. Up to 10^15.
  std::uint64_t rate = 0;
  /// How much may wait for its turn, beside the datagram that is being sent. What finds no room is lost, and
  /// what is in the queue stays (tail drop). Linux gives an interface a queue of 1000 packets.
  std::uint32_t queue_datagrams_max = 1000;
  std::uint64_t queue_bytes_max = std::numeric_limits<std::uint64_t>::max();  ///< with headers
  /// The largest packet with its headers; 0 for no limit. Larger ones are lost: this link does not fragment,
  /// as no link does for IPv6 (RFC 8200 §5), or for IPv4 with "don't fragment".
  std::uint32_t mtu_bytes = 0;
  bool icmp_too_big = true;  ///< the sender is told of it; false for a black hole (RFC 2923 §2.1)
  bool blocked = false;      ///< nothing passes: a partition, or a way that works in one direction only
};

enum class Loss : std::uint8_t {
  none,
  chance,      ///< the link's loss ratio
  burst,       ///< the bad times of `LinkSettings::burst`
  queue_full,  ///< no room in front of the rate
  too_big,     ///< larger than the MTU
  checksum,    ///< it was damaged, and the receiver's checksum saw that
  blocked,
  meddled,  ///< somebody took it: a test, or an attacker on the way
};
inline constexpr std::size_t kLossKinds = 8;

/// In a few words: "by chance", "in a burst", "queue full", …
[[nodiscard]] std::string_view name_of(Loss loss) noexcept;

/// What became of one datagram on a link: it arrives at each of `arrivals()`, or not at all.
struct Passage {
  static constexpr std::size_t kArrivalsMax = 4;
  struct Arrival {
    Timestamp when;
    std::uint64_t damage = 0;  ///< not 0: the bytes arrive as `holler::damage(bytes, damage)` leaves them
  };

  Loss loss = Loss::none;
  bool held_back = false;
  std::uint32_t path_mtu_bytes = 0;  ///< not 0: ICMP tells the sender that it was too big, and what fits
  std::size_t count = 0;
  std::array<Arrival, kArrivalsMax> at{};

  [[nodiscard]] std::span<const Arrival> arrivals() const& noexcept { return {at.data(), count}; }
  std::span<const Arrival> arrivals() const&& = delete;  // they live as long as the passage
  /// A further arrival; one beyond `kArrivalsMax` is forgotten.
  void arrive(Arrival arrival) noexcept {
    if (count < kArrivalsMax) at[count++] = arrival;
  }
};

/// The size of a packet: a UDP payload with its UDP header of 8 bytes (RFC 768) and an IP header of 20 for
/// IPv4 (RFC 791) or 40 for IPv6 (RFC 8200), both without options.
[[nodiscard]] constexpr std::size_t packet_bytes(const Address& peer, std::size_t payload_bytes) noexcept {
  return payload_bytes + 8 + (peer.is_v6() ? 40 : 20);
}

/// Alters bytes as `how` says, always in the same way: a bit is flipped, a few bytes are overwritten, or two
/// 16-bit words change places (which the Internet checksum cannot see, for its sum has no order: RFC 1071).
/// @return false where nothing can change: there are no bytes
bool damage(MutableBytes bytes, std::uint64_t how) noexcept;

/// A link has settings, which may be changed at any time and hold for what is sent from then on, and a state
/// of its own: whether it is in a burst of loss, and what is in its queue. What is in the queue leaves at the
/// time it was given, also where the rate has changed.
class Link {
 public:
  Link() = default;
  explicit Link(const LinkSettings& with) noexcept : settings{with} {}

  /// Takes a packet at `now`, which never goes back. Draws no number for what cannot happen, so that an
  /// effect that is off shifts no other's luck.
  /// @param packet_bytes  with headers: see `holler::packet_bytes`
  [[nodiscard]] Passage carry(Timestamp now, std::size_t packet_bytes, RandomSource& random);

  /// Datagrams that wait for their turn.
  [[nodiscard]] std::size_t queued(Timestamp now) noexcept;
  [[nodiscard]] bool in_burst() const noexcept { return bad_; }

  LinkSettings settings;

 private:
  struct Waiting {
    Timestamp start;  ///< when its turn comes
    std::size_t bytes = 0;
  };

  /// When the packet has left, or nothing where it finds no room in the queue.
  [[nodiscard]] bool transmit(Timestamp now, std::size_t bytes, Timestamp& gone);
  [[nodiscard]] Loss lose(RandomSource& random);
  void arrive(Passage& passage, Timestamp when, RandomSource& random) const;
  void push(const Waiting& waiting);

  Timestamp free_at_ = Timestamp::min();  ///< when all that was taken has been sent
  std::uint64_t fraction_ = 0;            ///< of a nanosecond after `free_at_`, in parts of `rate`
  std::uint64_t fraction_rate_ = 0;       ///< the rate that `fraction_` was counted with
  std::uint64_t waiting_bytes_ = 0;
  std::vector<Waiting> waiting_;  ///< a ring; empty as long as nothing ever waits
  std::uint32_t first_ = 0;
  std::uint32_t waiting_count_ = 0;
  bool bad_ = false;
};

}  // namespace holler
