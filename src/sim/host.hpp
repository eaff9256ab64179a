#pragma once

#include <cstdint>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/time.hpp"

/// A machine in the simulated network.
namespace holler::sim {

/// One endpoint of one host, as the world numbers them.
using Port = std::uint32_t;

/// A datagram that arrives. The bytes live during the call.
struct Delivered {
  Port at = 0;
  Endpoint from;
  Endpoint to;
  Bytes bytes;
  Duration waited{};  ///< in the receive buffer of a host that was stopped
};

/// A datagram that came back: nobody listens where it went, or it was larger than the way is wide.
struct Returned {
  Port at = 0;
  Endpoint to;
  Bytes quote;
  std::uint32_t path_mtu_bytes = 0;  ///< not 0: it was too big, and this is what fits, with headers
};

/// Whether a host runs, and what becomes of datagrams for it where it does not.
enum class Power : std::uint8_t {
  running,
  stopped,    ///< as by Ctrl+Z: its clock goes on, and datagrams wait in the receive buffer
  suspended,  ///< as a closed laptop: its clock stands still, and datagrams are lost
  dozing,     ///< suspended with the network on: datagrams wait in the receive buffer
  ended,      ///< its process is gone, and its ports refuse
  off,        ///< its machine is gone: silence
};

class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  /// @param now  on the host's own clock, which is the world's less the time that it was suspended
  virtual void handle_datagram(Timestamp now, const Delivered& datagram) = 0;
  virtual void handle_unreachable(Timestamp /*now*/, const Returned& /*datagram*/) {}
  virtual void handle_timeout(Timestamp /*now*/) {}
  /// On the host's own clock.
  [[nodiscard]] virtual Timestamp next_timeout() const { return kNever; }
  /// Begins anew: everything that was in memory is gone, the endpoints are the same.
  virtual void restart() {}

  [[nodiscard]] Power power() const noexcept { return power_; }
  [[nodiscard]] bool running() const noexcept { return power_ == Power::running; }
  /// As the world numbers its hosts, from 0.
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  /// How often its memory was lost.
  [[nodiscard]] std::uint32_t restarts() const noexcept { return restarts_; }
  /// How long its own clock has stood still.
  [[nodiscard]] Duration asleep() const noexcept { return asleep_; }
  /// The world's time at which it last began to run again.
  [[nodiscard]] Timestamp woken() const noexcept { return woken_; }

 private:
  friend class World;
  std::uint32_t number_ = 0;
  std::uint32_t restarts_ = 0;
  Timestamp armed_ = kNever;  // on the world's clock
  Timestamp last_wake_ = Timestamp::min();
  std::uint32_t wakes_at_once_ = 0;
  Power power_ = Power::running;
  Timestamp paused_ = kNever;  // since when its clock stands still
  Timestamp woken_ = Timestamp::min();
  Duration asleep_{};
};

}  // namespace holler::sim
