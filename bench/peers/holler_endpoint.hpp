#pragma once

#include <bit>
#include <cstdint>

#include "holler/endpoint.hpp"

#include "common.hpp"

namespace peers {

[[nodiscard]] inline holler::Endpoint endpoint_of(const Options& options) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(socket_address(options).sin_addr);
  return {holler::Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]), options.port};
}

}  // namespace peers
