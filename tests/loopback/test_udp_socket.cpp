#include <array>
#include <cerrno>
#include <csignal>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "holler/udp_socket.hpp"

#include "tests/support/sockets.hpp"

namespace holler {
namespace {

using testing::bound_to;
using testing::dead_endpoint;
using testing::errors_of;
using testing::eventually;
using testing::must;
using testing::pattern;
using testing::receive_some;

TEST(UdpSocket, DeliversOneSendAsOneReceiveWhateverTheSize) {
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6()}) {
    UdpSocket receiver = bound_to(address);
    UdpSocket sender = bound_to(address);
    ReceiveBatch batch;
    const std::size_t bytes_max = payload_bytes_max(address);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1472}, bytes_max}) {
      const ByteVector bytes = pattern(size);
      ASSERT_TRUE(must(sender.send_to(receiver.local_address(), bytes)));
      ASSERT_EQ(receive_some(receiver, batch), 1U);
      const ReceivedDatagram& datagram = batch.datagrams().front();
      EXPECT_TRUE(same_bytes(datagram.bytes, bytes)) << size;
      EXPECT_EQ(datagram.from, sender.local_address());
      EXPECT_EQ(datagram.to, receiver.local_address());
      EXPECT_EQ(datagram.reply_from, address);
      EXPECT_EQ(datagram.delivery, Delivery::unicast);
      EXPECT_NE(datagram.interface, 0U);
      EXPECT_FALSE(datagram.truncated);
    }
  }
}

TEST(UdpSocket, RefusesOneByteTooManyAndSaysTheLimit) {
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6()}) {
    UdpSocket socket = bound_to(address);
    const std::size_t bytes_max = payload_bytes_max(address);
    const auto refused = socket.send_to(socket.local_address(), pattern(bytes_max + 1));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::too_large);
    EXPECT_EQ(refused.error().payload_bytes_max, bytes_max);
    EXPECT_EQ(refused.error().endpoint, socket.local_address());
  }
}

TEST(UdpSocket, ReportsTruncationInsteadOfHidingIt) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  ReceiveBatch batch{4, 100};
  const ByteVector bytes = pattern(101);
  for (const std::size_t size : {100U, 101U}) {
    ASSERT_TRUE(must(socket.send_to(socket.local_address(), Bytes{bytes}.first(size))));
    ASSERT_EQ(receive_some(socket, batch), 1U);
    EXPECT_TRUE(same_bytes(batch.datagrams().front().bytes, Bytes{bytes}.first(100)));
    EXPECT_EQ(batch.datagrams().front().truncated, size > 100);
  }
}

TEST(UdpSocket, MovesManyDatagramsInOneCallAndKeepsTheirOrder) {
  UdpSocket receiver = bound_to(Address::loopback_v4());
  UdpSocket sender = bound_to(Address::loopback_v4());
  const ByteVector bytes = pattern(100);
  std::vector<OutgoingDatagram> outgoing;
  for (std::size_t i = 0; i < 100; ++i) {
    outgoing.push_back({.to = receiver.local_address(), .from = {}, .bytes = Bytes{bytes}.first(i)});
  }
  const SendReport report = sender.send(outgoing);
  EXPECT_EQ(report.accepted, 100U);
  EXPECT_FALSE(report.error.has_value());
  ReceiveBatch batch{7, 100};
  std::size_t received = 0;
  while (received < 100) {
    const std::size_t count = receive_some(receiver, batch);
    ASSERT_GT(count, 0U);
    ASSERT_LE(count, 7U);
    for (const ReceivedDatagram& datagram : batch.datagrams()) EXPECT_EQ(datagram.bytes.size(), received++);
  }
}

TEST(UdpSocket, StopsABatchAtTheDatagramThatCannotBeSent) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  const ByteVector bytes = pattern(kPayloadBytesMaxV4 + 1);
  const Endpoint to = socket.local_address();
  const std::array<OutgoingDatagram, 3> outgoing{{{.to = to, .from = {}, .bytes = Bytes{bytes}.first(1)},
                                                  {.to = to, .from = {}, .bytes = bytes},
                                                  {.to = to, .from = {}, .bytes = Bytes{bytes}.first(2)}}};
  const SendReport report = socket.send(outgoing);
  EXPECT_EQ(report.accepted, 1U);
  ASSERT_TRUE(report.error.has_value());
  EXPECT_EQ(report.error->code, ErrorCode::too_large);
}

TEST(UdpSocket, RefusesToSendWhatMeansNothing) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  const auto refusal = [&](const OutgoingDatagram& datagram) {
    const SendReport report = socket.send({&datagram, 1});
    EXPECT_EQ(report.accepted, 0U);
    return report.error ? report.error->code : ErrorCode::system;
  };
  const Endpoint self = socket.local_address();
  EXPECT_EQ(refusal({.to = {Address::loopback_v4(), 0}, .from = {}}), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal({.to = {Address::loopback_v6(), 9}, .from = {}}), ErrorCode::unsupported);
  EXPECT_EQ(refusal({.to = self, .from = Address::loopback_v6()}), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal({.to = self, .from = Address::v4(192, 0, 2, 1)}), ErrorCode::address_not_local);
}

TEST(UdpSocket, RefusesASourceThatIsNotOursOverIpv6Too) {
  UdpSocket socket = bound_to(Address::any_v6());
  const std::array<std::uint8_t, 16> documentation{0x20, 0x01, 0x0d, 0xb8};
  const Endpoint to{Address::loopback_v6(), socket.local_address().port};
  const OutgoingDatagram datagram{.to = to, .from = Address::v6(documentation)};
  const SendReport report = socket.send({&datagram, 1});
  ASSERT_TRUE(report.error.has_value());
  EXPECT_EQ(report.error->code, ErrorCode::address_not_local);
}

TEST(UdpSocket, FindsNothingWithoutWaiting) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  ReceiveBatch batch;
  EXPECT_EQ(must(socket.receive(batch)), 0U);
  EXPECT_TRUE(batch.datagrams().empty());
  EXPECT_FALSE(must(socket.wait(Duration::zero())));
  EXPECT_FALSE(must(socket.wait(Duration{-1})));
  EXPECT_FALSE(must(socket.wait(std::chrono::milliseconds{1})));
  EXPECT_TRUE(socket.receive_errors().empty());
}

TEST(UdpSocket, LetsAStaleRefusalNeitherFailAReceiveNorLoseASend) {
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6()}) {
    UdpSocket socket = bound_to(address);
    UdpSocket peer = bound_to(address);
    const Endpoint dead = dead_endpoint(address);
    ReceiveBatch batch;
    ASSERT_TRUE(must(socket.send_to(dead, bytes_of("first"))));
    ASSERT_TRUE(must(socket.wait(testing::kPatience)));  // the refusal has come
    ASSERT_TRUE(must(socket.send_to(peer.local_address(), bytes_of("hello"))));
    ASSERT_EQ(receive_some(peer, batch), 1U);
    EXPECT_EQ(text_of(batch.datagrams().front().bytes), "hello");

    ASSERT_EQ(errors_of(socket).size(), 1U);
    ASSERT_TRUE(must(socket.send_to(dead, bytes_of("anyone?"))));
    ASSERT_TRUE(must(socket.wait(testing::kPatience)));
    EXPECT_EQ(must(socket.receive(batch)), 0U);

    const auto errors = errors_of(socket);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].system_errno, ECONNREFUSED);
    EXPECT_EQ(errors[0].destination, dead);
    EXPECT_EQ(text_of(errors[0].quote), "anyone?");
    EXPECT_EQ(errors[0].reporter, address);
    EXPECT_FALSE(errors[0].local);
    // "Port unreachable" is 3/3 in RFC 792 and 1/4 in RFC 4443 §3.1.
    EXPECT_EQ(errors[0].icmp_type, address.is_v6() ? 1 : 3);
    EXPECT_EQ(errors[0].icmp_code, address.is_v6() ? 4 : 3);
  }
}

TEST(UdpSocket, DeliversEveryDatagramOfABatchBetweenRefusals) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  UdpSocket peer = bound_to(Address::loopback_v4());
  const Endpoint dead = dead_endpoint(Address::loopback_v4());
  std::vector<OutgoingDatagram> outgoing;
  for (std::size_t i = 0; i < 40; ++i) {
    outgoing.push_back({.to = i % 2 == 0 ? dead : peer.local_address(), .from = {}, .bytes = bytes_of("x")});
  }
  const SendReport report = socket.send(outgoing);
  EXPECT_EQ(report.accepted, 40U);
  EXPECT_FALSE(report.error.has_value());
  ReceiveBatch batch;
  std::size_t received = 0;
  while (received < 20) {
    const std::size_t count = receive_some(peer, batch);
    ASSERT_GT(count, 0U);
    received += count;
  }
  EXPECT_EQ(received, 20U);
  std::size_t refusals = 0;
  EXPECT_TRUE(eventually([&] { return (refusals += socket.receive_errors().size()) >= 20; }));
  EXPECT_EQ(refusals, 20U);
}

TEST(UdpSocket, HandsOutAtMost64ErrorsAtOnce) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  const Endpoint dead = dead_endpoint(Address::loopback_v4());
  for (int i = 0; i < 70; ++i) ASSERT_TRUE(must(socket.send_to(dead, {})));
  std::size_t total = 0;
  EXPECT_TRUE(eventually([&] {
    const std::size_t count = socket.receive_errors().size();
    EXPECT_LE(count, 64U);
    return (total += count) >= 70;
  }));
  EXPECT_EQ(total, 70U);
}

TEST(UdpSocket, SaysWhenErrorsWaitBeforeTheyTakeUpTheReceiveBuffer) {
  UdpSocket socket = bound_to(Address::loopback_v4(), {.interface = {}, .receive_buffer_bytes = 20'000});
  UdpSocket peer = bound_to(Address::loopback_v4());
  const Endpoint dead = dead_endpoint(Address::loopback_v4());
  ReceiveBatch batch;
  EXPECT_FALSE(socket.errors_waiting());
  // More errors than the buffer has room for, and after each a datagram that needs room, too.
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(must(socket.send_to(dead, bytes_of("anyone?"))));
    ASSERT_TRUE(must(peer.send_to(socket.local_address(), bytes_of("data"))));
    ASSERT_EQ(receive_some(socket, batch), 1U);
    while (socket.errors_waiting()) static_cast<void>(socket.receive_errors());
  }
  EXPECT_EQ(socket.kernel_drops(), 0U);
}

TEST(UdpSocket, CountsWhatTheKernelDropsWhenItsBufferIsFull) {
  UdpSocket receiver = bound_to(Address::loopback_v4(), {.interface = {}, .receive_buffer_bytes = 4096});
  UdpSocket sender = bound_to(Address::loopback_v4());
  const ByteVector bytes = pattern(1000);
  constexpr std::size_t kFlood = 200;
  for (std::size_t i = 0; i < kFlood; ++i) ASSERT_TRUE(must(sender.send_to(receiver.local_address(), bytes)));
  ReceiveBatch batch;
  std::size_t received = 0;
  const auto all_accounted_for = [&] {
    received += must(receiver.receive(batch));
    return received + receiver.kernel_drops() == kFlood;
  };
  EXPECT_TRUE(eventually(all_accounted_for))
      << received << " received, " << receiver.kernel_drops() << " dropped";
  EXPECT_GT(receiver.kernel_drops(), 0U);
  EXPECT_EQ(sender.kernel_drops(), 0U);
}

TEST(UdpSocket, ReadsBackTheReceiveBufferThatWasGranted) {
  // socket(7): the kernel doubles what was asked for, and asks for no more than rmem_max.
  const UdpSocket small = bound_to(Address::loopback_v4(), {.interface = {}, .receive_buffer_bytes = 8192});
  EXPECT_EQ(small.receive_buffer_bytes(), 16384U);
  const UdpSocket standard = bound_to(Address::loopback_v4(), {.interface = {}, .receive_buffer_bytes = 0});
  EXPECT_GT(standard.receive_buffer_bytes(), 16384U);
  const UdpSocket greedy =
      bound_to(Address::loopback_v4(), {.interface = {}, .receive_buffer_bytes = std::size_t{1} << 40U});
  EXPECT_GE(greedy.receive_buffer_bytes(), standard.receive_buffer_bytes());
}

TEST(UdpSocket, TellsHowLongADatagramLayInTheBuffer) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  // Stamps begin a moment after the first socket on a machine asks for them.
  ReceiveBatch batch;
  EXPECT_TRUE(eventually([&] {
    static_cast<void>(must(socket.send_to(socket.local_address(), {})));
    const Timestamp sent = monotonic_now();
    static_cast<void>(eventually([&] { return monotonic_now() - sent > std::chrono::milliseconds{5}; }));
    if (receive_some(socket, batch) == 0) return false;
    return batch.datagrams().front().waited >= std::chrono::milliseconds{5};
  }));
}

TEST(UdpSocket, GivesADescriptorThatEpollAndReadUnderstand) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{.events = EPOLLIN, .data = {.fd = socket.native_handle()}};
  ASSERT_EQ(::epoll_ctl(poller, EPOLL_CTL_ADD, socket.native_handle(), &interest), 0);
  ASSERT_TRUE(must(socket.send_to(socket.local_address(), bytes_of("through read"))));
  epoll_event happened{};
  ASSERT_EQ(::epoll_wait(poller, &happened, 1, 30'000), 1);
  ::close(poller);
  EXPECT_EQ(happened.data.fd, socket.native_handle());
  std::array<char, 64> buffer{};
  const ssize_t size = ::read(socket.native_handle(), buffer.data(), buffer.size());
  ASSERT_EQ(size, 12);
  EXPECT_EQ(std::string_view(buffer.data(), 12), "through read");
}

TEST(UdpSocket, EndsAWaitWhenASignalArrives) {
  UdpSocket socket = bound_to(Address::loopback_v4());
  struct sigaction handler{};
  struct sigaction before{};
  handler.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &handler, &before), 0);
  // Again and again, for one that comes before the wait begins is lost.
  const itimerval every_10_ms{.it_interval = {0, 10'000}, .it_value = {0, 10'000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &every_10_ms, nullptr), 0);
  const bool ready = must(socket.wait(kForever));
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  EXPECT_FALSE(ready);
}

}  // namespace
}  // namespace holler
