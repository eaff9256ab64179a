#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include "holler/forged_sender.hpp"
#include "holler/local_addresses.hpp"
#include "holler/names.hpp"
#include "holler/udp_socket.hpp"
#include "holler/wiretap.hpp"

#include "tests/support/sockets.hpp"
#include "tests/support/two_hosts.hpp"

namespace holler {
namespace {

using testing::bound_to;
using testing::kPatience;
using testing::must;
using testing::Namespace;
using testing::receive_some;

Address address(std::string_view text) { return must(parse_address(text)); }

/// `here` forges.
class ForgedSenderOnAHost : public testing::TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (!IsSkipped()) here().command("ip address add fe80::77/64 dev cable nodad");
  }
  [[nodiscard]] UdpSocket socket_on(const Namespace& where, const Address& local) const {
    return where.in([&] { return bound_to(local); });
  }
  [[nodiscard]] ForgedSender sender() const {
    return here().in([] { return must(ForgedSender::open()); });
  }
};

/// The next datagrams that pass, as "FROM>TO text".
std::vector<std::string> passing(Wiretap& tap, std::size_t count) {
  std::vector<std::string> seen;
  const Timestamp end = later(monotonic_now(), kPatience);
  while (seen.size() < count && monotonic_now() < end) {
    pollfd readable{tap.native_handle(), POLLIN, 0};
    (void)::poll(&readable, 1, 1000);
    (void)must(tap.receive([&seen](const SeenDatagram& datagram) {
      seen.push_back(datagram.from.to_string() + ">" + datagram.to.to_string() + " " +
                     std::string{text_of(datagram.bytes)});
    }));
  }
  return seen;
}

TEST_F(ForgedSenderOnAHost, LiesAboutTheSourceOverBothIpVersions) {
  ForgedSender forger = sender();
  for (const auto& [victim_at, liar_as] :
       {std::pair{"127.0.0.1", "127.0.0.1"}, std::pair{"10.0.0.1", "127.9.9.9"}, std::pair{"::1", "::1"},
        std::pair{"2001:db8::1", "::1"}}) {
    UdpSocket victim = socket_on(here(), address(victim_at));
    const Endpoint lie{address(liar_as), 53};
    const ByteVector large(20000, std::byte{'x'});
    const std::array datagrams{
        ForgedDatagram{.from = lie, .to = victim.local_address(), .bytes = bytes_of("FAKE")},
        ForgedDatagram{.from = lie, .to = victim.local_address(), .bytes = {}},
        ForgedDatagram{.from = lie, .to = victim.local_address(), .bytes = large}};
    EXPECT_EQ(must(forger.send(datagrams)), 3U);
    ReceiveBatch batch;
    std::vector<std::size_t> sizes;
    while (sizes.size() < 3) {
      ASSERT_GT(receive_some(victim, batch), 0U) << victim_at;
      for (const ReceivedDatagram& datagram : batch.datagrams()) {
        EXPECT_EQ(datagram.from, lie);
        sizes.push_back(datagram.bytes.size());
      }
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 0, 20000})) << victim_at;
  }
}

TEST_F(ForgedSenderOnAHost, RefusesAddressesOfOthersAtEitherEnd) {
  ForgedSender forger = sender();
  const Endpoint own{address("10.0.0.1"), 1060};
  const Endpoint own_v6{address("2001:db8::1"), 1060};
  for (const char* other : {"10.0.0.2", "10.0.0.255", "255.255.255.255", "127.255.255.255", "224.0.0.1",
                            "0.0.0.0", "198.51.100.1"}) {
    for (const auto& [from, to] :
         {std::pair{own, Endpoint{address(other), 53}}, std::pair{Endpoint{address(other), 53}, own}}) {
      const ForgedDatagram datagram{.from = from, .to = to, .bytes = bytes_of("FAKE")};
      const auto sent = forger.send({&datagram, 1});
      ASSERT_FALSE(sent) << other;
      EXPECT_EQ(sent.error().code, ErrorCode::address_not_local) << other;
      EXPECT_NE(sent.error().message().find("of this machine"), std::string::npos);
    }
  }
  for (const char* other : {"2001:db8::2", "ff02::1", "::"}) {
    const ForgedDatagram datagram{.from = own_v6, .to = {address(other), 53}, .bytes = {}};
    EXPECT_EQ(forger.send({&datagram, 1}).error().code, ErrorCode::address_not_local) << other;
  }
  const ForgedDatagram mixed{.from = own, .to = own_v6, .bytes = {}};
  EXPECT_EQ(forger.send({&mixed, 1}).error().code, ErrorCode::invalid_argument);
  const ByteVector large(65508);
  const ForgedDatagram too_large{.from = own, .to = own, .bytes = large};
  EXPECT_EQ(forger.send({&too_large, 1}).error().code, ErrorCode::too_large);
}

TEST_F(ForgedSenderOnAHost, SendsWhatComesBeforeARefusalAndThenSaysWhy) {
  ForgedSender forger = sender();
  UdpSocket victim = socket_on(here(), address("10.0.0.1"));
  const Endpoint lie{address("127.0.0.1"), 53};
  std::vector<ForgedDatagram> datagrams(
      70, {.from = lie, .to = victim.local_address(), .bytes = bytes_of("FAKE")});
  datagrams.push_back({.from = lie, .to = {address("10.0.0.2"), 53}, .bytes = {}});
  EXPECT_EQ(must(forger.send(datagrams)), 70U);
  EXPECT_EQ(forger.send(std::span{datagrams}.last(1)).error().code, ErrorCode::address_not_local);
}

TEST_F(ForgedSenderOnAHost, LetsNothingOutWhenAnAddressMovesElsewhere) {
  ForgedSender forger = sender();
  UdpSocket there_too = [this] {
    here().command("ip address add 10.0.0.9/24 dev cable");
    return socket_on(there(), address("10.0.0.2"));
  }();
  forger = sender();  // 10.0.0.9 is this host's, as far as it knows
  here().command("ip address delete 10.0.0.9/24 dev cable");
  there().command("ip address add 10.0.0.9/24 dev cable");
  UdpSocket moved = socket_on(there(), address("10.0.0.9"));
  const ForgedDatagram datagram{
      .from = {address("10.0.0.1"), 53}, .to = moved.local_address(), .bytes = bytes_of("FAKE")};
  (void)forger.send({&datagram, 1});
  // An honest one goes there by the same cable, and is the only one that does.
  UdpSocket honest = socket_on(here(), address("10.0.0.1"));
  ASSERT_TRUE(must(honest.send_to(moved.local_address(), bytes_of("honest"))));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(moved, batch), 1U);
  EXPECT_EQ(text_of(batch.datagrams()[0].bytes), "honest");
}

TEST_F(ForgedSenderOnAHost, IsNotForOrdinaryUsersAndSaysWhatIsMissing) {
  const std::string refused = here().in([] {
    return testing::as_ordinary_user([] {
      const auto forger = ForgedSender::open();
      const auto tap = Wiretap::open({Address::loopback_v4(), 1060});
      return (forger ? "open" : forger.error().message()) + "\n" + (tap ? "open" : tap.error().message());
    });
  });
  EXPECT_EQ(refused,
            "open a raw socket: permission denied; it takes root, or the capability CAP_NET_RAW\n"
            "read along on the loopback interface: permission denied; it takes root, or the capability "
            "CAP_NET_RAW");
}

TEST_F(ForgedSenderOnAHost, IsNotSeenByAWiretapThatSeesAllElseOfItsServer) {
  UdpSocket server = socket_on(here(), address("10.0.0.1"));
  UdpSocket client = socket_on(here(), address("127.0.0.1"));
  UdpSocket bystander = socket_on(here(), address("127.0.0.1"));
  Wiretap tap = here().in([&] { return must(Wiretap::open(server.local_address())); });
  ForgedSender forger = sender();
  const ForgedDatagram fake{
      .from = server.local_address(), .to = client.local_address(), .bytes = bytes_of("FAKE")};
  EXPECT_EQ(must(forger.send({&fake, 1})), 1U);
  ASSERT_TRUE(must(client.send_to(bystander.local_address(), bytes_of("aside"))));
  ASSERT_TRUE(must(client.send_to(server.local_address(), bytes_of("question"))));
  ASSERT_TRUE(must(server.send_to(client.local_address(), bytes_of("answer"))));
  const std::string from = client.local_address().to_string();
  const std::string to = server.local_address().to_string();
  EXPECT_EQ(passing(tap, 2),
            (std::vector<std::string>{from + ">" + to + " question", to + ">" + from + " answer"}));
  EXPECT_EQ(tap.take_drops(), 0U);
}

TEST_F(ForgedSenderOnAHost, IsSeenOnceOverIpv6WhoeverElseIsOnTheCable) {
  UdpSocket server = socket_on(here(), address("2001:db8::1"));
  UdpSocket client = socket_on(here(), address("::1"));
  UdpSocket outside = socket_on(there(), address("2001:db8::2"));
  Wiretap tap = here().in([&] { return must(Wiretap::open(server.local_address())); });
  ASSERT_TRUE(must(outside.send_to(server.local_address(), bytes_of("from outside"))));
  ReceiveBatch batch;
  ASSERT_EQ(receive_some(server, batch), 1U);
  ASSERT_TRUE(must(client.send_to(server.local_address(), bytes_of("question"))));
  EXPECT_EQ(passing(tap, 1), (std::vector<std::string>{client.local_address().to_string() + ">" +
                                                       server.local_address().to_string() + " question"}));
}

TEST_F(ForgedSenderOnAHost, KnowsWhichAddressesAreItsOwn) {
  const LocalAddresses local = here().in([] { return must(LocalAddresses::read()); });
  for (const char* own : {"127.0.0.1", "127.255.0.3", "::1", "10.0.0.1", "2001:db8::1"}) {
    EXPECT_TRUE(local.contains(address(own))) << own;
  }
  for (const char* other : {"0.0.0.0", "::", "10.0.0.2", "10.0.0.255", "10.0.0.0", "2001:db8::2",
                            "255.255.255.255", "224.0.0.1", "ff02::1", "128.0.0.1", "fe80::1"}) {
    EXPECT_FALSE(local.contains(address(other))) << other;
  }
  const auto link_local = std::ranges::find_if(
      local.all(), [](const Address& own) { return own.to_string().starts_with("fe80::77%"); });
  ASSERT_NE(link_local, local.all().end());
  EXPECT_TRUE(local.contains(*link_local));
  EXPECT_TRUE(local.contains(Address::v6(link_local->bytes())));
  EXPECT_FALSE(local.contains(Address::v6(link_local->bytes(), link_local->scope() + 100)));
}

}  // namespace
}  // namespace holler
