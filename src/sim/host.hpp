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

class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  virtual void handle_datagram(Timestamp now, const Delivered& datagram) = 0;
  virtual void handle_unreachable(Timestamp /*now*/, const Returned& /*datagram*/) {}
  virtual void handle_timeout(Timestamp /*now*/) {}
  [[nodiscard]] virtual Timestamp next_timeout() const { return kNever; }

 private:
  friend class World;
  std::uint32_t number_ = 0;
  Timestamp armed_ = kNever;
  Timestamp last_wake_ = Timestamp::min();
  std::uint32_t wakes_at_once_ = 0;
  bool frozen_ = false;
};

}  // namespace holler::sim
