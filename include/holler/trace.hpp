#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "holler/bytes.hpp"
#include "holler/codec.hpp"
#include "holler/drop_reason.hpp"
#include "holler/endpoint.hpp"
#include "holler/time.hpp"

/// A look at every datagram, for `--trace` and for debugging.
namespace holler {

struct TraceEvent {
  enum class Kind : std::uint8_t {
    sent,      ///< left through a socket
    received,  ///< arrived and was used; `reply_kind` says as what
    dropped,   ///< arrived, or was to be sent, and was dropped for `drop`
    icmp,      ///< an ICMP error arrived; `system_errno` says which
  };
  Kind kind = Kind::sent;
  Timestamp when;
  Endpoint local;
  Endpoint peer;
  std::size_t bytes = 0;                ///< of the datagram's payload, with the protocol's header
  std::uint32_t attempt = 0;            ///< for sent: which transmission; 0 for unknown
  Duration wait{};                      ///< for a request sent: until the next one
  std::optional<ReplyKind> reply_kind;  ///< for received by a client, or sent by a server
  std::optional<DropReason> drop;
  int system_errno = 0;
  bool repeat = false;  ///< a server's: of a request already known
  Bytes datagram;       ///< valid during the call
};

/// Called in the thread that drives the socket, between datagrams: keep it short.
using Tracer = std::function<void(const TraceEvent&)>;

}  // namespace holler
