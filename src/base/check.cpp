#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace holler {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "holler: broken promise: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace holler
