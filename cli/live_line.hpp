#pragma once

#include <cstddef>
#include <string>

namespace holler::cli {

/// One line of a terminal on standard error that is written over and over. Without escape sequences, so that
/// any terminal can take it; and not longer than its line, for of one that wraps only the end would be
/// replaced.
class LiveLine {
 public:
  void show(std::string text);
  /// Leaves nothing of it.
  void clear();

 private:
  std::size_t columns_ = 0;  ///< of what stands there, which the next text has to cover
};

}  // namespace holler::cli
