#pragma once

#include <cstddef>
#include <optional>

#include "holler/dns.hpp"

namespace holler::dns {

/// Reads the name that begins at `offset` of `message`, following compression pointers (RFC 1035 §4.1.4).
/// @param offset  moves past the name, which is past the first pointer where there is one
/// @return nullopt: cut off, too long, a reserved label type, or a pointer that does not point backward
[[nodiscard]] std::optional<Name> read_name(Bytes message, std::size_t& offset);

}  // namespace holler::dns
