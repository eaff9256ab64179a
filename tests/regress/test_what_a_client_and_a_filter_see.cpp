#include <atomic>
#include <gtest/gtest.h>
#include <net/if.h>
#include <optional>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// While a question was outstanding, the client's statistics knew nothing of those that its socket had asked
// before. A server's filter was told no interface of what came to the server alone.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

TEST(StatisticsOfAClientAtWork, HaveWhatHasEnded) {
  std::optional<Client> client{must(Client::open())};
  std::atomic<std::uint64_t> answered{99};
  testing::RunningServer server{{}, [&](const Request& request, ReplyWriter& reply) {
                                  if (request.text() == "second") answered = client->stats().answered;
                                  reply.append("done");
                                }};
  EXPECT_TRUE(client->ask(server.endpoint(), bytes_of("first"), {.deadline = 5min}));
  EXPECT_TRUE(client->ask(server.endpoint(), bytes_of("second"), {.deadline = 5min}));
  EXPECT_EQ(answered, 1U);
  EXPECT_EQ(client->stats().answered, 2U);
}

TEST(Filter, IsToldTheInterfaceOfWhatCameToTheServerAlone) {
  std::atomic<std::uint32_t> interface{0};
  const auto look = [&](const Incoming& incoming) {
    interface = incoming.interface;
    return std::optional<DropReason>{};
  };
  testing::RunningServer server{{.filter = look},
                                [](const Request&, ReplyWriter& reply) { reply.append("done"); }};
  auto client = must(Client::open());
  EXPECT_TRUE(client.ask(server.endpoint(), bytes_of("x"), {.deadline = 5min}));
  EXPECT_EQ(interface, ::if_nametoindex("lo"));
}

}  // namespace
}  // namespace holler
