#include <cerrno>
#include <gtest/gtest.h>
#include <stdexcept>
#include <unistd.h>

#include "holler/udp_socket.hpp"

namespace holler {
namespace {

using std::chrono::seconds;

/// Long enough for any machine; a wait ends as soon as there is something.
constexpr Duration kPatience = seconds{20};

UdpSocket bound_to(const Address& address, const SocketOptions& options = {}) {
  auto socket = UdpSocket::bind({address, 0}, options);
  if (!socket) throw std::runtime_error(socket.error().message());
  return std::move(*socket);
}

/// Waits for one datagram or more.
std::size_t receive_some(UdpSocket& socket, ReceiveBatch& batch) {
  while (true) {
    const auto ready = socket.wait(kPatience);
    if (!ready || !*ready) return 0;
    const auto count = socket.receive(batch);
    if (!count || *count > 0) return count.value_or(0);
  }
}

ByteVector pattern(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

TEST(UdpSocket, DeliversOneSendAsOneReceiveWhateverTheSize) {
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6()}) {
    UdpSocket receiver = bound_to(address);
    UdpSocket sender = bound_to(address);
    ReceiveBatch batch;
    const std::size_t bytes_max = payload_bytes_max(address);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1472}, bytes_max}) {
      const ByteVector bytes = pattern(size);
      const auto sent = sender.send_to(receiver.local_address(), bytes);
      ASSERT_TRUE(sent.has_value()) << sent.error().message();
      EXPECT_TRUE(*sent);
      ASSERT_EQ(receive_some(receiver, batch), 1U);
      const ReceivedDatagram& datagram = batch.datagrams().front();
      EXPECT_TRUE(same_bytes(datagram.bytes, bytes)) << size;
      EXPECT_EQ(datagram.from, sender.local_address());
      EXPECT_EQ(datagram.to, receiver.local_address());
      EXPECT_EQ(datagram.reply_from, address);
      EXPECT_EQ(datagram.cast, Cast::unicast);
      EXPECT_NE(datagram.interface, 0U);
      EXPECT_FALSE(datagram.truncated);
    }
    const auto refused = sender.send_to(receiver.local_address(), pattern(bytes_max + 1));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::too_large);
    EXPECT_EQ(refused.error().payload_bytes_max, bytes_max);
  }
}

TEST(UdpSocket, RefusesAnAddressInUseAndNamesItAndItsHolder) {
  UdpSocket first = bound_to(Address::loopback_v4());
  const auto second = UdpSocket::bind(first.local_address());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  EXPECT_EQ(second.error().endpoint, first.local_address());
  EXPECT_NE(second.error().advice.find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos)
      << second.error().message();
}

TEST(UdpSocket, LetsAStaleRefusalNeitherFailAReceiveNorLoseASend) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  UdpSocket peer = bound_to(Address::loopback_v4());
  Endpoint dead;
  {
    dead = bound_to(Address::loopback_v4()).local_address();
  }
  ReceiveBatch batch;
  ASSERT_TRUE(socket.send_to(dead, bytes_of("anyone?")).value());
  ASSERT_TRUE(socket.wait(kPatience).value());  // the refusal has come
  ASSERT_TRUE(socket.send_to(peer.local_address(), bytes_of("hello")).value());
  ASSERT_EQ(receive_some(peer, batch), 1U);
  EXPECT_EQ(text_of(batch.datagrams().front().bytes), "hello");

  ASSERT_TRUE(socket.send_to(dead, bytes_of("anyone?")).value());
  const auto received = socket.receive(batch);
  ASSERT_TRUE(received.has_value()) << received.error().message();
  EXPECT_EQ(*received, 0U);

  const auto errors = socket.receive_errors();
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
  EXPECT_EQ(errors[0].destination, dead);
  EXPECT_EQ(text_of(errors[0].quote), "anyone?");
  EXPECT_EQ(errors[0].reporter, Address::loopback_v4());
  EXPECT_FALSE(errors[0].local);
  EXPECT_EQ(errors[0].icmp_type, 3);  // RFC 792: destination unreachable, port unreachable
  EXPECT_EQ(errors[0].icmp_code, 3);
}

}  // namespace
}  // namespace holler
