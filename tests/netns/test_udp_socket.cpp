#include <array>
#include <cerrno>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holler/names.hpp"
#include "holler/udp_socket.hpp"

#include "tests/support/sockets.hpp"
#include "tests/support/two_hosts.hpp"

namespace holler {
namespace {

using testing::as_ordinary_user;
using testing::errors_of;
using testing::must;
using testing::Namespace;
using testing::receive_some;
using testing::WithNamespaces;

Address address(std::string_view text) { return must(parse_address(text)); }

/// Opened in `where`, used from anywhere.
UdpSocket bound_in(const Namespace& where, const Address& local, std::uint16_t port = 0,
                   const SocketOptions& options = {}) {
  return where.in([&] { return must(UdpSocket::bind({local, port}, options)); });
}

/// What the kernel of this namespace has counted.
std::uint64_t sent_datagrams() {
  std::ifstream counters{"/proc/thread-self/net/snmp"};
  std::string names;
  std::string values;
  while (std::getline(counters, names) && std::getline(counters, values)) {
    if (!names.starts_with("Udp:")) continue;
    std::istringstream name_words{names};
    std::istringstream value_words{values};
    std::string name;
    std::string value;
    while (name_words >> name && value_words >> value) {
      if (name == "OutDatagrams") return std::stoull(value);
    }
  }
  throw std::runtime_error("no OutDatagrams");
}

class UdpSocketAmongHosts : public testing::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    there().command("ip address add 10.0.0.3/24 brd + dev cable");
    there().command("ip address add 2001:db8::3/64 dev cable nodad");
  }
};

using UdpSocketInNamespace = WithNamespaces;

TEST_F(UdpSocketInNamespace, SendsNothingWhenItConnects) {
  const Namespace alone;
  alone.in([] {
    UdpSocket server = testing::bound_to(Address::loopback_v4());
    UdpSocket client = must(UdpSocket::connected(server.local_address()));
    ASSERT_TRUE(client.connect(server.local_address()).has_value());
    ASSERT_TRUE(client.disconnect().has_value());
    EXPECT_EQ(sent_datagrams(), 0U);
    ASSERT_TRUE(must(client.send_to(server.local_address(), {})));
    EXPECT_EQ(sent_datagrams(), 1U);
  });
}

TEST_F(UdpSocketInNamespace, NamesCapabilityAndSysctlWhereAnOrdinaryUserMayNotBind) {
  const Namespace alone;
  const auto attempt = [] {
    const auto socket = UdpSocket::bind({Address::loopback_v4(), 53});
    return socket ? std::string{"bound"} : socket.error().message();
  };
  const std::string refused = alone.in([&] { return as_ordinary_user(attempt); });
  EXPECT_TRUE(refused.starts_with("bind 127.0.0.1:53: permission denied; ")) << refused;
  EXPECT_NE(refused.find("CAP_NET_BIND_SERVICE"), std::string::npos) << refused;
  EXPECT_NE(refused.find("net.ipv4.ip_unprivileged_port_start"), std::string::npos) << refused;
  alone.command("echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start");
  EXPECT_EQ(alone.in([&] { return as_ordinary_user(attempt); }), "bound");
}

TEST_F(UdpSocketInNamespace, NamesTheUserWhereTheHolderOfAPortCannotBeSeen) {
  const Namespace alone;
  alone.in([] {
    const UdpSocket holder = testing::bound_to(Address::loopback_v4());
    const std::string said = as_ordinary_user([&] {
      const Endpoint taken = holder.local_address();
      ::close(holder.native_handle());  // the child's copy
      const auto socket = UdpSocket::bind(taken);
      return socket ? std::string{"bound"} : socket.error().advice;
    });
    EXPECT_NE(said.find("held by a process of user 0"), std::string::npos) << said;
  });
}

TEST_F(UdpSocketInNamespace, SaysThatThereIsNoRoute) {
  const Namespace alone;
  alone.in([] {
    UdpSocket socket = testing::bound_to(Address::any_v6());
    for (const Address& nowhere : {Address::v4(192, 0, 2, 1), address("2001:db8::9")}) {
      const auto sent = socket.send_to({nowhere, 9}, {});
      ASSERT_FALSE(sent.has_value());
      EXPECT_EQ(sent.error().code, ErrorCode::unreachable) << sent.error().message();
      const auto connected = UdpSocket::connected({nowhere, 9});
      ASSERT_FALSE(connected.has_value());
      EXPECT_EQ(connected.error().code, ErrorCode::unreachable) << connected.error().message();
    }
  });
}

TEST_F(UdpSocketAmongHosts, AnswersFromTheAddressThatWasAsked) {
  for (const Address& wildcard : {Address::any_v6(), Address::any_v4()}) {
    UdpSocket server = bound_in(there(), wildcard);
    for (const std::string_view asked : {"10.0.0.3", "10.0.0.2", "2001:db8::3", "2001:db8::2"}) {
      if (wildcard.is_v4() && address(asked).is_v6()) continue;
      const Endpoint to{address(asked), server.local_address().port};
      UdpSocket client = here().in([&] { return must(UdpSocket::connected(to)); });
      ASSERT_TRUE(must(client.send_to(to, bytes_of("who are you?"))));
      ReceiveBatch batch;
      ASSERT_EQ(receive_some(server, batch), 1U);
      const ReceivedDatagram request = batch.datagrams().front();
      EXPECT_EQ(request.to, to);
      EXPECT_EQ(request.reply_from, to.address);
      const OutgoingDatagram reply{.to = request.from, .from = request.reply_from, .bytes = bytes_of("me")};
      ASSERT_EQ(server.send({&reply, 1}).accepted, 1U);
      ASSERT_EQ(receive_some(client, batch), 1U);  // a connected socket hears no other address
      EXPECT_EQ(batch.datagrams().front().from, to);
    }
  }
}

TEST_F(UdpSocketAmongHosts, TakesTheSourceThatFitsEachNewPeer) {
  UdpSocket local = bound_in(here(), Address::loopback_v4());
  UdpSocket remote = bound_in(there(), Address::any_v4());
  UdpSocket socket = bound_in(here(), Address::any_v4());
  const std::uint16_t port = socket.local_address().port;
  ASSERT_TRUE(socket.connect(local.local_address()).has_value());
  EXPECT_EQ(socket.local_address(), (Endpoint{Address::loopback_v4(), port}));
  const Endpoint far{address("10.0.0.2"), remote.local_address().port};
  ASSERT_TRUE(socket.connect(far).has_value());
  EXPECT_EQ(socket.local_address(), (Endpoint{address("10.0.0.1"), port}));
  ASSERT_TRUE(must(socket.send_to(far, bytes_of("x"))));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(remote, batch), 1U);
  EXPECT_EQ(batch.datagrams().front().from, socket.local_address());
}

TEST_F(UdpSocketAmongHosts, ReachesAnExternalAddressOfItsOwnHostFromThatAddress) {
  UdpSocket server = bound_in(here(), address("10.0.0.1"));
  UdpSocket client = bound_in(here(), Address::any_v4());
  ASSERT_TRUE(must(client.send_to(server.local_address(), {})));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(server, batch), 1U);
  EXPECT_EQ(batch.datagrams().front().from.address, address("10.0.0.1"));
  // The port of a specific address is closed on loopback.
  ASSERT_TRUE(must(client.send_to({Address::loopback_v4(), server.local_address().port}, {})));
  const auto errors = errors_of(client);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
}

TEST_F(UdpSocketAmongHosts, TellsBroadcastsApartAndKnowsItsOwnAddressBehindThem) {
  for (const Address& wildcard : {Address::any_v4(), Address::any_v6()}) {
    UdpSocket server = bound_in(there(), wildcard);
    const std::uint16_t port = server.local_address().port;
    UdpSocket mute = bound_in(here(), Address::any_v4());
    const auto refused = mute.send_to({address("10.0.0.255"), port}, {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::permission_denied);
    EXPECT_NE(refused.error().advice.find("broadcast"), std::string::npos);

    UdpSocket client = bound_in(here(), Address::any_v4(), 0, {.interface = "cable", .broadcast = true});
    for (const std::string_view to : {"10.0.0.255", "255.255.255.255"}) {
      ASSERT_TRUE(must(client.send_to({address(to), port}, bytes_of("everyone"))));
      ReceiveBatch batch;
      ASSERT_EQ(receive_some(server, batch), 1U);
      const ReceivedDatagram& datagram = batch.datagrams().front();
      EXPECT_EQ(datagram.to, (Endpoint{address(to), port}));
      EXPECT_EQ(datagram.delivery, Delivery::broadcast);
      EXPECT_EQ(datagram.reply_from, address("10.0.0.2"));
      EXPECT_EQ(datagram.interface, there().in([] { return must(interface_index("cable")); }));
    }
  }
}

TEST_F(UdpSocketAmongHosts, TellsMulticastsApart) {
  UdpSocket server = bound_in(there(), Address::any_v6());
  const std::uint16_t port = server.local_address().port;
  const auto index = there().in([] { return must(interface_index("cable")); });
  ip_mreqn v4_group{};
  v4_group.imr_multiaddr.s_addr = htonl(0xe9010203);  // 233.1.2.3
  v4_group.imr_ifindex = static_cast<int>(index);
  ipv6_mreq v6_group{};
  v6_group.ipv6mr_multiaddr.s6_addr[0] = 0xff;
  v6_group.ipv6mr_multiaddr.s6_addr[1] = 0x05;
  v6_group.ipv6mr_multiaddr.s6_addr[15] = 0x77;
  v6_group.ipv6mr_interface = index;
  ASSERT_EQ(::setsockopt(server.native_handle(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4_group, sizeof v4_group),
            0);
  ASSERT_EQ(
      ::setsockopt(server.native_handle(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6_group, sizeof v6_group), 0);
  UdpSocket client = bound_in(here(), Address::any_v6());
  const auto leaving = here().in([] { return must(interface_index("cable")); });
  for (const std::string_view group : {"233.1.2.3", "ff05::77"}) {
    const OutgoingDatagram datagram{
        .to = {address(group), port}, .from = {}, .interface = leaving, .bytes = {}};
    ASSERT_EQ(client.send({&datagram, 1}).accepted, 1U);
    ReceiveBatch batch;
    ASSERT_EQ(receive_some(server, batch), 1U);
    const ReceivedDatagram& received = batch.datagrams().front();
    EXPECT_EQ(received.to, (Endpoint{address(group), port}));
    EXPECT_EQ(received.delivery, Delivery::multicast);
    EXPECT_EQ(received.reply_from, address(group).is_v4() ? address("10.0.0.2") : Address::any_v6());
    const OutgoingDatagram reply{.to = received.from, .from = received.reply_from, .bytes = {}};
    ASSERT_EQ(server.send({&reply, 1}).accepted, 1U);
    ASSERT_EQ(receive_some(client, batch), 1U);
    EXPECT_FALSE(batch.datagrams().front().from.address.is_multicast());
  }
}

TEST_F(UdpSocketAmongHosts, TalksOverLinkLocalAddressesWithTheirScope) {
  const auto link_local = [](const Namespace& host) {
    return host.in([] {
      std::ifstream table{"/proc/thread-self/net/if_inet6"};
      for (std::string line; std::getline(table, line);) {
        if (!line.starts_with("fe80") || line.find("cable") == std::string::npos) continue;
        std::string text;
        for (std::size_t i = 0; i < 32; i += 4) text += (i == 0 ? "" : ":") + line.substr(i, 4);
        return address(text + "%cable");
      }
      throw std::runtime_error("no link-local address");
    });
  };
  here().command("ip address add fe80::1/64 dev cable nodad");
  there().command("ip address add fe80::2/64 dev cable nodad");
  there().command("ip -6 address flush dev cable scope link && ip address add fe80::2/64 dev cable nodad");
  here().command("ip -6 address flush dev cable scope link && ip address add fe80::1/64 dev cable nodad");
  UdpSocket server = bound_in(there(), Address::any_v6());
  UdpSocket client = bound_in(here(), link_local(here()));
  EXPECT_NE(client.local_address().address.scope(), 0U);
  const Endpoint to{here().in([] { return address("fe80::2%cable"); }), server.local_address().port};
  ASSERT_TRUE(must(client.send_to(to, bytes_of("hello, neighbour"))));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(server, batch), 1U);
  const ReceivedDatagram request = batch.datagrams().front();
  EXPECT_EQ(request.from.address, there().in([] { return address("fe80::1%cable"); }));
  EXPECT_EQ(request.to.address, link_local(there()));
  const OutgoingDatagram reply{.to = request.from, .from = request.reply_from, .bytes = request.bytes};
  ASSERT_EQ(server.send({&reply, 1}).accepted, 1U);
  ASSERT_EQ(receive_some(client, batch), 1U);
  EXPECT_EQ(batch.datagrams().front().from, to);
}

TEST_F(UdpSocketAmongHosts, ReportsANeighbourThatIsNotThere) {
  here().command("echo 1 > /proc/sys/net/ipv4/neigh/cable/mcast_solicit");
  here().command("echo 100 > /proc/sys/net/ipv4/neigh/cable/retrans_time_ms");
  UdpSocket socket = bound_in(here(), Address::any_v4());
  const Endpoint absent{address("10.0.0.99"), 1060};
  ASSERT_TRUE(must(socket.send_to(absent, bytes_of("anyone?"))));
  const auto errors = errors_of(socket);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].system_errno, EHOSTUNREACH);
  EXPECT_EQ(errors[0].destination, absent);
  EXPECT_EQ(errors[0].reporter, address("10.0.0.1"));
  EXPECT_EQ(text_of(errors[0].quote), "anyone?");
}

TEST_F(UdpSocketAmongHosts, HearsARefusalFromTwoHopsAway) {
  const Namespace far;
  testing::connect(there(), "onward", far, "onward");
  there().command("ip address add 10.0.1.1/24 dev onward");
  far.command("ip address add 10.0.1.2/24 dev onward");
  there().command("echo 1 > /proc/sys/net/ipv4/ip_forward");
  here().command("ip route add default via 10.0.0.2");
  far.command("ip route add default via 10.0.1.1");
  UdpSocket socket = bound_in(here(), Address::any_v6());
  const Endpoint dead{address("10.0.1.2"), 1060};
  ASSERT_TRUE(must(socket.send_to(dead, bytes_of("anyone?"))));
  const auto errors = errors_of(socket);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
  EXPECT_EQ(errors[0].destination, dead);
  EXPECT_EQ(errors[0].reporter, dead.address);
  EXPECT_EQ(text_of(errors[0].quote), "anyone?");
}

TEST_F(UdpSocketAmongHosts, HearsOnlyItsInterfaceAlsoAfterAChangeOfPeers) {
  testing::connect(here(), "other", there(), "other");
  here().command("ip address add 10.0.9.1/24 dev other");
  there().command("ip address add 10.0.9.2/24 dev other");
  UdpSocket server = bound_in(there(), Address::any_v4(), 0, {.interface = "cable"});
  const std::uint16_t port = server.local_address().port;
  UdpSocket allowed = bound_in(here(), address("10.0.0.1"));
  UdpSocket shut_out = bound_in(here(), address("10.0.9.1"));
  const auto hears_only_the_cable = [&] {
    // Through the other interface, first to the address there, then to the one of the cable's.
    here().command("ip route replace 10.0.0.2/32 dev other via 10.0.9.2 src 10.0.9.1");
    for (const std::string_view to : {"10.0.9.2", "10.0.0.2"}) {
      ASSERT_TRUE(must(shut_out.send_to({address(to), port}, bytes_of("other"))));
    }
    here().command("ip route delete 10.0.0.2/32");
    ASSERT_TRUE(must(allowed.send_to({address("10.0.0.2"), port}, bytes_of("cable"))));
    ReceiveBatch batch;
    ASSERT_EQ(receive_some(server, batch), 1U);
    EXPECT_EQ(text_of(batch.datagrams().front().bytes), "cable");
  };
  hears_only_the_cable();
  ASSERT_TRUE(server.connect({address("10.0.0.1"), 9}).has_value());
  ASSERT_TRUE(server.disconnect().has_value());
  EXPECT_EQ(server.local_address().port, port);
  hears_only_the_cable();
}

TEST_F(UdpSocketAmongHosts, SaysThatAPacketFilterForbadeIt) {
  if (std::system("command -v nft > /dev/null") != 0) GTEST_SKIP() << "nft is not installed";
  here().command("nft add table ip t");
  here().command("nft add chain ip t out '{ type filter hook output priority 0; }'");
  here().command("nft add rule ip t out udp dport 1060 drop");
  UdpSocket socket = bound_in(here(), Address::any_v4());
  const auto sent = socket.send_to({address("10.0.0.2"), 1060}, bytes_of("x"));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, ErrorCode::permission_denied);
  EXPECT_NE(sent.error().advice.find("nft list ruleset"), std::string::npos);
}

/// Sends until something gives way.
SendReport send_until_it_stops(UdpSocket& socket, const Endpoint& to) {
  const ByteVector bytes = testing::pattern(1000);
  const std::vector<OutgoingDatagram> many(4096, {.to = to, .from = {}, .bytes = bytes});
  return socket.send(many);
}

TEST_F(UdpSocketAmongHosts, StopsShortWithoutAnErrorWhenItsSendBufferIsFull) {
  here().command("tc qdisc add dev cable root tbf rate 8kbit burst 1600 limit 100000000");
  UdpSocket socket = bound_in(here(), Address::any_v4());
  const SendReport report = send_until_it_stops(socket, {address("10.0.0.2"), 1060});
  EXPECT_GT(report.accepted, 0U);
  EXPECT_LT(report.accepted, 4096U);
  EXPECT_FALSE(report.error.has_value()) << report.error->message();
  EXPECT_FALSE(must(socket.send_to({address("10.0.0.2"), 1060}, testing::pattern(1000))));
}

TEST_F(UdpSocketAmongHosts, ReportsTheDatagramThatAFullInterfaceDropped) {
  here().command("tc qdisc add dev cable root tbf rate 8kbit burst 1600 limit 5000");
  UdpSocket socket = bound_in(here(), Address::any_v4());
  const SendReport report = send_until_it_stops(socket, {address("10.0.0.2"), 1060});
  EXPECT_GT(report.accepted, 0U);
  ASSERT_TRUE(report.error.has_value());
  EXPECT_EQ(report.error->code, ErrorCode::out_of_resources);
  EXPECT_EQ(report.error->system_errno, ENOBUFS);
}

}  // namespace
}  // namespace holler
