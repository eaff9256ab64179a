#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "holler/names.hpp"
#include "holler/udp_socket.hpp"

#include "net/route.hpp"
#include "tests/support/sockets.hpp"
#include "tests/support/two_hosts.hpp"

namespace holler {
namespace {

using testing::must;

class RouteToward : public testing::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    here().command("ip address add fe80::77/64 dev cable nodad");
    here().command("ip address add 10.0.0.7/24 brd + dev cable");
    here().command("ip route add 198.51.100.0/24 via 10.0.0.2 src 10.0.0.7");
    here().command("ip route add blackhole 203.0.113.1");
    here().command("ip route add prohibit 203.0.113.2");
    here().command("ip route add unreachable 203.0.113.3");
    here().command("ip route add blackhole 2001:db8:1::1");
    here().command("ip route add prohibit 2001:db8:1::2");
    here().command("ip rule add to 10.0.0.2 ipproto udp dport 99 prohibit");
  }
};

/// The address, or what the error says of itself.
std::string said(const Result<Address>& source) {
  return source ? source->to_string() : "error " + std::to_string(source.error().system_errno);
}

/// What a socket that is connected there has for its own address.
Result<Address> source_of_a_socket(const Endpoint& peer, const Address& source,
                                   const SocketOptions& options) {
  const auto socket = UdpSocket::connected(peer, Endpoint{source, 0}, options);
  if (!socket) return failure(socket.error());
  return socket->local_address().address;
}

TEST_F(RouteToward, APeerSaysWhatASocketConnectedToItWouldSay) {
  const std::vector<std::string> peers{
      "10.0.0.2",     "10.0.0.1",      "10.0.0.255",     "255.255.255.255", "127.0.0.1",     "127.0.0.5",
      "0.0.0.0",      "192.0.2.1",     "198.51.100.1",   "203.0.113.1",     "203.0.113.2",   "203.0.113.3",
      "224.0.0.1",    "2001:db8::2",   "2001:db8::1",    "2001:db8:1::1",   "::1",           "::",
      "fe80::9",      "fe80::9%cable", "fe80::77%cable", "ff02::1",         "ff02::1%cable", "2001:db8:2::1",
      "2001:db8:1::2"};
  const std::vector<std::string> sources{"0.0.0.0", "127.0.0.1", "10.0.0.1",   "10.0.0.7",
                                         "::",      "::1",       "2001:db8::1"};
  here().in([&] {
    for (const std::string& peer_text : peers) {
      const Address peer = must(parse_address(peer_text));
      for (const std::string& source_text : sources) {
        const Address source = must(parse_address(source_text));
        if (source.is_v6() != peer.is_v6()) continue;
        for (const std::string interface : {"", "cable", "lo"}) {
          for (const std::uint16_t port : {std::uint16_t{9}, std::uint16_t{99}}) {
            const SocketOptions options{.interface = interface, .dual_stack = false};
            if (!UdpSocket::bind({source, 0}, options)) continue;  // nobody gets as far as to ask
            EXPECT_EQ(said(source_toward({peer, port}, source, options)),
                      said(source_of_a_socket({peer, port}, source, options)))
                << "from " << source_text << " to " << peer_text << " port " << port << " by " << interface;
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace holler
