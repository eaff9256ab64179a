#include "tests/support/source_dir.hpp"

namespace holler {

std::filesystem::path source_dir() { return HOLLER_SOURCE_DIR; }

}  // namespace holler
