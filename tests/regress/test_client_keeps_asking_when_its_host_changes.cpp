#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <optional>
#include <string>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"
#include "tests/support/two_hosts.hpp"

// A socket that a client kept for its next question stayed bound to an address that the host no longer had:
// every question to that peer then ended in "no answer", for ever. A full queue of an interface was taken
// for news that the peer could not be reached, and not counted.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

class ClientOnAChangingHost : public testing::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    there().in([&] {
      server_.emplace(ServerOptions{.host = "10.0.0.2"},
                      [](const Request& request, ReplyWriter& reply) { reply.append(request.payload); });
    });
  }
  [[nodiscard]] Endpoint server() const { return server_->endpoint(); }

  std::optional<testing::RunningServer> server_;
};

TEST_F(ClientOnAChangingHost, AsksFromTheNewAddressOnceTheOldOneHasGone) {
  auto client = must(Client::open());
  here().in([&] {
    const auto before = must(client.ask(server(), bytes_of("x")));
    EXPECT_EQ(before.local.address, Address::v4(10, 0, 0, 1));
  });
  here().command("ip address del 10.0.0.1/24 dev cable");
  here().command("ip address add 10.0.0.7/24 dev cable");
  here().in([&] {
    const auto after = client.ask(server(), bytes_of("x"), {.deadline = 60s});
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(after->local.address, Address::v4(10, 0, 0, 7));
  });
}

TEST_F(ClientOnAChangingHost, SaysThatNoRouteLeadsToThePeerAnyMore) {
  auto client = must(Client::open());
  here().in([&] { static_cast<void>(must(client.ask(server(), bytes_of("x")))); });
  here().command("ip address flush dev cable");
  here().in([&] {
    const auto after = client.ask(server(), bytes_of("x"), {.deadline = 60s});
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().code, ErrorCode::unreachable) << after.error().message();
  });
}

TEST_F(ClientOnAChangingHost, TakesAFullQueueForALossThatTheBackOffRepeats) {
  here().command("tc qdisc add dev cable root tbf rate 1mbit burst 3000 limit 6000");
  here().in([&] {
    auto client = must(Client::open({.requester = {.uncontrolled = true}}));
    constexpr int kQuestions = 50;
    std::latch all{kQuestions};
    std::atomic<int> answered{0};
    const ByteVector question(1000, std::byte{'x'});
    for (int i = 0; i < kQuestions; ++i) {
      client.ask_async(server(), question, {.deadline = 5min, .first_wait = 50ms}, [&](Result<Reply> reply) {
        answered += reply ? 1 : 0;
        all.count_down();
      });
    }
    all.wait();
    EXPECT_EQ(answered, kQuestions);
    EXPECT_GT(client.stats().dropped[DropReason::send_failed], 0U);
  });
}

TEST_F(ClientOnAChangingHost, TellsFromWhichAddressItAsked) {
  here().in([&] {
    auto client = must(Client::open());
    std::latch ended{1};
    client.ask_async(server(), bytes_of("x"), {.deadline = 60s}, [&](Result<Reply> reply) {
      EXPECT_EQ(must(std::move(reply)).local.address, Address::v4(10, 0, 0, 1));
      ended.count_down();
    });
    ended.wait();
  });
}

TEST_F(ClientOnAChangingHost, AsksTwoPeersFromOnePortOneAfterTheOther) {
  there().command("ip address add 10.0.0.3/24 dev cable");
  std::optional<testing::RunningServer> second;
  there().in([&] {
    second.emplace(ServerOptions{.host = "10.0.0.3"},
                   [](const Request&, ReplyWriter& reply) { reply.append("second"); });
  });
  here().in([&] {
    auto client = must(Client::open({.source = Endpoint{Address::any_v4(), 5000}}));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(must(client.ask(server(), bytes_of("first"))).text(), "first");
      EXPECT_EQ(must(client.ask(second->endpoint(), bytes_of("x"))).text(), "second");
    }
  });
}

}  // namespace
}  // namespace holler
