#pragma once

#include <cstddef>
#include <span>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"

#include "net/descriptor.hpp"

namespace holler {

/// A packet to send, with the IP header that its maker gave it (raw(7), IP_HDRINCL).
struct RawPacket {
  Address to;  ///< again, as the kernel wants it
  Bytes bytes;
};

/// Raw sockets of both families that are bound to the loopback interface: the kernel has no way to send
/// their packets out of the machine.
class RawSockets {
 public:
  /// @error permission_denied: needs CAP_NET_RAW; unsupported
  [[nodiscard]] static Result<RawSockets> open();

  /// @return how many the kernel took, counted from the first
  /// @error for the packet behind those, if there are none
  [[nodiscard]] Result<std::size_t> send(std::span<const RawPacket> packets);

 private:
  RawSockets(Descriptor v4, Descriptor v6) noexcept : v4_{std::move(v4)}, v6_{std::move(v6)} {}
  Descriptor v4_;
  Descriptor v6_;  ///< closed where the kernel has no IPv6
};

}  // namespace holler
