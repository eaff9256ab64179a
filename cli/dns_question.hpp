#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holler/dns.hpp"

#include "cli/values.hpp"

namespace holler::cli {

struct DnsQuestion {
  dns::Question question;
  std::optional<std::string> server;  ///< as typed behind the `@`
};

/// Reads NAME [TYPE] [CLASS] [@SERVER], with the server anywhere, as people know it from dig. An address is
/// a name to ask for in reverse, unless another type than PTR is asked for.
/// @param reverse  an address in place of NAME, or empty
[[nodiscard]] Parsed<DnsQuestion> read_dns_question(const std::vector<std::string>& typed,
                                                    const std::string& reverse);

}  // namespace holler::cli
