#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "holler/client.hpp"
#include "holler/names.hpp"
#include "holler/server.hpp"

#include "tests/support/sockets.hpp"
#include "tests/support/two_hosts.hpp"

// An answer left through the interface on which its request had come, whatever the routes said. Where the way
// back is another one, the kernel then looked for the asker on that interface's own network, and the answer
// was lost.

namespace holler {
namespace {

using testing::must;

/// Two hosts on two cables. What one of them asks over the first, the other's routes answer over the second.
class TwoWays : public testing::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    connect(here(), "back", there(), "back");
    here().command("ip address add 10.0.1.1/24 dev back && ip address add 2001:db8:1::1/64 dev back nodad");
    there().command("ip address add 10.0.1.2/24 dev back && ip address add 2001:db8:1::2/64 dev back nodad");
    there().command("ip address add 203.0.113.9/32 dev lo && ip address add 2001:db8:9::9/128 dev lo nodad");
    here().command("ip route add 203.0.113.9 via 10.0.1.2 && ip route add 2001:db8:9::9 via 2001:db8:1::2");
    for (const auto* host : {&here(), &there()}) {
      for (const auto* cable : {"all", "cable", "back"}) {
        host->command(std::string{"sysctl -qw net.ipv4.conf."} + cable + ".rp_filter=0");
        host->command(std::string{"sysctl -qw net.ipv4.conf."} + cable + ".arp_ignore=1");
        host->command(std::string{"sysctl -qw net.ipv4.conf."} + cable + ".arp_announce=2");
      }
    }
  }
};

TEST_F(TwoWays, AnAnswerTakesTheOneThatTheRoutesSay) {
  for (const std::string host : {"", "10.0.0.1", "2001:db8::1"}) {
    auto server = here().in([&] { return must(Server::bind({.host = host, .port = "0"})); });
    const std::jthread serving{[&](const std::stop_token& stop) {
      (void)server.serve([](const Request&, ReplyWriter& reply) { reply.append("an answer"); }, stop);
    }};
    for (const auto& [asked, asker] :
         {std::pair{"10.0.0.1", "203.0.113.9"}, std::pair{"2001:db8::1", "2001:db8:9::9"}}) {
      if (!host.empty() && host != asked) continue;
      const Endpoint peer{must(parse_address(asked)), server.local_address().port};
      const Endpoint source{must(parse_address(asker)), 0};
      const auto reply = there().in([&] {
        auto client = must(Client::open({.source = source}));
        return client.ask(peer, {}, {.deadline = std::chrono::seconds{20}});
      });
      ASSERT_TRUE(reply.has_value()) << asked << ": " << reply.error().message();
      EXPECT_EQ(reply->text(), "an answer");
    }
  }
}

}  // namespace
}  // namespace holler
