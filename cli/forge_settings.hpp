#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holler/endpoint.hpp"
#include "holler/time.hpp"

#include "cli/forgery.hpp"

namespace holler::cli {

enum class ForgeMode : std::uint8_t {
  stranger,  ///< from an address of its own
  spoof,     ///< as the server, with a guessed ID
  flood,     ///< the same, as often and as fast as can be
  replay,    ///< what has been said, once more
  onpath,    ///< as the server, with the ID that it has seen
};
[[nodiscard]] std::string_view name_of(ForgeMode mode) noexcept;

struct ForgeSettings {
  ForgeMode mode = ForgeMode::stranger;
  Endpoint server;                ///< whom the client asks
  std::optional<Address> client;  ///< empty: whoever asks
  std::optional<std::uint16_t> client_port;
  std::optional<Dialect> dialect;       ///< empty: what the client speaks
  std::optional<std::uint32_t> count;   ///< see `count_of`
  Duration delay{};                     ///< of replays
  std::optional<Endpoint> replay_from;  ///< another source for the requests that are replayed
  Duration time_max = kForever;
  bool knows_port = false;
  bool knows_number = false;
  std::string say = "FAKE";
  std::vector<std::string> command;
  bool json = false;
  bool quiet = false;

  /// How many: for each port of a client (stranger, spoof), in all (flood), of each datagram (replay), for
  /// each request (onpath).
  [[nodiscard]] std::uint64_t count_of() const noexcept {
    switch (mode) {
      case ForgeMode::stranger:
      case ForgeMode::spoof: return count.value_or(3);
      case ForgeMode::flood: return count.value_or(1'000'000);
      case ForgeMode::replay:
      case ForgeMode::onpath: break;
    }
    return count.value_or(1);
  }
};

}  // namespace holler::cli
