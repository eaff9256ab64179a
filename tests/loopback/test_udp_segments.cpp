#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "holler/udp_socket.hpp"

#include "net/kernel_calls.hpp"
#include "tests/support/sockets.hpp"

// Datagrams that go down to the kernel and come up from it in one piece; and kernels and devices that refuse
// it.

namespace holler {
namespace {

using testing::bound_to;
using testing::must;
using testing::pattern;
using testing::receive_some;

/// Calls that fail as told, and the kernel's otherwise.
struct Faults {
  static inline std::vector<int> errnos;        // of the next sends that hold segments; 0 lets one pass
  static inline std::size_t segments_accepted;  // more in one message are EINVAL
  static inline unsigned messages_accepted;     // of one call
  static inline std::size_t messages_sent;      // that the kernel took
  static inline std::size_t segmented_sent;     // of them, with several datagrams

  static int send(int descriptor, mmsghdr* messages, unsigned count, int flags) {
    if (messages[0].msg_hdr.msg_iovlen > 1) {
      if (messages[0].msg_hdr.msg_iovlen > segments_accepted) {
        errno = EINVAL;
        return -1;
      }
      if (!errnos.empty()) {
        const int failed = errnos.front();
        errnos.erase(errnos.begin());
        if (failed != 0) {
          errno = failed;
          return -1;
        }
      }
    }
    const int sent = ::sendmmsg(descriptor, messages, std::min(count, messages_accepted), flags);
    for (int i = 0; i < sent; ++i) {
      ++messages_sent;
      if (messages[i].msg_hdr.msg_iovlen > 1) ++segmented_sent;
    }
    return sent;
  }
};

class Segments : public ::testing::Test {
 protected:
  Segments() {
    Faults::errnos = {};
    Faults::segments_accepted = 128;
    Faults::messages_accepted = 1000;
    Faults::messages_sent = Faults::segmented_sent = 0;
    kernel_calls = &calls_;
  }
  ~Segments() override { kernel_calls = &kDirectCalls; }

  void make_pair(const Address& address = Address::loopback_v4(), bool coalesce = true) {
    receiver_.emplace(bound_to(address, {.coalesce = coalesce}));
    sender_.emplace(bound_to(address));
  }

  /// Sends datagrams of these sizes in one call, until all are taken, and expects each of them once, in
  /// order.
  void expect_delivery(const std::vector<std::size_t>& sizes, std::optional<Address> from = {}) {
    std::vector<ByteVector> contents;
    std::vector<OutgoingDatagram> outgoing;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      contents.push_back(pattern(sizes[i] + i));
      contents.back().erase(contents.back().begin(),
                            contents.back().begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const ByteVector& bytes : contents) {
      outgoing.push_back({.to = receiver_->local_address(), .from = from, .bytes = bytes});
    }
    std::size_t sent = 0;
    while (sent < outgoing.size()) {
      const SendReport report = sender_->send(std::span{outgoing}.subspan(sent));
      ASSERT_FALSE(report.error) << report.error->message();
      ASSERT_GT(report.accepted, 0U);
      sent += report.accepted;
    }
    ReceiveBatch batch;
    for (std::size_t i = 0; i < contents.size();) {
      ASSERT_GT(receive_some(*receiver_, batch), 0U) << i;
      for (const ReceivedDatagram& datagram : batch.datagrams()) {
        ASSERT_LT(i, contents.size());
        EXPECT_TRUE(same_bytes(datagram.bytes, contents[i])) << i;
        EXPECT_FALSE(datagram.truncated);
        EXPECT_EQ(datagram.from.address, from.value_or(sender_->local_address().address));
        EXPECT_EQ(datagram.from.port, sender_->local_address().port);
        EXPECT_EQ(datagram.to, receiver_->local_address());
        ++i;
      }
    }
    EXPECT_EQ(must(receiver_->receive(batch)), 0U);
  }

  KernelCalls calls_{.send = Faults::send};
  std::optional<UdpSocket> receiver_;
  std::optional<UdpSocket> sender_;
};

TEST_F(Segments, GoDownInOnePieceAndAreTakenApartWhereTheyArrive) {
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6()}) {
    make_pair(address);
    Faults::messages_sent = 0;
    expect_delivery(std::vector<std::size_t>(128, 32));
    EXPECT_EQ(Faults::messages_sent, 1U);
  }
}

TEST_F(Segments, ArriveOneByOneWhereNobodyTakesThemApart) {
  make_pair(Address::loopback_v4(), false);
  expect_delivery(std::vector<std::size_t>(128, 32));
  EXPECT_EQ(Faults::messages_sent, 1U);
}

TEST_F(Segments, OfAnySizesKeepTheirOrder) {
  make_pair();
  expect_delivery(
      {32, 32, 32, 31, 32, 0, 0, 1, 1, 1, 1200, 1200, 7, 16384, 16384, 16384, 16384, 2, 65507, 65507, 5});
  expect_delivery({0});
  expect_delivery({1});
}

TEST_F(Segments, LeaveFromTheAddressThatWasChosen) {
  receiver_.emplace(bound_to(Address::loopback_v4(), {.coalesce = true}));
  sender_.emplace(bound_to(Address::any_v4()));
  expect_delivery(std::vector<std::size_t>(20, 100), Address::v4(127, 0, 0, 5));
  EXPECT_EQ(Faults::segmented_sent, 1U);
}

TEST_F(Segments, ThatADeviceRefusesGoAgainOneByOneAndAreNotTriedAgain) {
  for (const int refusal : {EIO, EINVAL}) {
    make_pair();
    Faults::messages_sent = Faults::segmented_sent = 0;
    Faults::errnos = {refusal, refusal};  // EINVAL may only mean that 64 are the most
    expect_delivery(std::vector<std::size_t>(100, 32));
    EXPECT_EQ(Faults::segmented_sent, 0U);
    EXPECT_EQ(Faults::messages_sent, 100U);
    Faults::errnos = {};
    expect_delivery(std::vector<std::size_t>(10, 32));
    EXPECT_EQ(Faults::segmented_sent, 0U);
  }
}

TEST_F(Segments, AreFewerOnKernelsThatTakeFewer) {
  make_pair();
  Faults::segments_accepted = 64;
  expect_delivery(std::vector<std::size_t>(129, 32));
  EXPECT_EQ(Faults::messages_sent, 3U);
  EXPECT_EQ(Faults::segmented_sent, 2U);
}

TEST_F(Segments, TooLargeForThePathGoOneByOneWhileSmallerOnesStayTogether) {
  make_pair();
  Faults::errnos = {EMSGSIZE};
  expect_delivery(std::vector<std::size_t>(10, 1400));
  EXPECT_EQ(Faults::segmented_sent, 0U);
  expect_delivery(std::vector<std::size_t>(10, 1400));
  EXPECT_EQ(Faults::segmented_sent, 0U);
  expect_delivery(std::vector<std::size_t>(10, 1399));
  EXPECT_EQ(Faults::segmented_sent, 1U);
}

TEST_F(Segments, AreNeitherLostNorDoubledWhereACallTakesAPartOrIsInterrupted) {
  make_pair();
  Faults::messages_accepted = 1;
  Faults::errnos = {EINTR, 0, ECONNREFUSED, 0, EINTR, ECONNREFUSED};
  std::vector<std::size_t> sizes;
  for (std::size_t run = 1; run <= 8; ++run) sizes.insert(sizes.end(), 10, 10 * run);
  expect_delivery(sizes);
}

TEST_F(Segments, ThatFindNoRoomAreLeftToTheCaller) {
  make_pair();
  Faults::errnos = {EAGAIN};
  const ByteVector bytes = pattern(32);
  const std::vector<OutgoingDatagram> outgoing(
      10, {.to = receiver_->local_address(), .from = {}, .bytes = bytes});
  const SendReport blocked = sender_->send(outgoing);
  EXPECT_EQ(blocked.accepted, 0U);
  EXPECT_FALSE(blocked.error);
  Faults::errnos = {ENOBUFS};
  const SendReport full = sender_->send(outgoing);
  EXPECT_EQ(full.accepted, 0U);
  ASSERT_TRUE(full.error);
  EXPECT_EQ(full.error->code, ErrorCode::out_of_resources);
  expect_delivery(std::vector<std::size_t>(10, 32));
}

}  // namespace
}  // namespace holler
