#include <future>
#include <gtest/gtest.h>
#include <thread>

#include "holler/client.hpp"
#include "holler/server.hpp"

#include "tests/support/sockets.hpp"

// A source of the other IP version used to be ignored by `ask_async`, which then asked from any address, and
// a wildcard source with a port was good for IPv6 peers alone.

namespace holler {
namespace {

using testing::must;

Result<Reply> asked(Client& client, const Endpoint& peer, bool async) {
  const AskOptions options{.deadline = std::chrono::seconds{60}};
  if (!async) return client.ask(peer, bytes_of("?"), options);
  std::promise<Result<Reply>> answer;
  (void)client.ask_async(peer, bytes_of("?"), options,
                         [&](Result<Reply> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

TEST(SourcesOfEitherIpVersion, AreRefusedWhereTheyDoNotFitAndWildcardsFitBoth) {
  auto server = must(Server::bind({.host = "127.0.0.1", .port = "0"}));
  std::jthread serving{[&](const std::stop_token& stop) {
    (void)server.serve([](const Request&, ReplyWriter& reply) { reply.print("!"); }, stop);
  }};
  for (const bool async : {false, true}) {
    auto other = must(Client::open({.source = Endpoint{Address::loopback_v6(), 0}}));
    const auto refused = asked(other, server.local_address(), async);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);

    const std::uint16_t port =
        must(UdpSocket::bind({Address::loopback_v4(), 0}, {})).local_address().port;  // free again
    auto any = must(Client::open({.source = Endpoint{Address::any_v6(), port}}));
    const auto answered = asked(any, server.local_address(), async);
    ASSERT_TRUE(answered) << answered.error().message();
    EXPECT_EQ(answered->local.port, port);
  }
}

}  // namespace
}  // namespace holler
