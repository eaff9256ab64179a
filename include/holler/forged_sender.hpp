#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"

/// Datagrams with a source that is not the sender's, to try what a program makes of them. They never leave
/// this machine: both addresses must be its own, the sockets are bound to the loopback interface, and their
/// time to live is 1.
namespace holler {

/// The time to live (hop limit) of forged datagrams, which also tells them apart for a Wiretap.
inline constexpr std::uint8_t kForgedHops = 1;

struct ForgedDatagram {
  Endpoint from;  ///< whose it pretends to be
  Endpoint to;
  Bytes bytes;
};

class ForgedSender {
 public:
  /// @error permission_denied: raw sockets need root, or CAP_NET_RAW
  [[nodiscard]] static Result<ForgedSender> open();
  ForgedSender(ForgedSender&&) noexcept;
  ForgedSender& operator=(ForgedSender&&) noexcept;
  ~ForgedSender();

  /// @return how many the kernel took, counted from the first
  /// @error of the first datagram, or of the one behind those taken: address_not_local where one of its
  ///        addresses is not this machine's, invalid_argument where they are of two families, too_large
  [[nodiscard]] Result<std::size_t> send(std::span<const ForgedDatagram> datagrams);

 private:
  struct State;
  explicit ForgedSender(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holler
