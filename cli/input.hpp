#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace holler::cli {

/// Reads standard input to its end, or until there are more than `bytes_max`: then it has one byte more, so
/// that the caller can tell.
/// @param stop_descriptor  reading ends when it becomes readable
/// @return the errno of a failed read; ECANCELED for a stop
[[nodiscard]] std::expected<std::string, int> read_standard_input(std::size_t bytes_max, int stop_descriptor);

[[nodiscard]] bool standard_input_is_terminal() noexcept;

}  // namespace holler::cli
