#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/values.hpp"

namespace holler::cli {

/// The name servers to ask, one after another, each as `HOST:PORT` with both parts sure to be there.
/// @param typed  behind the `@`: `HOST`, `HOST:PORT`, `[V6]:PORT`; nullopt for those of /etc/resolv.conf, or
///               127.0.0.1 where it names none (resolv.conf(5))
/// @param port   for servers that are named without one; nullopt for 53
[[nodiscard]] Parsed<std::vector<std::string>> name_servers(const std::optional<std::string>& typed,
                                                            const std::optional<std::string>& port);

}  // namespace holler::cli
