#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <sched.h>
#include <stdexcept>
#include <utility>

#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

namespace holler {

// So that GoogleTest shows them as people write them, not as bytes.
inline void PrintTo(const Address& address, std::ostream* out) { *out << address.to_string(); }
inline void PrintTo(const Endpoint& endpoint, std::ostream* out) { *out << endpoint.to_string(); }

}  // namespace holler

/// What tests with real sockets have in common.
namespace holler::testing {

/// Longer than any machine needs. Every wait ends as soon as what it waits for is there.
inline constexpr Duration kPatience = std::chrono::seconds{30};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

inline UdpSocket bound_to(const Address& address, const SocketOptions& options = {}) {
  return must(UdpSocket::bind({address, 0}, options));
}

/// Waits for datagrams; 0 if none comes.
inline std::size_t receive_some(UdpSocket& socket, ReceiveBatch& batch) {
  const Timestamp deadline = later(monotonic_now(), kPatience);
  while (monotonic_now() < deadline) {
    static_cast<void>(must(socket.wait(kPatience)));
    if (const std::size_t count = must(socket.receive(batch)); count > 0) return count;
  }
  return 0;
}

/// Waits for news in the error queue.
inline std::vector<SocketError> errors_of(UdpSocket& socket) {
  const Timestamp deadline = later(monotonic_now(), kPatience);
  while (monotonic_now() < deadline) {
    static_cast<void>(must(socket.wait(kPatience)));
    if (auto errors = socket.receive_errors(); !errors.empty()) return errors;
  }
  return {};
}

/// Tries until `condition` holds; for what nothing announces.
template <class Condition>
bool eventually(Condition&& condition) {
  const Timestamp deadline = later(monotonic_now(), kPatience);
  while (!condition()) {
    if (monotonic_now() > deadline) return false;
    ::sched_yield();
  }
  return true;
}

/// Bytes in which a part that is missing or in the wrong place shows.
inline ByteVector pattern(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

/// A port on which nobody listens (until the kernel hands it out again).
inline Endpoint dead_endpoint(const Address& address) { return bound_to(address).local_address(); }

}  // namespace holler::testing
