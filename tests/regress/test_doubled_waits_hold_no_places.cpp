#include <algorithm>
#include <gtest/gtest.h>

#include "sim/client_host.hpp"
#include "sim/server_host.hpp"
#include "sim/world.hpp"

// Repeats held their places in the window for as long as they waited, twice as long each time. Four questions
// that a handler ignored kept a path that answered everything else within 10 ms from all others, for up to a
// minute.

namespace holler::sim {
namespace {

using namespace std::chrono_literals;

TEST(DoubledWaits, HoldNoPlacesOnAPathThatIsAlive) {
  World world{{.seed = 1, .link = {.delay = 5ms}}};
  auto& server = world.add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload) == "ignore me") answer.kind = Answer::Kind::ignore;
  });
  auto& client = world.add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "first", {.deadline = 60s});
  for (int i = 0; i < 4; ++i) client.ask_at(1s, server.at(), "ignore me", {.deadline = 60s});
  for (int i = 0; i < 300; ++i) client.ask_at(2s + i * 100ms, server.at(), "answer me", {.deadline = 60s});
  world.run();
  std::size_t answered = 0;
  Duration longest{};
  for (const auto& asked : client.asked()) {
    if (text_of(asked.payload) != "answer me") continue;
    answered += asked.answered() ? 1U : 0U;
    longest = std::max(longest, asked.event.elapsed);
  }
  EXPECT_EQ(answered, 300U);
  EXPECT_LE(longest, 200ms);
}

}  // namespace
}  // namespace holler::sim
