#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "holler/endpoint.hpp"

/// What went wrong, what was being attempted, and what to do about it.
namespace holler {

enum class ErrorCode : std::uint8_t {
  no_answer,          ///< the deadline passed; whether the peer is slow, gone or cut off is unknown
  refused,            ///< the peer's host says that nobody listens on that port now (ICMP)
  declined,           ///< the server answered that it will not do this
  unknown,            ///< the server was restarted: an earlier life of it may have done this or not
  busy,               ///< the server answered that it is overloaded, until the deadline
  cancelled,          ///< the caller cancelled it
  too_large,          ///< the payload exceeds `payload_bytes_max`
  invalid_argument,   ///< the caller asked for something that means nothing
  name_unknown,       ///< a host or service name does not exist
  name_unavailable,   ///< the name could not be looked up now; a later try may succeed
  address_in_use,     ///< another socket holds the address and port
  address_not_local,  ///< no interface has that address
  permission_denied,
  unreachable,       ///< no route to the peer, as far as this host knows
  out_of_resources,  ///< descriptors, memory, or a bound of docs/limits.md
  unsupported,       ///< this system cannot do it
  system,            ///< anything else the kernel says: see `system_errno`
};

[[nodiscard]] std::string_view name_of(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::system;
  int system_errno = 0;                          ///< 0 where no system call failed
  std::string attempted;                         ///< what was being done: "bind", "resolve guinness"
  std::optional<Endpoint> endpoint;              ///< whom it was about
  std::string advice;                            ///< what to do, as a clause; may be empty
  std::optional<std::size_t> payload_bytes_max;  ///< for too_large: the largest payload that fits
  /// Of a question: a copy of it may have reached a server that has done what it says, though no answer came
  /// back. Without it, it is certain that nothing was done.
  bool maybe_done = false;

  /// One line: what was attempted, on what, why it failed, what to do.
  [[nodiscard]] std::string message() const;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(Error error) {
  return std::unexpected<Error>{std::move(error)};
}

}  // namespace holler
