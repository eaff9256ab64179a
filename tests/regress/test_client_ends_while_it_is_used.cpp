#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <thread>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// PendingAsk::cancel held the client's state for a moment: where the client went in that moment, its
// callbacks came after its destructor had returned; and in a callback its thread waited for itself.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

TEST(ClientEnds, WithEveryCallbackCalledBeforeItIsGoneHoweverLateACancelComes) {
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> ends{0};
    auto client = std::make_unique<Client>(must(Client::open()));
    std::vector<PendingAsk> pending;
    for (int i = 0; i < 8; ++i) {
      pending.push_back(client->ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever},
                                          [&](Result<Reply>) { ++ends; }));
    }
    std::latch ready{3};
    std::atomic<bool> gone{false};
    std::vector<std::jthread> cancellers;
    for (int i = 0; i < 2; ++i) {
      cancellers.emplace_back([&] {
        ready.arrive_and_wait();
        while (!gone) {
          for (PendingAsk& each : pending) each.cancel();
        }
      });
    }
    ready.arrive_and_wait();
    client.reset();
    EXPECT_EQ(ends, 8);
    gone = true;
  }
}

TEST(ClientEnds, WhileACallbackCancels) {
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> ends{0};
    PendingAsk second;
    auto client = std::make_unique<Client>(must(Client::open()));
    second = client->ask_async(silent.local_address(), bytes_of("2"), {.deadline = kForever},
                               [&](Result<Reply>) { ++ends; });
    auto first =
        client->ask_async(silent.local_address(), bytes_of("1"), {.deadline = kForever}, [&](Result<Reply>) {
          second.cancel();
          ++ends;
        });
    first.cancel();
    client.reset();
    EXPECT_EQ(ends, 2);
  }
}

TEST(ClientEnds, InItsOwnCallback) {
  testing::RunningServer server{
      {}, [](const Request& request, ReplyWriter& reply) { reply.append(request.payload); }};
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  auto client = std::make_shared<Client>(must(Client::open()));
  std::promise<void> other_ended;
  client->ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever}, [&](Result<Reply> reply) {
    EXPECT_FALSE(reply);
    other_ended.set_value();
  });
  Client& asker = *client;
  asker.ask_async(server.endpoint(), bytes_of("x"), {.deadline = 5min},
                  [mine = std::move(client)](Result<Reply>) mutable { mine.reset(); });
  other_ended.get_future().wait();
}

TEST(ClientEnds, ThoughItsCallbacksAskAgainAndAgain) {
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  std::atomic<int> ends{0};
  std::function<void(Result<Reply>)> again;
  {
    auto client = must(Client::open());
    again = [&](Result<Reply>) {
      ++ends;
      client.ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever}, again);
    };
    for (int i = 0; i < 10; ++i) {
      client.ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever}, again);
    }
  }
  EXPECT_EQ(ends, 10);
}

TEST(PendingAsk, OutlivesItsClient) {
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  PendingAsk pending;
  {
    auto client = must(Client::open());
    pending = client.ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever}, {});
  }
  pending.cancel();
  PendingAsk{}.cancel();
  auto moved = std::move(pending);
  moved.cancel();
  SUCCEED();
}

}  // namespace
}  // namespace holler
