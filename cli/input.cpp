#include "cli/input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace holler::cli {

std::expected<std::string, int> read_standard_input(std::size_t bytes_max, int stop_descriptor) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (text.size() <= bytes_max) {
    std::array<pollfd, 2> events{{{STDIN_FILENO, POLLIN, 0}, {stop_descriptor, POLLIN, 0}}};
    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return std::unexpected{errno};
    if (events[1].revents != 0) return std::unexpected{ECANCELED};
    if (events[0].revents == 0) continue;
    const std::size_t wanted = std::min(buffer.size(), bytes_max + 1 - text.size());
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), wanted);
    if (count == 0) break;
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR && errno != EAGAIN) return std::unexpected{errno};
  }
  return text;
}

bool standard_input_is_terminal() noexcept { return ::isatty(STDIN_FILENO) == 1; }

}  // namespace holler::cli
