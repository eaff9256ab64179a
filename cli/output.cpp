#include "cli/output.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <unistd.h>

#include "cli/escape.hpp"

namespace holler::cli {

void Output::write(std::string_view bytes) {
  const std::scoped_lock lock{mutex_};
  while (failure_ == 0 && !bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Whoever shares the descriptor has made it non-blocking.
      pollfd writable{descriptor_, POLLOUT, 0};
      (void)::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
}

int Output::failure() const {
  const std::scoped_lock lock{mutex_};
  return failure_;
}

bool Output::is_terminal() const noexcept { return ::isatty(descriptor_) == 1; }

bool Output::wants_colour() const noexcept {
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view{terminal} == "dumb") return false;
  return is_terminal();
}

Output& standard_output() noexcept {
  static Output output{STDOUT_FILENO};
  return output;
}

Output& standard_error() noexcept {
  static Output output{STDERR_FILENO};
  return output;
}

void complain(std::string_view message) { standard_error().write("holler: " + printable(message) + "\n"); }

void occupy_standard_descriptors() noexcept {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // Open takes the lowest free number, which is this one.
    (void)::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace holler::cli
