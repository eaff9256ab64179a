#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <sys/socket.h>

#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "net/kernel_calls.hpp"
#include "tests/support/sockets.hpp"

// What travels beside a datagram costs each of them something, so no more does than is of use.

namespace holler {
namespace {

using testing::bound_to;
using testing::must;
using testing::receive_some;

/// Bytes of notes beside the last message that left.
std::size_t notes_bytes = 0;

int send_and_look(int descriptor, mmsghdr* messages, unsigned count, int flags) {
  notes_bytes = messages[count - 1].msg_hdr.msg_controllen;
  return send_messages(descriptor, messages, count, flags);
}

class UdpNotes : public ::testing::Test {
 protected:
  UdpNotes() { kernel_calls = &calls_; }
  ~UdpNotes() override { kernel_calls = &kDirectCalls; }

  /// Sends from there, and says which address it came from.
  static Address source_of(UdpSocket& sender, UdpSocket& receiver, std::optional<Address> from) {
    const OutgoingDatagram datagram{.to = receiver.local_address(), .from = from, .bytes = {}};
    const SendReport report = sender.send({&datagram, 1});
    EXPECT_EQ(report.accepted, 1U) << (report.error ? report.error->message() : "");
    ReceiveBatch batch;
    EXPECT_EQ(receive_some(receiver, batch), 1U);
    return batch.datagrams().front().from.address;
  }

  KernelCalls calls_{.send = send_and_look};
};

TEST_F(UdpNotes, NameASourceOnlyWhereItIsNotTheSocketsOwn) {
  const Address own = Address::v4(127, 0, 0, 5);
  const Address other = Address::v4(127, 0, 0, 6);
  UdpSocket receiver = bound_to(Address::loopback_v4());
  UdpSocket bound = bound_to(own);
  EXPECT_EQ(source_of(bound, receiver, own), own);
  EXPECT_EQ(notes_bytes, 0U);
  EXPECT_EQ(source_of(bound, receiver, {}), own);
  EXPECT_EQ(notes_bytes, 0U);
  EXPECT_EQ(source_of(bound, receiver, other), other);
  EXPECT_GT(notes_bytes, 0U);
  UdpSocket any = bound_to(Address::any_v4());
  EXPECT_EQ(source_of(any, receiver, own), own);
  EXPECT_GT(notes_bytes, 0U);
}

TEST_F(UdpNotes, NameTheSourceAgainWhenASocketHasLostItsPeerAndWithItItsOwnAddress) {
  UdpSocket receiver = bound_to(Address::v4(127, 0, 0, 9));
  UdpSocket socket = must(UdpSocket::connected(receiver.local_address()));
  const Address chosen = socket.local_address().address;
  EXPECT_EQ(source_of(socket, receiver, chosen), chosen);
  EXPECT_EQ(notes_bytes, 0U);
  ASSERT_TRUE(socket.disconnect().has_value());
  ASSERT_TRUE(socket.local_address().address.is_wildcard());
  EXPECT_EQ(source_of(socket, receiver, chosen), chosen);
  EXPECT_GT(notes_bytes, 0U);
}

TEST_F(UdpNotes, NameNoSourceOfIpv6EitherWhereItIsTheSocketsOwn) {
  UdpSocket receiver = bound_to(Address::loopback_v6());
  UdpSocket bound = bound_to(Address::loopback_v6());
  EXPECT_EQ(source_of(bound, receiver, Address::loopback_v6()), Address::loopback_v6());
  EXPECT_EQ(notes_bytes, 0U);
}

TEST_F(UdpNotes, TellNoWaitWhereNobodyWantsToKnow) {
  UdpSocket receiver = bound_to(Address::loopback_v4(), {.tell_waits = false});
  UdpSocket sender = bound_to(Address::loopback_v4());
  ReceiveBatch batch;
  const Timestamp sent = monotonic_now();
  ASSERT_TRUE(must(sender.send_to(receiver.local_address(), {})));
  ASSERT_EQ(receive_some(receiver, batch), 1U);
  EXPECT_GE(batch.read_at(), sent);
  EXPECT_LE(batch.read_at(), monotonic_now());
  EXPECT_EQ(batch.datagrams().front().waited, Duration::zero());
  EXPECT_EQ(batch.datagrams().front().to, receiver.local_address());
}

/// Wants to know nothing of a datagram but where it came from.
constexpr auto incurious = [] {
  return SocketOptions{.coalesce = false, .tell_waits = false, .tell_destination = false};
};

TEST_F(UdpNotes, TakeTheSocketsOwnAddressForTheDestinationWhereNobodyWantsToKnow) {
  for (const Address& own : {Address::v4(127, 0, 0, 5), Address::loopback_v6()}) {
    UdpSocket receiver = bound_to(own, incurious());
    UdpSocket sender = bound_to(own);
    for (const std::size_t at_once : {std::size_t{1}, std::size_t{2}}) {
      ASSERT_TRUE(must(sender.send_to(receiver.local_address(), bytes_of("which?"))));
      ReceiveBatch batch;
      ASSERT_EQ(must(receiver.receive(batch, at_once)), 1U);
      const ReceivedDatagram& datagram = batch.datagrams().front();
      EXPECT_EQ(datagram.from, sender.local_address());
      EXPECT_EQ(datagram.to, receiver.local_address());
      EXPECT_EQ(datagram.reply_from, own);
      EXPECT_EQ(datagram.interface, 0U);
      EXPECT_EQ(datagram.delivery, Delivery::unicast);
      EXPECT_TRUE(same_bytes(datagram.bytes, bytes_of("which?")));
    }
  }
}

TEST_F(UdpNotes, AreNotNeededToSeeThatADatagramIsTooLong) {
  UdpSocket receiver = bound_to(Address::loopback_v4(), incurious());
  UdpSocket sender = bound_to(Address::loopback_v4());
  // As long as the place in the slab takes, and longer than its owner wants.
  ReceiveBatch batch{1, 4};
  for (const char* text : {"", "four", "fives"}) {
    const Bytes bytes = bytes_of(std::string_view{text});
    ASSERT_TRUE(must(sender.send_to(receiver.local_address(), bytes)));
    ASSERT_EQ(receive_some(receiver, batch), 1U);
    EXPECT_EQ(batch.datagrams().front().truncated, bytes.size() > 4);
    EXPECT_TRUE(
        same_bytes(batch.datagrams().front().bytes, bytes.first(std::min<std::size_t>(bytes.size(), 4))));
  }
}

TEST_F(UdpNotes, AreThereForEachSocketThatWantsThemWhereSeveralShareABatch) {
  UdpSocket curious = bound_to(Address::any_v4());
  UdpSocket other = bound_to(Address::loopback_v4(), incurious());
  UdpSocket sender = bound_to(Address::loopback_v4());
  const Endpoint to_curious{Address::v4(127, 0, 0, 7), curious.local_address().port};
  ReceiveBatch batch{4};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(must(sender.send_to(to_curious, {})));
    ASSERT_EQ(must(curious.receive(batch)), 2U);
    for (const ReceivedDatagram& datagram : batch.datagrams()) EXPECT_EQ(datagram.to, to_curious);
    ASSERT_TRUE(must(sender.send_to(other.local_address(), {})));
    ASSERT_EQ(must(other.receive(batch, 1)), 1U);
    EXPECT_EQ(batch.datagrams().front().to, other.local_address());
  }
}

TEST_F(UdpNotes, TellOfEveryDatagramWhetherOneIsTakenAtATimeOrMany) {
  UdpSocket receiver = bound_to(Address::any_v4());
  UdpSocket sender = bound_to(Address::loopback_v4());
  const Endpoint to{Address::v4(127, 0, 0, 7), receiver.local_address().port};
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{2}}) {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(must(sender.send_to(to, {})));
    ReceiveBatch batch;
    for (std::size_t seen = 0; seen < 2; seen += at_once) {
      ASSERT_EQ(must(receiver.receive(batch, at_once)), at_once);
      for (const ReceivedDatagram& datagram : batch.datagrams()) {
        EXPECT_EQ(datagram.from, sender.local_address());
        EXPECT_EQ(datagram.to, to);
        EXPECT_NE(datagram.interface, 0U);
        EXPECT_FALSE(datagram.truncated);
      }
    }
    EXPECT_EQ(must(receiver.receive(batch, at_once)), 0U);
  }
}

}  // namespace
}  // namespace holler
