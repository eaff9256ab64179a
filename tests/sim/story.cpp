#include "tests/sim/story.hpp"

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace holler::sim {

std::optional<std::uint64_t> Story::seed_from_outside() {
  const char* given = std::getenv("HOLLER_SIM_SEED");
  if (given == nullptr || *given == '\0') return std::nullopt;
  const std::string_view text{given};
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size()) {
    std::cerr << "HOLLER_SIM_SEED is not a number: " << text << '\n';
    std::exit(2);
  }
  return seed;
}

World& Story::make_world(WorldOptions options, std::uint64_t seed) {
  options.seed = seed_from_outside().value_or(seed);
  world_ = std::make_unique<World>(options);
  return *world_;
}

void Story::run(Duration until_since_start) {
  const RunEnd end = world_->run(until_since_start);
  EXPECT_NE(end, RunEnd::events) << "the story does not end";
  for (const std::string& fault : world_->faults()) ADD_FAILURE() << fault;
}

void Story::TearDown() {
  if (!HasFailure() || world_ == nullptr) return;
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::cerr << "\nThe story (seed " << world_->seed() << ", times since the start):\n"
            << world_->story().text() << "Replay it: HOLLER_SIM_SEED=" << world_->seed()
            << " ./build/dev/bin/holler_sim_tests --gtest_filter='" << test->test_suite_name() << '.'
            << test->name() << "'\n";
}

}  // namespace holler::sim
