#include <gtest/gtest.h>

#include "sim/client_host.hpp"
#include "sim/server_host.hpp"
#include "sim/world.hpp"

// Two questions that a handler ignored filled the window of a peer that had been silent, which is two, and
// whenever one of them was due again it went before all new ones: those were not sent once until their
// deadline.

namespace holler::sim {
namespace {

using namespace std::chrono_literals;

TEST(SilentQuestions, StarveNoOthers) {
  World world{{.seed = 1, .link = {.delay = 1ms}}};
  auto& server = world.add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload) == "ignore me") answer.kind = Answer::Kind::ignore;
  });
  auto& client = world.add<ClientHost>(endpoint(1, 40'000));
  for (int i = 0; i < 2; ++i) client.ask(server.at(), "ignore me", {.deadline = 120s, .backoff_max = 50ms});
  for (int i = 0; i < 20; ++i) client.ask_at(20s, server.at(), "answer me", {.deadline = 60s});
  world.run();
  std::size_t answered = 0;
  for (const auto& asked : client.asked()) {
    if (text_of(asked.payload) != "answer me") continue;
    EXPECT_LE(asked.event.elapsed, 2s);
    answered += asked.answered() ? 1U : 0U;
  }
  EXPECT_EQ(answered, 20U);
}

}  // namespace
}  // namespace holler::sim
