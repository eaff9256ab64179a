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

/// Sends packets of both IP versions through the loopback interface alone: the kernel has no way to send them
/// out of the machine.
class RawSockets {
 public:
  /// @error permission_denied: needs CAP_NET_RAW
  [[nodiscard]] static Result<RawSockets> open();

  /// @return how many the kernel took, counted from the first
  /// @error for the packet behind those, if there are none
  [[nodiscard]] Result<std::size_t> send(std::span<const RawPacket> packets);

 private:
  RawSockets(Descriptor v4, Descriptor v6) noexcept : v4_{std::move(v4)}, v6_{std::move(v6)} {}
  Descriptor v4_;
  Descriptor v6_;
};

}  // namespace holler
