#include "cli/live_line.hpp"

#include <algorithm>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/output.hpp"

namespace holler::cli {
namespace {

std::size_t terminal_columns() noexcept {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

}  // namespace

void LiveLine::show(std::string text) {
  text.resize(std::min(text.size(), terminal_columns() - 1));
  std::string line = "\r" + text;
  if (text.size() < columns_) line.append(columns_ - text.size(), ' ');
  columns_ = text.size();
  standard_error().write(text.empty() ? line + "\r" : line);
}

void LiveLine::clear() {
  if (columns_ != 0) show("");
}

}  // namespace holler::cli
