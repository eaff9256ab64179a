#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/error.hpp"
#include "holler/time.hpp"

#include "net/descriptor.hpp"

namespace holler {

/// Reads along on the loopback interface, where everything passes that this machine sends to itself: the
/// UDP packets from or to one port (packet(7)).
class PacketSocket {
 public:
  /// @param unless_hops  packets with this time to live or hop limit are left out
  /// @error permission_denied: needs CAP_NET_RAW
  [[nodiscard]] static Result<PacketSocket> open(std::uint16_t port, std::uint8_t unless_hops);

  /// Calls `visit` with each packet that is there, from its IP header on, without waiting; 1024 at most.
  /// @return how many
  [[nodiscard]] Result<std::size_t> receive(const std::function<void(Bytes)>& visit);
  /// Packets that were lost because nobody read in time, since the last call.
  [[nodiscard]] std::uint64_t take_drops() const noexcept;
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.get(); }

 private:
  explicit PacketSocket(Descriptor descriptor);
  Descriptor descriptor_;
  std::vector<std::byte> room_;
};

}  // namespace holler
