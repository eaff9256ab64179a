#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "sim/scenario.hpp"
#include "tests/support/source_dir.hpp"

// Scenarios that nobody has thought of. What one finds, it prints as short as it can, with the command that
// replays it.

namespace holler::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 40;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kSeeds = 40;
#else
constexpr std::uint64_t kSeeds = 300;
#endif
#else
constexpr std::uint64_t kSeeds = 300;
#endif

constexpr std::size_t kStoryLines = 60;

std::optional<std::uint64_t> number_from_outside(const char* name, int base = 10) {
  const char* given = std::getenv(name);
  if (given == nullptr || *given == '\0') return std::nullopt;
  const std::string_view text{given};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{}) {
    std::cerr << name << " is not a number: " << text << '\n';
    std::exit(2);
  }
  return value;
}

/// Runs the scenario of a seed, and where it fails says so in as few words as it can.
void expect_sound(std::uint64_t seed) {
  const Scenario scenario = Scenario::draw(seed);
  const ScenarioRun run = run_scenario(scenario);
  if (!run.failed()) return;
  const Shrunk shrunk = shrink(scenario, run);
  const ScenarioRun told = run_scenario(shrunk.scenario, kStoryLines);
  ADD_FAILURE() << "seed " << seed << ": " << run.fault << "\n\nThe shortest that still fails, found in "
                << shrunk.runs << " runs: " << told.fault << "\n\n"
                << shrunk.scenario.to_string() << "\nIts story ends like this:\n"
                << told.story << "\nReplay it: HOLLER_SWARM_SEED=" << seed
                << " build/release/bin/holler_sim_tests --gtest_filter='Swarm.*'\n";
}

TEST(Swarm, FindsNothingWrongWithAnyOfItsSeeds) {
  if (const auto seed = number_from_outside("HOLLER_SWARM_SEED")) {
    std::cout << Scenario::draw(*seed).to_string();
    const ScenarioRun run = run_scenario(Scenario::draw(*seed));
    std::cout << run.asked << " questions, " << run.answered << " answered, " << run.runs
              << " runs of handlers, " << run.datagrams << " datagrams, "
              << run.lasted / std::chrono::seconds{1} << " s, fingerprint 0x" << std::hex << run.fingerprint
              << std::dec << '\n';
    return expect_sound(*seed);
  }
  const bool survey = number_from_outside("HOLLER_SWARM_SURVEY").value_or(0) != 0;
  const std::uint64_t first = number_from_outside("HOLLER_SWARM_FIRST").value_or(1);
  const std::uint64_t count = number_from_outside("HOLLER_SWARM_SEEDS").value_or(kSeeds);
  std::uint64_t found = 0;
  for (std::uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed) {
    if (!survey) {
      expect_sound(seed);
    } else if (const ScenarioRun run = run_scenario(Scenario::draw(seed)); run.failed()) {
      std::cout << "seed " << seed << ": " << run.fault << std::endl;
      ++found;
    }
  }
  EXPECT_EQ(found, 0U) << "seeds went wrong; give one as HOLLER_SWARM_SEED";
}

struct Known {
  std::uint64_t seed;
  std::uint64_t fingerprint;
};

// Every datagram and every end of these runs, bit for bit, whatever the machine, the compiler and the
// sanitizers. A change of the engine or of the scenarios changes them: when it was meant to, take the new
// ones from what HOLLER_SWARM_PRINT=1 build/release/bin/holler_sim_tests --gtest_filter=Swarm.Replays* says.
constexpr std::array kKnown{
    Known{1, 0x5d3b64e9e7939643},   Known{2, 0xde3c6542abea4e71},    Known{3, 0x47827b1ba4164998},
    Known{7, 0x56723cc01b4d48f1},   Known{10, 0x267bebfc100622b8},   Known{76, 0xf38d2e51f9cfddb9},
    Known{773, 0xe3ad8c33e013b048}, Known{1009, 0xf16b07f5c6ea41a6},
};

/// The first 60 bits of the commit that is tested, so that each commit tries one scenario that none before
/// has tried. Nothing outside of a repository.
std::optional<std::uint64_t> seed_of_commit() {
  if (const auto given = number_from_outside("HOLLER_SWARM_COMMIT", 16)) return given;
  std::string hash(15, '\0');
  const std::string command = "git -C '" + source_dir().string() + "' rev-parse HEAD 2>/dev/null";
  FILE* git = ::popen(command.c_str(), "r");
  if (git == nullptr) return std::nullopt;
  const bool whole = std::fread(hash.data(), 1, hash.size(), git) == hash.size();
  if (::pclose(git) != 0 || !whole) return std::nullopt;
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(hash.data(), hash.data() + hash.size(), seed, 16);
  return error == std::errc{} && end == hash.data() + hash.size() ? std::optional{seed} : std::nullopt;
}

TEST(Swarm, FindsNothingWrongWithTheSeedOfThisCommit) {
  const auto seed = seed_of_commit();
  if (!seed) GTEST_SKIP() << "not in a git repository, or without git: no commit to take a seed from";
  std::cout << "seed " << *seed << '\n';
  expect_sound(*seed);
}

TEST(Swarm, ReplaysBitForBitOnAnyMachine) {
  const bool print = number_from_outside("HOLLER_SWARM_PRINT").value_or(0) != 0;
  for (const Known& known : kKnown) {
    const ScenarioRun run = run_scenario(Scenario::draw(known.seed));
    EXPECT_EQ(run.fingerprint, known.fingerprint)
        << "seed " << known.seed << " takes another way than it did";
    EXPECT_GT(run.datagrams, 0U) << "seed " << known.seed;
    if (print)
      std::cout << "    Known{" << known.seed << ", 0x" << std::hex << run.fingerprint << std::dec << "},\n";
  }
}

/// More answers are expected than there are questions: nothing else of the scenario matters.
TEST(Swarm, ShrinksWhatFailsToWhatItNeedsToFail) {
  Scenario scenario = Scenario::draw(10);
  scenario.attackers.clear();
  scenario.servers.assign(1, {});
  scenario.loop = LoopPlan{.think = std::chrono::seconds{1}, .until = {}, .answers_least = 1'000'000};
  const ScenarioRun run = run_scenario(scenario);
  ASSERT_EQ(run.violated, Invariant::goodput_returns) << run.fault;
  ASSERT_GT(scenario.asks.size(), 10U);
  const Shrunk shrunk = shrink(scenario, run);
  EXPECT_EQ(shrunk.run.violated, Invariant::goodput_returns);
  EXPECT_TRUE(shrunk.scenario.asks.empty());
  EXPECT_TRUE(shrunk.scenario.events.empty());
  EXPECT_EQ(shrunk.scenario.clients.size(), 1U);
  EXPECT_EQ(shrunk.scenario.up.loss, Ratio{});
  EXPECT_LE(shrunk.runs, 400U);
  EXPECT_LT(shrunk.scenario.to_string().size(), scenario.to_string().size() / 4);
  EXPECT_NE(run_scenario(shrunk.scenario, 10).story.find("FAULT"), std::string::npos);
}

}  // namespace
}  // namespace holler::sim
