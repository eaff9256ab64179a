#include <array>
#include <cerrno>
#include <gtest/gtest.h>

#include "holler/udp_socket.hpp"

#include "tests/support/sockets.hpp"

namespace holler {
namespace {

using testing::bound_to;
using testing::must;
using testing::receive_some;

TEST(UdpSocketConnect, HasNoPeerUntilItIsConnected) {
  UdpSocket server = bound_to(Address::loopback_v4());
  UdpSocket socket = bound_to(Address::loopback_v4());
  EXPECT_EQ(socket.peer(), std::nullopt);
  ASSERT_TRUE(socket.connect(server.local_address()).has_value());
  EXPECT_EQ(socket.peer(), server.local_address());
  ASSERT_TRUE(socket.disconnect().has_value());
  EXPECT_EQ(socket.peer(), std::nullopt);
  ASSERT_TRUE(socket.disconnect().has_value());
}

TEST(UdpSocketConnect, HearsOnlyItsPeerFromThenOnButStillWhatWasQueuedBefore) {
  UdpSocket peer = bound_to(Address::loopback_v4());
  UdpSocket stranger = bound_to(Address::loopback_v4());
  UdpSocket socket = bound_to(Address::loopback_v4());
  const Endpoint self = socket.local_address();
  ASSERT_TRUE(must(stranger.send_to(self, bytes_of("before"))));
  ASSERT_TRUE(must(socket.wait(testing::kPatience)));
  ASSERT_TRUE(socket.connect(peer.local_address()).has_value());
  ASSERT_TRUE(must(stranger.send_to(self, bytes_of("after"))));
  ASSERT_TRUE(must(peer.send_to(self, bytes_of("peer"))));
  ReceiveBatch batch;
  std::vector<std::string> heard;
  while (heard.size() < 2) {
    ASSERT_GT(receive_some(socket, batch), 0U);
    for (const auto& datagram : batch.datagrams()) heard.emplace_back(text_of(datagram.bytes));
  }
  EXPECT_EQ(heard, (std::vector<std::string>{"before", "peer"}));
}

TEST(UdpSocketConnect, SendsToItsPeerWhateverTheDatagramSays) {
  UdpSocket peer = bound_to(Address::loopback_v4());
  UdpSocket socket = must(UdpSocket::connected(peer.local_address()));
  const OutgoingDatagram datagram{.to = {}, .from = {}, .bytes = bytes_of("to whom?")};
  ASSERT_EQ(socket.send({&datagram, 1}).accepted, 1U);
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(peer, batch), 1U);
  EXPECT_EQ(batch.datagrams().front().from, socket.local_address());
}

TEST(UdpSocketConnect, KeepsItsPortThroughReconnectsAndBecomesDeafToTheOldPeer) {
  for (const bool port_chosen_by_kernel : {true, false}) {
    UdpSocket one = bound_to(Address::loopback_v4());
    UdpSocket two = bound_to(Address::v4(127, 0, 0, 2));
    UdpSocket socket = bound_to(Address::any_v4());
    if (!port_chosen_by_kernel) {
      const Endpoint local = socket.local_address();
      socket = bound_to(Address::loopback_v4());
      socket = must(UdpSocket::bind(local));
    }
    const std::uint16_t port = socket.local_address().port;
    ASSERT_TRUE(socket.connect(one.local_address()).has_value());
    EXPECT_EQ(socket.local_address(), (Endpoint{Address::loopback_v4(), port}));
    ASSERT_TRUE(socket.connect(two.local_address()).has_value());
    EXPECT_EQ(socket.local_address().port, port);
    ASSERT_TRUE(must(one.send_to({Address::loopback_v4(), port}, bytes_of("old"))));
    const Endpoint self = socket.local_address();
    ASSERT_TRUE(must(two.send_to(self, bytes_of("new"))));
    ReceiveBatch batch;
    ASSERT_EQ(receive_some(socket, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().from, two.local_address());
    ASSERT_TRUE(socket.disconnect().has_value());
    EXPECT_EQ(socket.local_address(), (Endpoint{Address::any_v4(), port}));
    ASSERT_TRUE(must(one.send_to({Address::loopback_v4(), port}, bytes_of("everyone"))));
    ASSERT_EQ(receive_some(socket, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().from, one.local_address());
    EXPECT_EQ(batch.datagrams().front().to, (Endpoint{Address::loopback_v4(), port}));
  }
}

TEST(UdpSocketConnect, KeepsAnAddressThatItWasBoundTo) {
  UdpSocket peer = bound_to(Address::loopback_v4());
  const Address source = Address::v4(127, 0, 0, 7);
  UdpSocket socket = must(UdpSocket::connected(peer.local_address(), Endpoint{source, 0}));
  const Endpoint local = socket.local_address();
  EXPECT_EQ(local.address, source);
  ASSERT_TRUE(socket.disconnect().has_value());
  EXPECT_EQ(socket.local_address(), local);
}

TEST(UdpSocketConnect, ChangesFamilyOnADualStackSocket) {
  UdpSocket v4 = bound_to(Address::loopback_v4());
  UdpSocket v6 = bound_to(Address::loopback_v6());
  UdpSocket socket = bound_to(Address::any_v6());
  const std::uint16_t port = socket.local_address().port;
  for (UdpSocket* peer : {&v4, &v6, &v4}) {
    ASSERT_TRUE(socket.connect(peer->local_address()).has_value());
    EXPECT_EQ(socket.peer(), peer->local_address());
    EXPECT_EQ(socket.local_address(), (Endpoint{peer->local_address().address, port}));
    const OutgoingDatagram datagram{.to = {}, .from = {}, .bytes = bytes_of("x")};
    ASSERT_EQ(socket.send({&datagram, 1}).accepted, 1U);
    ReceiveBatch batch;
    ASSERT_EQ(receive_some(*peer, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().from, socket.local_address());
  }
  ASSERT_TRUE(socket.disconnect().has_value());
  EXPECT_EQ(socket.local_address(), (Endpoint{Address::any_v6(), port}));
}

TEST(UdpSocketConnect, ReportsTheRefusalOfItsPeerOnceAndStaysUsable) {
  const Endpoint dead = testing::dead_endpoint(Address::loopback_v4());
  UdpSocket socket = must(UdpSocket::connected(dead));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(must(socket.send_to(dead, bytes_of("anyone?"))));
    const auto errors = testing::errors_of(socket);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
    EXPECT_EQ(errors[0].destination, dead);
    EXPECT_FALSE(must(socket.wait(Duration::zero())));  // nothing is left that would keep a loop busy
  }
}

TEST(UdpSocketConnect, RefusesPortZeroAndTheOtherFamily) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  const auto zero = socket.connect({Address::loopback_v4(), 0});
  ASSERT_FALSE(zero.has_value());
  EXPECT_EQ(zero.error().code, ErrorCode::invalid_argument);
  const auto other = socket.connect({Address::loopback_v6(), 9});
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(other.error().advice.find(socket.local_address().to_string()), std::string::npos);
  EXPECT_FALSE(
      UdpSocket::connected({Address::loopback_v6(), 9}, Endpoint{Address::loopback_v4(), 0}).has_value());
}

}  // namespace
}  // namespace holler
