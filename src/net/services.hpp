#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holler {

/// A UDP service that everyone should know, as registered with IANA.
struct Service {
  std::string_view name;
  std::uint16_t port;
};

/// The built-in list, for machines without /etc/services.
[[nodiscard]] std::optional<std::uint16_t> built_in_port(std::string_view name) noexcept;
[[nodiscard]] std::optional<std::string_view> built_in_service(std::uint16_t port) noexcept;

}  // namespace holler
