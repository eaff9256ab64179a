#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "sim/client_host.hpp"
#include "sim/server_host.hpp"
#include "sim/stranger_host.hpp"
#include "sim/world.hpp"

/// The fixture of the stories: a world for each test, whose seed may be given from outside, and which tells
/// its story when a test fails.
namespace holler::sim {

using namespace std::chrono_literals;

class Story : public testing::Test {
 protected:
  static constexpr std::uint64_t kSeed = 20260101;

  /// Makes the world of this test; a second call makes a new one. HOLLER_SIM_SEED replaces `seed`.
  World& make_world(WorldOptions options = {}, std::uint64_t seed = kSeed);
  [[nodiscard]] World& world() { return *world_; }

  /// Runs `story(seed)` for `count` seeds from `first`, until one fails; with HOLLER_SIM_SEED, for that one.
  template <class Tale>
  void for_seeds(std::uint64_t count, Tale&& story, std::uint64_t first = 1) {
    if (const auto given = seed_from_outside()) {
      story(*given);
      return;
    }
    for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) story(seed);
  }

  /// Runs to the end, or up to a time, and expects the world to be sound.
  void run(Duration until_since_start = kForever);

  void TearDown() override;

 private:
  static std::optional<std::uint64_t> seed_from_outside();
  std::unique_ptr<World> world_;
};

/// The only request that a client has asked so far, or fails.
[[nodiscard]] inline const ClientHost::Asked& only(const ClientHost& client) {
  EXPECT_EQ(client.asked().size(), 1U);
  return client.asked().at(0);
}

[[nodiscard]] inline RequestOptions patient(Duration deadline, Duration first_wait = {},
                                            Ratio jitter = percent(0)) {
  return {.deadline = deadline, .first_wait = first_wait, .jitter = jitter};
}

}  // namespace holler::sim

namespace holler {

inline void PrintTo(Outcome outcome, std::ostream* out) { *out << name_of(outcome); }
inline void PrintTo(DropReason reason, std::ostream* out) { *out << name_of(reason); }

}  // namespace holler

namespace std::chrono {

inline void PrintTo(const holler::Duration& duration, std::ostream* out) {
  *out << static_cast<double>(duration.count()) / 1e6 << " ms";
}

}  // namespace std::chrono
