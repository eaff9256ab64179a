#pragma once

#include <array>
#include <cstddef>
#include <unordered_map>

#include "holler/endpoint.hpp"
#include "holler/time.hpp"

#include "net/descriptor.hpp"

namespace holler {

/// How large a datagram the paths to peers take, as far as the kernel knows: the MTU of the interface, or
/// what ICMP has told of a hop behind it (RFC 1191). Asked of a socket that is connected for the purpose and
/// sends nothing; what was learned is kept for a second.
class PathMtu {
 public:
  static constexpr std::size_t kUnknownBytes = 1200;  ///< of UDP payload, where the kernel does not say
  static constexpr Duration kKept = std::chrono::seconds{1};
  static constexpr std::size_t kPathsMax =
      4096;  ///< kept at one time; all are forgotten where one more comes

  /// @return bytes of UDP payload that fit one packet
  [[nodiscard]] std::size_t payload_bytes(Timestamp now, const Address& peer);

 private:
  struct Path {
    std::size_t payload_bytes = 0;
    Timestamp asked;
  };
  [[nodiscard]] std::size_t ask_kernel(const Address& peer);

  std::unordered_map<Endpoint, Path> paths_;  // by address, with port 0
  std::array<Descriptor, 2> sockets_;         // for IPv4 and IPv6
};

}  // namespace holler
