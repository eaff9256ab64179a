#pragma once

#include <cstdint>
#include <string_view>

#include "holler/impairer.hpp"

#include "cli/values.hpp"

/// What people type of links: see values.hpp.
namespace holler::cli {

/// `2mbit`, `512kbit`, `9600bit`, `1.5gbit`: bits in a second, from 1 to 10^15; decimal, as rates are.
[[nodiscard]] Parsed<std::uint64_t> parse_rate(std::string_view text);
/// `2%,25%`: from good to bad, and back; `2%,25%,80%`: with the share that a bad time loses.
[[nodiscard]] Parsed<BurstLoss> parse_burst(std::string_view text);
/// `5s@20s`: so long, from then on.
[[nodiscard]] Parsed<Outage> parse_outage(std::string_view text);
/// `200ms@20s`: so much delay, from then on.
[[nodiscard]] Parsed<DelayStep> parse_delay_step(std::string_view text);
/// From 68 bytes, the least that IPv4 allows (RFC 791), to 65535.
[[nodiscard]] Parsed<std::uint32_t> parse_mtu(std::string_view text);
/// From 0 to 65536 datagrams, as many as a relay keeps.
[[nodiscard]] Parsed<std::uint32_t> parse_queue(std::string_view text);

/// A share of datagrams, and a time that goes with it.
struct ShareAndTime {
  Ratio share{};
  Duration time{};
};
/// `5%`: at once; `5%,2ms`: that much later.
[[nodiscard]] Parsed<ShareAndTime> parse_duplication(std::string_view text);
/// `5%`: by 20 ms; `5%,100ms`.
[[nodiscard]] Parsed<ShareAndTime> parse_reordering(std::string_view text);

}  // namespace holler::cli
