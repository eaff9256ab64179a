#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "holler/drop_reason.hpp"
#include "holler/time.hpp"

/// Small pieces of sentences.
namespace holler::cli {

/// Three digits and a unit that fits: `0.31 ms`, `100 ms`, `1.5 s`, `12.3 s`, `4 min 10 s`.
[[nodiscard]] std::string shown(Duration duration);
/// The same with microseconds where that says more: `21.4 us`, `999 us`, `1.5 ms`.
[[nodiscard]] std::string shown_finely(Duration duration);
/// `1 attempt`, `2 attempts`.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);
/// `1,000,000`.
[[nodiscard]] std::string grouped(std::uint64_t count);
/// `wrong_source 2, late 1`, or nothing.
[[nodiscard]] std::string shown(const DropCounts& counts);
/// The local time of day, to the millisecond.
[[nodiscard]] std::string time_of_day();
/// Now, in UTC as RFC 3339 has it, to the millisecond.
[[nodiscard]] std::string utc_time();

/// The escape sequences that colour a piece of text; each is empty where colour is not wanted.
struct Palette {
  std::string_view good, bad, note, dim, end;
};
[[nodiscard]] Palette palette(bool wants_colour) noexcept;

}  // namespace holler::cli
