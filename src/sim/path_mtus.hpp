#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "holler/endpoint.hpp"
#include "holler/time.hpp"

namespace holler::sim {

/// What the hosts' kernels have learned from ICMP of the ways that they send on, as Linux does by default
/// (ip(7), IP_MTU_DISCOVER): a datagram that was too big is lost, and the next one leaves in fragments.
class PathMtus {
 public:
  void learn(Timestamp now, const Address& from, const Address& to, std::uint32_t mtu_bytes) {
    learned_[{from, 0}][{to, 0}] = {mtu_bytes, later(now, kForgottenAfter)};
  }
  /// With headers; 0 for no limit that is known.
  [[nodiscard]] std::uint32_t find(Timestamp now, const Address& from, const Address& to) const;

  /// The sizes of the packets, with headers, that a UDP payload leaves in over a way of that MTU.
  /// All but the last carry a multiple of 8 bytes (RFC 791 §3.2, RFC 8200 §4.5).
  [[nodiscard]] static std::vector<std::size_t> fragments(const Address& to, std::size_t payload_bytes,
                                                          std::uint32_t mtu_bytes);

 private:
  /// Linux's net.ipv4.route.mtu_expires; RFC 1191 §6.3 has the same.
  static constexpr Duration kForgottenAfter = std::chrono::minutes{10};
  struct Learned {
    std::uint32_t mtu_bytes = 0;
    Timestamp until;
  };
  std::unordered_map<Endpoint, std::unordered_map<Endpoint, Learned>> learned_;
};

}  // namespace holler::sim
