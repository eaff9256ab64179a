#include <cerrno>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "holler/udp_socket.hpp"

#include "net/descriptor.hpp"
#include "net/socket_options.hpp"
#include "tests/support/sockets.hpp"

namespace holler {
namespace {

using testing::bound_to;
using testing::must;
using testing::receive_some;

const Address kSecondLoopback = Address::v4(127, 0, 0, 2);

TEST(UdpSocketBinding, RefusesAnAddressInUseAndNamesItAndItsHolder) {
  const UdpSocket first = bound_to(Address::loopback_v4());
  const auto second = UdpSocket::bind(first.local_address());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  EXPECT_EQ(second.error().system_errno, EADDRINUSE);
  EXPECT_EQ(second.error().endpoint, first.local_address());
  const std::string message = second.error().message();
  EXPECT_NE(message.find(first.local_address().to_string()), std::string::npos) << message;
  EXPECT_NE(message.find("held by holler_loopback (pid " + std::to_string(::getpid()) + ")"),
            std::string::npos)
      << message;
}

TEST(UdpSocketBinding, NamesTheWildcardThatHoldsAPort) {
  const UdpSocket first = bound_to(Address::any_v6());
  const auto second = UdpSocket::bind({Address::loopback_v4(), first.local_address().port});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().advice.find(" as " + first.local_address().to_string()), std::string::npos)
      << second.error().advice;
}

TEST(UdpSocketBinding, LetsAPortAtOnceWhenItsSocketIsGone) {
  const Endpoint local = bound_to(Address::loopback_v4()).local_address();
  EXPECT_TRUE(UdpSocket::bind(local).has_value());
}

TEST(UdpSocketBinding, RefusesAnAddressOfSomebodyElse) {
  const auto socket = UdpSocket::bind({Address::v4(192, 0, 2, 1), 0});
  ASSERT_FALSE(socket.has_value());
  EXPECT_EQ(socket.error().code, ErrorCode::address_not_local);
  EXPECT_NE(socket.error().advice.find("ip address"), std::string::npos);
}

TEST(UdpSocketBinding, RefusesALinkLocalAddressWithoutItsInterface) {
  const auto socket =
      UdpSocket::bind({Address::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 0});
  ASSERT_FALSE(socket.has_value());
  EXPECT_EQ(socket.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(socket.error().advice.find("%eth0"), std::string::npos);
}

TEST(UdpSocketBinding, RefusesAnInterfaceThatIsNotThere) {
  const auto socket = UdpSocket::bind({Address::any_v4(), 0}, {.interface = "nosuch0"});
  ASSERT_FALSE(socket.has_value());
  EXPECT_EQ(socket.error().code, ErrorCode::address_not_local);
  EXPECT_NE(socket.error().message().find("nosuch0"), std::string::npos);
}

TEST(UdpSocketBinding, SaysWhenDescriptorsHaveRunOut) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto socket = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(socket.has_value());
  EXPECT_EQ(socket.error().code, ErrorCode::out_of_resources);
  EXPECT_NE(socket.error().advice.find("ulimit -n"), std::string::npos);
}

TEST(UdpSocketBinding, ChoosesAnotherPortEachTimeForPortZero) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 20; ++i) ports.insert(bound_to(Address::loopback_v4()).local_address().port);
  EXPECT_FALSE(ports.contains(0));
  EXPECT_GT(ports.size(), 1U);
}

/// Whether `second` can be bound to the port of `first`. Another program may hold that very pair, so a
/// refusal is believed only when it comes again and again.
bool coexist(const Address& first, const Address& second) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    const UdpSocket one = bound_to(first);
    if (UdpSocket::bind({second, one.local_address().port})) return true;
  }
  return false;
}

TEST(UdpSocketBinding, LetsAWildcardConflictWithEverythingOfItsFamilies) {
  const Address v4 = Address::any_v4();
  const Address both = Address::any_v6();
  for (const Address& other : {v4, both, Address::loopback_v4(), kSecondLoopback}) {
    EXPECT_FALSE(coexist(v4, other)) << other.to_string();
    EXPECT_FALSE(coexist(other, v4)) << other.to_string();
    EXPECT_FALSE(coexist(both, other)) << other.to_string();
    EXPECT_FALSE(coexist(other, both)) << other.to_string();
  }
  EXPECT_FALSE(coexist(both, Address::loopback_v6()));
  EXPECT_FALSE(coexist(Address::loopback_v6(), both));
}

TEST(UdpSocketBinding, LetsDifferentAddressesShareAPort) {
  EXPECT_TRUE(coexist(Address::loopback_v4(), kSecondLoopback));
  EXPECT_TRUE(coexist(Address::loopback_v4(), Address::loopback_v6()));
  EXPECT_TRUE(coexist(Address::any_v4(), Address::loopback_v6()));
  EXPECT_FALSE(coexist(Address::loopback_v4(), Address::loopback_v4()));
}

TEST(UdpSocketBinding, LetsAnIpv6OnlyWildcardShareAPortWithIpv4) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const UdpSocket v4 = bound_to(Address::any_v4());
    const auto v6 =
        UdpSocket::bind({Address::any_v6(), v4.local_address().port}, {.interface = {}, .dual_stack = false});
    if (v6) return;
  }
  FAIL() << "refused every time";
}

TEST(UdpSocketBinding, SharesAPortOnlyWhereItIsAskedTo) {
  const SocketOptions shared{.interface = {}, .reuse_port = true};
  const UdpSocket one = bound_to(Address::loopback_v4(), shared);
  EXPECT_TRUE(UdpSocket::bind(one.local_address(), shared).has_value());
  EXPECT_FALSE(UdpSocket::bind(one.local_address()).has_value());
  EXPECT_EQ(get_option(one.native_handle(), SOL_SOCKET, SO_REUSEADDR), 0);
}

TEST(UdpSocketBinding, GivesOnlyTheAddressedSocketADatagram) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    UdpSocket one = bound_to(Address::loopback_v4());
    auto two = UdpSocket::bind({kSecondLoopback, one.local_address().port});
    if (!two) continue;
    UdpSocket sender = bound_to(Address::any_v4());
    ASSERT_TRUE(must(sender.send_to(two->local_address(), bytes_of("for the second"))));
    ReceiveBatch batch;
    EXPECT_EQ(receive_some(*two, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().to, two->local_address());
    EXPECT_EQ(must(one.receive(batch)), 0U);
    return;
  }
  FAIL() << "no port was free on both addresses";
}

TEST(UdpSocketBinding, HearsBothFamiliesOnADualStackWildcard) {
  UdpSocket server = bound_to(Address::any_v6());
  const std::uint16_t port = server.local_address().port;
  for (const Address& address : {Address::loopback_v4(), kSecondLoopback, Address::loopback_v6()}) {
    UdpSocket client = bound_to(address);
    ASSERT_TRUE(must(client.send_to({address, port}, bytes_of("ping"))));
    ReceiveBatch batch;
    ASSERT_EQ(receive_some(server, batch), 1U);
    const ReceivedDatagram received = batch.datagrams().front();
    EXPECT_EQ(received.from, client.local_address());  // never an IPv4-mapped address
    EXPECT_EQ(received.to, (Endpoint{address, port}));
    EXPECT_EQ(received.reply_from, address);
    EXPECT_EQ(received.delivery, Delivery::unicast);
    const OutgoingDatagram reply{.to = received.from, .from = received.reply_from, .bytes = received.bytes};
    EXPECT_EQ(server.send({&reply, 1}).accepted, 1U);
    ASSERT_EQ(receive_some(client, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().from, (Endpoint{address, port}));
  }
}

TEST(UdpSocketBinding, ReportsARefusalByAnIpv4PeerOfADualStackSocket) {
  UdpSocket socket = bound_to(Address::any_v6());
  const Endpoint dead = testing::dead_endpoint(Address::loopback_v4());
  ASSERT_TRUE(must(socket.send_to(dead, bytes_of("anyone?"))));
  const auto errors = testing::errors_of(socket);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
  EXPECT_EQ(errors[0].destination, dead);
  EXPECT_EQ(errors[0].reporter, Address::loopback_v4());
  EXPECT_EQ(text_of(errors[0].quote), "anyone?");
}

TEST(UdpSocketBinding, KeepsIpv4AwayFromASocketBoundToOneIpv6Address) {
  UdpSocket socket = bound_to(Address::loopback_v6());
  const auto sent = socket.send_to({Address::loopback_v4(), 9}, bytes_of("x"));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, ErrorCode::unsupported);
}

TEST(UdpSocketAdopt, RefusesWhatIsNotABoundUdpSocket) {
  const auto refused = [](int descriptor) {
    const auto adopted = UdpSocket::adopt(descriptor);
    EXPECT_EQ(::fcntl(descriptor, F_GETFD) >= 0, descriptor >= 0) << "a refused descriptor stays its owner's";
    return !adopted && adopted.error().code == ErrorCode::invalid_argument;
  };
  const Descriptor tcp{::socket(AF_INET, SOCK_STREAM, 0)};
  const Descriptor unbound{::socket(AF_INET, SOCK_DGRAM, 0)};
  const Descriptor local{::socket(AF_UNIX, SOCK_DGRAM, 0)};
  const Descriptor file{::open("/dev/null", O_RDONLY)};
  EXPECT_TRUE(refused(tcp.get()));
  EXPECT_TRUE(refused(unbound.get()));
  EXPECT_TRUE(refused(local.get()));
  EXPECT_TRUE(refused(file.get()));
  EXPECT_TRUE(refused(-1));
}

TEST(UdpSocketAdopt, TakesOverABoundSocketAndItsPeer) {
  UdpSocket peer = bound_to(Address::loopback_v4());
  const UdpSocket original = must(UdpSocket::connected(peer.local_address()));
  UdpSocket adopted = must(UdpSocket::adopt(::dup(original.native_handle())));
  EXPECT_EQ(adopted.local_address(), original.local_address());
  EXPECT_EQ(adopted.peer(), peer.local_address());
  ASSERT_TRUE(must(adopted.send_to(peer.local_address(), bytes_of("from an adopted socket"))));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(peer, batch), 1U);
  EXPECT_EQ(batch.datagrams().front().from, original.local_address());
}

TEST(UdpSocketAdopt, NeverBlocksOnADescriptorThatDid) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int blocking = ::socket(AF_INET, SOCK_DGRAM, 0);
  ASSERT_EQ(::bind(blocking, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  UdpSocket socket = must(UdpSocket::adopt(blocking));
  ReceiveBatch batch;
  EXPECT_EQ(must(socket.receive(batch)), 0U);
  EXPECT_NE(::fcntl(blocking, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(blocking, F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace holler
