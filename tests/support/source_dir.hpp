#pragma once

#include <filesystem>

namespace holler {

/// Where the project's sources are, for tests that read documents and corpora.
[[nodiscard]] std::filesystem::path source_dir();

}  // namespace holler
