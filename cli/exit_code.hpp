#pragma once

#include <cstdint>
#include <string>

#include "holler/error.hpp"

namespace holler::cli {

/// How the command ended, for scripts. The numbers are promised in the README and in `--help`.
enum class ExitCode : std::uint8_t {
  answered = 0,
  no_answer = 1,
  usage = 2,
  refused = 3,
  local_failure = 4,
  too_large = 5,
  declined = 6,
  interrupted = 130,  ///< 128 + SIGINT, as shells have it
};

[[nodiscard]] ExitCode exit_code_for(ErrorCode code) noexcept;

/// The table of exit codes, as `--help` shows it.
[[nodiscard]] std::string exit_code_table();

}  // namespace holler::cli
