#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

#include "sim/world.hpp"

namespace holler::sim {

/// What one datagram costs a server's one processor. All of them zero is a server that is never short of
/// time.
struct ServerCosts {
  Duration take{};    ///< the kernel takes it off the line; also where the receive buffer has no room for it
  Duration look{};    ///< the server reads it and finds out what it is
  Duration answer{};  ///< a reply or note is written and sent
  Duration work{};    ///< what the handler does for a new request

  /// A server that can answer so many new requests a second, each with 1/20 of its time for each step but the
  /// handler's work: what loopback costs (3 us each way) for a handler of about 50 us. So a datagram that
  /// finds no room costs a twentieth of a request, and a repeat that is answered from memory three.
  [[nodiscard]] static ServerCosts of_rate(std::uint32_t requests_per_second) noexcept;
};

struct LoadedServerOptions {
  ServerCosts costs{};
  /// Datagrams that wait in the receive buffer. 4 MiB, which holler asks for, have room for some 5000 small
  /// ones: Linux counts 768 bytes for each.
  std::size_t receive_buffer_datagrams = 5000;
  std::size_t reply_bytes = 32;
  ResponderOptions responder{};
};

/// A server with one processor and a receive buffer: while it works, what arrives waits, and what arrives
/// takes time from the work, as interrupts do. It answers every request with as many bytes as it was told.
class LoadedServer final : public Host {
 public:
  struct Counts {
    std::uint64_t arrived = 0;    ///< datagrams that reached the host
    std::uint64_t overflown = 0;  ///< of them, those that found no room in the receive buffer
    std::uint64_t handled = 0;    ///< requests that the handler worked on
    std::uint64_t repeated = 0;   ///< copies that were answered from memory
    std::uint64_t declined = 0;   ///< "busy", "verify"
    std::uint64_t dropped = 0;    ///< by the responder, most often because nobody waits any more
    std::uint64_t sent = 0;       ///< datagrams
    Duration useful{};            ///< processor time for requests that were handled
    Duration wasted{};            ///< and for everything else
  };

  LoadedServer(World& world, const Endpoint& at, const LoadedServerOptions& options = {});

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const ResponderStats& stats() const noexcept { return responder_.stats(); }
  [[nodiscard]] const Endpoint& at() const noexcept { return at_; }

  void handle_datagram(Timestamp now, const Delivered& datagram) override;
  void handle_timeout(Timestamp now) override;
  [[nodiscard]] Timestamp next_timeout() const override;

 private:
  struct Waiting {
    Endpoint from;
    Timestamp arrived;
    ByteVector bytes;
  };
  struct Receiving {
    Receipt receipt;
    std::optional<JobHandle> job;
  };

  void look(Timestamp now);
  void finish(Timestamp now);
  Receiving receive(Timestamp now, const Waiting& datagram);
  void spend(Timestamp now, Duration time) { free_at_ = later(std::max(free_at_, now), time); }

  World& world_;
  SeededRandom random_;
  LoadedServerOptions options_;
  Responder responder_;
  Endpoint at_;
  Port port_;
  std::vector<Waiting> buffer_;  // a ring, whose places keep their memory
  std::size_t first_ = 0;
  std::size_t waiting_ = 0;
  Timestamp free_at_ = Timestamp::min();  // when the processor has done what it is doing
  bool at_work_ = false;                  // it has looked at a datagram, and not yet sent what follows
  std::optional<JobHandle> job_;
  ByteVector reply_;
  Counts counts_;
};

}  // namespace holler::sim
