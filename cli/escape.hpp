#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Peers' bytes in a form that a terminal and a log can take.
namespace holler::cli {

/// Whether all of `text` is well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms).
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// `text` between quotes, on one line, without anything that a terminal would obey: quotes and backslashes
/// are escaped, control characters become `\n`, `\xNN` or `\u{NNNN}`, as do characters that cannot be
/// seen or that turn the writing direction; bytes that are not UTF-8 become `\xNN`.
/// @param bytes_max  of `text` are shown; what is left off is counted, as in `"The ti"… (40 bytes more)`
[[nodiscard]] std::string quoted(std::string_view text, std::size_t bytes_max = 160);

/// `text` for a terminal, whole and without quotes: lines stay lines, and all else that `quoted` would
/// escape is escaped, but for quotes and backslashes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace holler::cli
