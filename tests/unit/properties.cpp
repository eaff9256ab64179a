#include "tests/unit/properties.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace {

/// The same values in every run, unless the caller wants others.
class FixedSeed final : public testing::Environment {
 public:
  void SetUp() override { ::setenv("RC_PARAMS", "seed=1 max_success=500", 0); }
};

const testing::Environment* const kFixedSeed = testing::AddGlobalTestEnvironment(new FixedSeed);

}  // namespace
