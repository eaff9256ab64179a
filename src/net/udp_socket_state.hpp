#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "holler/udp_socket.hpp"

#include "net/arrival_clock.hpp"
#include "net/descriptor.hpp"

namespace holler {

struct SendSlab;

struct UdpSocket::State {
  static constexpr std::size_t kSegmentsMax = 128;    ///< Linux 6.9 and later; seen on 6.18
  static constexpr std::size_t kSegmentsMaxOld = 64;  ///< UDP_MAX_SEGMENTS before that
  /// In which no kernel drops 2^32 datagrams of one socket.
  static constexpr Duration kDropsLookedAtEvery = std::chrono::minutes{1};

  Descriptor descriptor;
  int family = 0;  ///< AF_INET or AF_INET6
  bool v6_only = false;
  Address bound;  ///< as it was bound, before any connect chose a source
  Endpoint local;
  std::optional<Endpoint> peer;
  bool errors_waiting = false;  ///< one has been met since the queue was last found empty
  /// What the kernel's counter has shown at the last look, widened: it goes round at 2^32. Any thread may
  /// look.
  std::atomic<std::uint64_t> drops = 0;
  Timestamp drops_looked_at;  ///< by the thread that receives
  bool noted = true;          ///< datagrams come with notes (cmsg(3))
  bool stamped = true;        ///< SO_TIMESTAMPNS is set
  ArrivalClock arrival_clock;
  std::size_t segments_max = kSegmentsMax;  ///< of one send; 1 where they are refused
  std::size_t segment_bytes_max = 0xffff;   ///< larger ones have been refused: they do not fit the MTU

  [[nodiscard]] std::size_t run_length(std::span<const OutgoingDatagram> datagrams) const noexcept;
  /// The source that the kernel has to be told, which costs each datagram 2 % of its way: none where it is
  /// the socket's own.
  [[nodiscard]] std::optional<Address> source_to_name(const OutgoingDatagram& datagram) const noexcept {
    return datagram.from == local.address ? std::nullopt : datagram.from;
  }
  [[nodiscard]] std::size_t pack(std::span<const OutgoingDatagram> datagrams, SendSlab& slab,
                                 std::optional<Error>& refused) const;
  void give_up_segments(int failed, std::size_t segment_bytes) noexcept;
  /// Reads the socket's own name again, after what may have changed it.
  void refresh_local() noexcept;
  [[nodiscard]] Result<void> connect(const Endpoint& to);
  [[nodiscard]] Result<void> dissolve();
  /// @param last     `drops`, read before the counter
  /// @param counter  the kernel's, modulo 2^32
  /// @return what has been dropped since the socket was made
  [[nodiscard]] static std::uint64_t widened(std::uint64_t last, std::uint32_t counter) noexcept {
    return last + static_cast<std::uint32_t>(counter - static_cast<std::uint32_t>(last));
  }
  /// Asks the kernel. A note beside each datagram (SO_RXQ_OVFL) would cost each 1 or 2 %, and tell nothing
  /// after the last one.
  std::uint64_t look_at_drops() noexcept;
  /// Looks before the counter can have gone round unseen.
  void keep_count_of_drops(Timestamp now) noexcept {
    if (now < drops_looked_at + kDropsLookedAtEvery) return;
    drops_looked_at = now;
    look_at_drops();
  }
};

}  // namespace holler
