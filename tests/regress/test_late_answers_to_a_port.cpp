#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>

#include "holler/client.hpp"

#include "tests/support/namespace.hpp"
#include "tests/support/sockets.hpp"

// A question of a protocol without IDs was asked from the port that an earlier one had been asked from twice:
// the second answer to that one arrived late, and was taken for the answer to this one.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

class LateAnswersToAPort : public testing::WithNamespaces {};

using Asking = std::function<Result<Reply>(Client&, const Endpoint&, const AskOptions&)>;

void never_meet_another_question(const Asking& ask) {
  const testing::Namespace host;
  // Eight ports to choose from, and others in each run: the process remembers what it has retired.
  static int first = 40000;
  host.command("sysctl -qw net.ipv4.ip_local_port_range='" + std::to_string(first) + ' ' +
               std::to_string(first + 7) + "'");
  first += 8;
  host.in([&] {
    UdpSocket server = must(UdpSocket::bind({Address::loopback_v4(), 1060}));
    auto client = must(Client::open({.codec = &plain_codec()}));
    std::optional<Endpoint> asked_twice;
    for (int question = 0; question < 30; ++question) {
      std::jthread answering{[&] {
        ReceiveBatch batch{1};
        ASSERT_EQ(testing::receive_some(server, batch), 1U);
        if (!asked_twice) {
          asked_twice = batch.datagrams()[0].from;  // its first copy stays unanswered for now
          ASSERT_EQ(testing::receive_some(server, batch), 1U);
        } else {
          EXPECT_NE(batch.datagrams()[0].from, *asked_twice);
        }
        ASSERT_TRUE(must(server.send_to(batch.datagrams()[0].from, bytes_of("x"))));
      }};
      const auto reply = ask(client, server.local_address(), {.deadline = 60s, .first_wait = 20ms});
      ASSERT_TRUE(reply) << reply.error().message();
      answering.join();
      // Copies of a question that a slow machine has made it repeat.
      ReceiveBatch rest;
      static_cast<void>(must(server.receive(rest)));
      if (reply->attempts > 1 && question > 0) break;  // that port is retired, too: few are left
    }
  });
}

TEST_F(LateAnswersToAPort, NeverMeetAnotherQuestion) {
  never_meet_another_question([](Client& client, const Endpoint& peer, const AskOptions& options) {
    return client.ask(peer, bytes_of("?"), options);
  });
}

TEST_F(LateAnswersToAPort, NeverMeetAnotherAsynchronousQuestion) {
  never_meet_another_question([](Client& client, const Endpoint& peer, const AskOptions& options) {
    std::promise<Result<Reply>> ended;
    client.ask_async(peer, bytes_of("?"), options,
                     [&](Result<Reply> end) { ended.set_value(std::move(end)); });
    return ended.get_future().get();
  });
}

}  // namespace
}  // namespace holler
