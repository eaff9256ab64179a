#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/targets.hpp"
#include "tests/support/source_dir.hpp"

// The inputs that fuzzing has found worth keeping, run again with every compiler and sanitizer.

namespace holler::fuzz {
namespace {

std::vector<std::filesystem::path> kept_inputs(std::string_view target) {
  std::vector<std::filesystem::path> paths;
  const auto folder = source_dir() / "tests/fuzz/corpus" / target;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsRunWithoutAViolation) {
  const auto paths = kept_inputs(GetParam().name);
  EXPECT_FALSE(paths.empty()) << "no corpus is kept for " << GetParam().name;
  for (const auto& path : paths) {
    EXPECT_NO_THROW(GetParam().run(bytes_of(content_of(path)))) << path;
  }
}

TEST_P(Corpus, HasNoInputThatIsTooShortOrEndsEarly) {
  // Every prefix of a few inputs: where one is cut off, the rest of its decisions are zeros.
  for (const auto& path : kept_inputs(GetParam().name)) {
    const std::string content = content_of(path);
    if (content.size() > 64) continue;
    for (std::size_t size = 0; size < content.size(); ++size) {
      EXPECT_NO_THROW(GetParam().run(bytes_of(content).first(size))) << path << " cut to " << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kept, Corpus, testing::ValuesIn(kTargets),
                         [](const auto& tested) { return std::string{tested.param.name}; });

}  // namespace
}  // namespace holler::fuzz
