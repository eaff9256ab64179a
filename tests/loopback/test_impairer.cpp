#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "tests/support/running_impairer.hpp"

/// The relay among sockets: who hears what from whom, and where it ends. What links do to datagrams is tried
/// in tests/unit/test_link_*.cpp, and measured in tests/cli/test_impair_statistics.py.
namespace holler {
namespace {

using namespace std::chrono_literals;
using ::holler::testing::bound_to;
using ::holler::testing::eventually;
using ::holler::testing::expect_sum;
using ::holler::testing::must;
using ::holler::testing::pattern;
using ::holler::testing::receive_some;
using ::holler::testing::RunningImpairer;

class ImpairerTest : public ::testing::Test {
 protected:
  ImpairerOptions options() { return {.target = target.local_address()}; }

  /// The next datagram that a socket hears, with who sent it.
  static std::pair<std::string, Endpoint> hear(UdpSocket& socket) {
    ReceiveBatch one{1};
    if (receive_some(socket, one) == 0) return {"(nothing)", {}};
    const ReceivedDatagram& datagram = one.datagrams()[0];
    return {std::string{text_of(datagram.bytes)}, datagram.from};
  }
  static void say(UdpSocket& socket, const Endpoint& to, Bytes bytes) {
    ASSERT_TRUE(must(socket.send_to(to, bytes)));
  }
  static void say(UdpSocket& socket, const Endpoint& to, std::string_view text) {
    say(socket, to, bytes_of(text));
  }

  UdpSocket target = bound_to(Address::loopback_v4());
  UdpSocket client = bound_to(Address::loopback_v4());
};

TEST_F(ImpairerTest, RelaysBothWaysAndSpeaksToEachSideFromItsOwnAddress) {
  RunningImpairer relay{options()};
  say(client, relay.endpoint(), "question");
  const auto [question, asker] = hear(target);
  EXPECT_EQ(question, "question");
  EXPECT_NE(asker, client.local_address());
  say(target, asker, "answer");
  const auto [answer, answerer] = hear(client);
  EXPECT_EQ(answer, "answer");
  EXPECT_EQ(answerer, relay.endpoint());
  const ImpairerStats stats = relay.stop();
  EXPECT_EQ(stats.up.delivered, 1U);
  EXPECT_EQ(stats.up.delivered_bytes, 8U);
  EXPECT_EQ(stats.down.delivered, 1U);
  EXPECT_EQ(stats.down.received_bytes, 6U);
  EXPECT_EQ(stats.clients_total, 1U);
  expect_sum(stats.up);
  expect_sum(stats.down);
}

TEST_F(ImpairerTest, GivesEachClientAPortOfItsOwnTowardTheTarget) {
  RunningImpairer relay{options()};
  std::vector<UdpSocket> clients;
  std::set<Endpoint> ports;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(bound_to(Address::loopback_v4()));
    say(clients.back(), relay.endpoint(), std::to_string(i));
    const auto [text, port] = hear(target);
    EXPECT_EQ(text, std::to_string(i));
    ports.insert(port);
    say(target, port, "re: " + text);
  }
  EXPECT_EQ(ports.size(), 20U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(hear(clients[static_cast<std::size_t>(i)]).first, "re: " + std::to_string(i));
  }
  EXPECT_EQ(relay.stop().clients_most, 20U);
}

TEST_F(ImpairerTest, AnswersFromTheAddressThatWasAsked) {
  ImpairerOptions everywhere = options();
  everywhere.listen = {Address::any_v4(), 0};
  RunningImpairer relay{everywhere};
  for (const Address& asked : {Address::v4(127, 0, 0, 2), Address::v4(127, 0, 0, 3)}) {
    say(client, {asked, relay.endpoint().port}, "question");
    say(target, hear(target).second, "answer");
    EXPECT_EQ(hear(client).second.address, asked);
  }
  EXPECT_EQ(relay.stop().clients_total, 2U) << "one for each address that was asked";
}

TEST_F(ImpairerTest, PassesDatagramsOfEverySize) {
  RunningImpairer relay{options()};
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1473}, kPayloadBytesMaxV4}) {
    const ByteVector sent = pattern(size);
    say(client, relay.endpoint(), sent);
    EXPECT_EQ(hear(target).first, text_of(sent)) << size;
  }
}

TEST_F(ImpairerTest, TakesNothingFromStrangersForTheTargets) {
  RunningImpairer relay{options()};
  say(client, relay.endpoint(), "question");
  const Endpoint port = hear(target).second;
  UdpSocket stranger = bound_to(Address::loopback_v4());
  say(stranger, port, "forged");
  say(target, port, "answer");
  EXPECT_EQ(hear(client).first, "answer");
  EXPECT_EQ(relay.stop().down.received, 1U);
}

TEST_F(ImpairerTest, TreatsTheTwoDirectionsApart) {
  ImpairerOptions one_way = options();
  one_way.down.link.loss = percent(100);
  RunningImpairer relay{one_way};
  say(client, relay.endpoint(), "question");
  const auto [question, port] = hear(target);
  EXPECT_EQ(question, "question");
  say(target, port, "answer");
  ASSERT_TRUE(eventually([&] { return relay.stats().down.received == 1; }));
  const ImpairerStats stats = relay.stop();
  EXPECT_EQ(stats.up.delivered, 1U);
  EXPECT_EQ(stats.down.lost_by(Loss::chance), 1U);
  EXPECT_EQ(stats.down.delivered, 0U);
}

TEST_F(ImpairerTest, DelaysBothWaysByAtLeastWhatWasAsked) {
  ImpairerOptions slow = options();
  slow.up.link.delay = 30ms;
  slow.down.link.delay = 20ms;
  RunningImpairer relay{slow};
  const Timestamp start = monotonic_now();
  say(client, relay.endpoint(), "question");
  const Endpoint port = hear(target).second;
  EXPECT_GE(monotonic_now() - start, 30ms);
  say(target, port, "answer");
  EXPECT_EQ(hear(client).first, "answer");
  EXPECT_GE(monotonic_now() - start, 50ms);
}

TEST_F(ImpairerTest, KeepsTheOrderOfWhatItDelaysAlike) {
  ImpairerOptions slow = options();
  slow.up.link.delay = 20ms;
  RunningImpairer relay{slow};
  for (int i = 0; i < 100; ++i) say(client, relay.endpoint(), std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(hear(target).first, std::to_string(i));
}

TEST_F(ImpairerTest, GivesTheSameFatesForTheSameSeedWhateverComesBack) {
  const auto fates = [this](std::uint64_t seed, bool with_answers) {
    ImpairerOptions lossy = options();
    lossy.seed = seed;
    lossy.up.link.loss = percent(50);
    lossy.down.link.loss = percent(50);
    RunningImpairer relay{lossy};
    std::string story;
    for (std::uint64_t i = 1; i <= 60; ++i) {
      const std::uint64_t before = relay.stats().up.delivered;
      say(client, relay.endpoint(), "x");
      EXPECT_TRUE(relay.heard(i));
      const bool passed = relay.stats().up.delivered > before;
      story += passed ? 'x' : '.';
      if (!passed) continue;
      const Endpoint port = hear(target).second;
      if (with_answers) say(target, port, "answer");
    }
    return story;
  };
  const std::string story = fates(7, false);
  EXPECT_EQ(story, fates(7, true));
  EXPECT_NE(story, fates(8, false));
}

TEST_F(ImpairerTest, AltersBytesAndNeverTheirNumber) {
  ImpairerOptions bad = options();
  bad.up.link.corruption = percent(100);
  RunningImpairer relay{bad};
  for (int i = 0; i < 20; ++i) {
    say(client, relay.endpoint(), "as it was sent");
    const std::string text = hear(target).first;
    EXPECT_EQ(text.size(), 14U);
    EXPECT_NE(text, "as it was sent");
  }
  say(client, relay.endpoint(), "");
  EXPECT_EQ(hear(target).first, "");
  EXPECT_EQ(relay.stop().up.corrupted, 20U) << "an empty datagram has nothing to alter";
}

TEST_F(ImpairerTest, LetsNothingPassInAnOutage) {
  ImpairerOptions down = options();
  down.up.outages = {{.start = 0s, .length = 1h}};
  RunningImpairer relay{down};
  for (int i = 0; i < 5; ++i) say(client, relay.endpoint(), "x");
  ASSERT_TRUE(relay.heard(5));
  const WayStats up = relay.stop().up;
  EXPECT_EQ(up.lost_by(Loss::blocked), 5U);
  EXPECT_EQ(up.delivered, 0U);
}

TEST_F(ImpairerTest, PassesEverythingOnceAnOutageIsOver) {
  ImpairerOptions down = options();
  down.up.outages = {{.start = 0s, .length = 50ms}};
  const Timestamp start = monotonic_now();
  RunningImpairer relay{down};
  std::uint64_t sent = 0;
  ASSERT_TRUE(eventually([&] {
    say(client, relay.endpoint(), "x");
    return relay.heard(++sent) && relay.stats().up.delivered > 0;
  }));
  EXPECT_GE(monotonic_now() - start, 50ms);
  const std::uint64_t lost = relay.stats().up.lost_by(Loss::blocked);
  for (int i = 0; i < 5; ++i) say(client, relay.endpoint(), "x");
  ASSERT_TRUE(relay.heard(sent + 5));
  EXPECT_EQ(relay.stop().up.lost_by(Loss::blocked), lost);
}

TEST_F(ImpairerTest, HasTheDelayOfTheStepThatBeganLast) {
  ImpairerOptions slow = options();
  slow.up.delay_steps = {
      {.start = 50ms, .delay = 0s}, {.start = 0s, .delay = 1h}, {.start = 1h, .delay = 1h}};
  const Timestamp start = monotonic_now();
  RunningImpairer relay{slow};
  std::uint64_t sent = 0;
  ASSERT_TRUE(eventually([&] {
    say(client, relay.endpoint(), "x");
    return relay.heard(++sent) && relay.stats().up.delivered > 0;
  }));
  EXPECT_GE(monotonic_now() - start, 50ms);
  const WayStats up = relay.stop().up;
  EXPECT_EQ(up.delivered + up.pending, sent) << "what was on the way stays there";
}

TEST_F(ImpairerTest, QueuesForItsRateAndDropsFromTheTail) {
  ImpairerOptions narrow = options();
  // A packet of 100 bytes takes an hour; headers count.
  narrow.up.link.rate = 1;
  narrow.up.link.queue_datagrams_max = 5;
  RunningImpairer relay{narrow};
  for (int i = 0; i < 20; ++i) say(client, relay.endpoint(), std::string(72, 'x'));
  ASSERT_TRUE(relay.heard(20));
  const WayStats up = relay.stop().up;
  EXPECT_EQ(up.pending, 6U) << "one that is being sent, and five that wait";
  EXPECT_EQ(up.lost_by(Loss::queue_full), 14U);
  expect_sum(up);
}

TEST_F(ImpairerTest, LosesWhatExceedsItsMtuWithHeaders) {
  ImpairerOptions narrow = options();
  narrow.up.link.mtu_bytes = 1400;
  RunningImpairer relay{narrow};
  say(client, relay.endpoint(), std::string(1373, 'x'));
  say(client, relay.endpoint(), std::string(1372, 'y'));
  EXPECT_EQ(hear(target).first, std::string(1372, 'y'));
  EXPECT_EQ(relay.stop().up.lost_by(Loss::too_big), 1U);
}

TEST_F(ImpairerTest, ClosesSocketsOfIdleClientsAndOpensThemAgain) {
  ImpairerOptions impatient = options();
  impatient.idle_max = 20ms;
  RunningImpairer relay{impatient};
  say(client, relay.endpoint(), "one");
  EXPECT_EQ(hear(target).first, "one");
  ASSERT_TRUE(eventually([&] { return relay.stats().clients_total == 1 && relay.stats().clients == 0; }));
  say(client, relay.endpoint(), "two");
  const auto [text, port] = hear(target);
  EXPECT_EQ(text, "two");
  EXPECT_EQ(relay.stop().clients_total, 2U);
}

TEST_F(ImpairerTest, KeepsTheSocketOfAClientWithSomethingOnTheWay) {
  ImpairerOptions slow = options();
  slow.idle_max = 10ms;
  slow.up.link.delay = 200ms;
  RunningImpairer relay{slow};
  say(client, relay.endpoint(), "late");
  EXPECT_EQ(hear(target).first, "late");
  EXPECT_EQ(relay.stop().clients_total, 1U);
}

TEST_F(ImpairerTest, DropsAndCountsNewcomersWhereEverySocketIsInUse) {
  ImpairerOptions small = options();
  small.clients_max = 2;
  small.up.link.delay = 1h;  // what is on its way keeps its client
  RunningImpairer relay{small};
  std::vector<UdpSocket> clients;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    clients.push_back(bound_to(Address::loopback_v4()));
    say(clients.back(), relay.endpoint(), "x");
    ASSERT_TRUE(relay.heard(i));
  }
  const ImpairerStats stats = relay.stop();
  EXPECT_EQ(stats.clients_most, 2U);
  EXPECT_EQ(stats.up.no_client, 2U);
  EXPECT_EQ(stats.up.pending, 2U);
  expect_sum(stats.up);
}

TEST_F(ImpairerTest, LetsTheClientIdleForLongestMakeRoom) {
  ImpairerOptions small = options();
  small.clients_max = 1;
  RunningImpairer relay{small};
  say(client, relay.endpoint(), "first");
  EXPECT_EQ(hear(target).first, "first");
  UdpSocket newcomer = bound_to(Address::loopback_v4());
  // Until the first one has been idle for a second, this is dropped.
  std::uint64_t sent = 1;
  ASSERT_TRUE(eventually([&] {
    say(newcomer, relay.endpoint(), "second");
    return relay.heard(++sent) && relay.stats().clients_total == 2;
  }));
  EXPECT_EQ(hear(target).first, "second");
  const ImpairerStats stats = relay.stop();
  EXPECT_EQ(stats.clients, 1U);
  expect_sum(stats.up);
}

TEST_F(ImpairerTest, BoundsWhatIsOnTheWay) {
  ImpairerOptions small = options();
  small.up.link.delay = 1h;
  small.pending_datagrams_max = 3;
  small.pending_bytes_max = 100;
  RunningImpairer relay{small};
  for (const std::size_t size : {90U, 11U, 5U, 5U, 0U}) {
    say(client, relay.endpoint(), std::string(size, 'x'));
  }
  ASSERT_TRUE(relay.heard(5));
  const WayStats up = relay.stop().up;
  EXPECT_EQ(up.pending, 3U) << "90, 5 and 5 bytes";
  EXPECT_EQ(up.no_room, 2U) << "11 bytes too many, and a fourth datagram";
  expect_sum(up);
}

TEST_F(ImpairerTest, CountsRefusalsByTheTargetAndByAClient) {
  UdpSocket closing = bound_to(Address::loopback_v4());
  ImpairerOptions to_nobody = options();
  to_nobody.target = testing::dead_endpoint(Address::loopback_v4());
  RunningImpairer deaf{to_nobody};
  say(client, deaf.endpoint(), "question");
  EXPECT_TRUE(eventually([&] { return deaf.stats().up.refused == 1; }));

  RunningImpairer relay{options()};
  std::optional<UdpSocket> gone = bound_to(Address::loopback_v4());
  say(*gone, relay.endpoint(), "question");
  const Endpoint port = hear(target).second;
  gone.reset();
  say(target, port, "answer");
  EXPECT_TRUE(eventually([&] { return relay.stats().down.refused == 1; }));
}

TEST_F(ImpairerTest, StopsAndGoesOnWithWhatIsOnTheWay) {
  ImpairerOptions slow = options();
  slow.up.link.delay = 50ms;
  Impairer relay = must(Impairer::open(slow));
  const auto run_until = [&relay](auto condition) {
    std::jthread thread{[&relay](const std::stop_token& stop) { EXPECT_TRUE(relay.run(stop)); }};
    return eventually(condition);
  };
  say(client, relay.local_address(), "late");
  EXPECT_TRUE(run_until([&] { return relay.stats().up.received == 1; }));
  EXPECT_TRUE(run_until([&] { return relay.stats().up.delivered == 1; }));
  EXPECT_EQ(hear(target).first, "late");
}

TEST_F(ImpairerTest, RefusesToRelayToItselfAndToNowhere) {
  const std::uint16_t port = testing::dead_endpoint(Address::loopback_v4()).port;
  for (const auto& [listen, asked] :
       {std::pair{Endpoint{Address::loopback_v4(), port}, Endpoint{Address::loopback_v4(), port}},
        {Endpoint{Address::any_v4(), port}, Endpoint{Address::v4(127, 0, 0, 9), port}},
        {Endpoint{Address::any_v6(), port}, Endpoint{Address::loopback_v4(), port}},
        {Endpoint{Address::loopback_v4(), 0}, Endpoint{Address::loopback_v4(), 0}},
        {Endpoint{Address::loopback_v4(), 0}, Endpoint{Address::any_v4(), port}}}) {
    const auto relay = Impairer::open({.listen = listen, .target = asked});
    ASSERT_FALSE(relay) << listen.to_string() << " to " << asked.to_string();
    EXPECT_EQ(relay.error().code, ErrorCode::invalid_argument);
  }
}

TEST_F(ImpairerTest, RelaysBetweenIpVersions) {
  ImpairerOptions mixed = options();
  mixed.listen = {Address::loopback_v6(), 0};
  RunningImpairer relay{mixed};
  UdpSocket modern = bound_to(Address::loopback_v6());
  say(modern, relay.endpoint(), "question");
  const auto [question, port] = hear(target);
  EXPECT_EQ(question, "question");
  EXPECT_TRUE(port.address.is_v4());
  say(target, port, "answer");
  EXPECT_EQ(hear(modern).second, relay.endpoint());
}

}  // namespace
}  // namespace holler
