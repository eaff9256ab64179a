#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"

/// Somebody on the path: sees what passes between a server and its askers, where all of them are on this
/// machine, as tcpdump(8) would.
namespace holler {

/// A datagram that has passed.
struct SeenDatagram {
  Endpoint from;
  Endpoint to;
  Bytes bytes;  ///< valid during the call
};

class Wiretap {
 public:
  /// @param server  whose datagrams are seen: those from it and those to it, but none of a ForgedSender's
  /// @error permission_denied: packet sockets need root, or CAP_NET_RAW
  [[nodiscard]] static Result<Wiretap> open(const Endpoint& server);
  Wiretap(Wiretap&&) noexcept;
  Wiretap& operator=(Wiretap&&) noexcept;
  ~Wiretap();

  /// Calls `visit` with what has passed since the last call, without waiting.
  /// @bound  1024 datagrams in one call
  [[nodiscard]] Result<std::size_t> receive(const std::function<void(const SeenDatagram&)>& visit);
  /// Datagrams that passed unseen because nobody called `receive` in time, since it was last asked.
  [[nodiscard]] std::uint64_t take_drops() const noexcept;
  /// Becomes readable when something has passed, for poll. It stays this object's.
  [[nodiscard]] int native_handle() const noexcept;

 private:
  struct State;
  explicit Wiretap(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holler
