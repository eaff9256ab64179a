#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

/// From what people type to values. What cannot be read says why, in a clause that follows the option's name.
namespace holler::cli {

template <class T>
using Parsed = std::expected<T, std::string>;

/// `100ms`, `1.5s`, `2m`, `1h`, `250us`; `0` needs no unit. At most a year.
[[nodiscard]] Parsed<Duration> parse_duration(std::string_view text);
/// As parse_duration, and above zero.
[[nodiscard]] Parsed<Duration> parse_wait(std::string_view text);
/// `50%`, `12.5%`, or `0.5`, from none to all.
[[nodiscard]] Parsed<Ratio> parse_ratio(std::string_view text);
/// A whole number from 1 to 4294967295.
[[nodiscard]] Parsed<std::uint32_t> parse_count(std::string_view text);
/// A whole number from 0 to 2^64 - 1.
[[nodiscard]] Parsed<std::uint64_t> parse_number(std::string_view text);
/// A number from 0 to 65535 or a service name, as text that is sure to mean a port.
[[nodiscard]] Parsed<std::string> parse_port(std::string_view text);
/// As parse_port, and not 0: a port to ask.
[[nodiscard]] Parsed<std::string> parse_peer_port(std::string_view text);
/// `192.0.2.0/24`, or one address.
[[nodiscard]] Parsed<Subnet> parse_block(std::string_view text);

}  // namespace holler::cli
