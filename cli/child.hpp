#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/time.hpp"

namespace holler::cli {

/// A shell command to be run once, with bytes in and bytes out.
struct ChildTask {
  const char* command = "";              ///< for sh -c
  Bytes input;                           ///< for its standard input
  std::vector<std::string> environment;  ///< NAME=VALUE, beside our own
  std::size_t output_bytes_max = 0;      ///< of its standard output; more ends it
  Duration time_max = kForever;          ///< after which it is ended
  int stop_descriptor = -1;              ///< it is ended when this becomes readable
};

enum class ChildEnd : std::uint8_t {
  exited,       ///< by itself; `status` is its exit status, or 128 and the signal that killed it
  too_long,     ///< said more than `output_bytes_max`
  too_slow,     ///< took longer than `time_max`
  stopped,      ///< ended because of `stop_descriptor`
  not_started,  ///< `status` is the errno
};

struct ChildResult {
  ChildEnd end = ChildEnd::not_started;
  int status = 0;
  ByteVector output;
};

/// Runs it to its end, and reaps it. A child that has to be ended gets SIGTERM, with its whole process group,
/// and after a second SIGKILL. From any thread.
[[nodiscard]] ChildResult run_child(const ChildTask& task);

/// Ends all that run, at once, with what they have started; for a program that does not wait for them, and
/// ends itself. From any thread. Nothing is started after it.
void kill_children() noexcept;

}  // namespace holler::cli
