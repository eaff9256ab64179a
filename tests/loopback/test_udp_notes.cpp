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
