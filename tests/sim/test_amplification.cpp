#include <map>

#include "tests/sim/story.hpp"

// A server is no cannon: what it sends to an address that has not shown itself is at most three times what
// came from there.

namespace holler::sim {
namespace {

constexpr std::size_t kHeaders = 28;  // IPv4 and UDP

ServerHost::Handler verbose(std::size_t bytes) {
  return [bytes](const IncomingRequest&, Answer& answer) { answer.payload.assign(bytes, std::byte{'v'}); };
}

class Amplification : public Story {
 protected:
  /// Watches what the server gets from and sends to each address.
  void watch(const ServerHost& server) {
    world().set_tap([this, at = server.at()](const Sighting& sighting) {
      if (sighting.stage == Sighting::Stage::delivered && sighting.to == at) {
        received_[sighting.from.address] += sighting.bytes.size() + kHeaders;
      }
      if (sighting.stage == Sighting::Stage::sent && sighting.from == at) {
        sent_[sighting.to.address] += sighting.bytes.size() + kHeaders;
        worst_ =
            std::max(worst_, double(sent_[sighting.to.address]) / double(received_[sighting.to.address]));
      }
    });
  }
  std::map<Address, std::size_t> received_;
  std::map<Address, std::size_t> sent_;
  double worst_ = 0;  ///< the highest ratio of sent to received, of any address, at any time
};

TEST_F(Amplification, ALargeReplyWaitsForTheAskerToShowItsAddress) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(5000));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "tell me everything");
  run();
  EXPECT_TRUE(only(client).answered());
  EXPECT_EQ(only(client).reply.size(), 5000U);
  EXPECT_EQ(only(client).sent.size(), 2U);
  EXPECT_EQ(only(client).event.elapsed, 20ms);  // two round trips, and no wait
  EXPECT_EQ(server.runs(), 1U);
  EXPECT_EQ(server.stats().verified, 1U);
  EXPECT_EQ(server.stats().answered, 1U);
  ASSERT_EQ(server.sent().size(), 2U);
  EXPECT_EQ(server.sent()[0].kind, ReplyKind::verify);
  EXPECT_EQ(server.sent()[1].kind, ReplyKind::reply);
}

TEST_F(Amplification, AnAskerThatHasShownItsAddressIsNotAskedAgain) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(5000));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "first");
  for (int i = 1; i <= 10; ++i) client.ask_at(i * 1s, server.at(), "later");
  run();
  for (std::size_t i = 1; i < client.asked().size(); ++i) EXPECT_EQ(client.asked()[i].sent.size(), 1U) << i;
}

TEST_F(Amplification, ACookieThatHasGrownOldIsReplaced) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(5000));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "first");
  client.ask_at(2h, server.at(), "much later");
  run();
  for (const auto& asked : client.asked()) {
    EXPECT_TRUE(asked.answered());
    EXPECT_EQ(asked.sent.size(), 2U);
  }
}

TEST_F(Amplification, VerificationSurvivesLoss) {
  for_seeds(100, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 5ms, .jitter = 20ms, .loss = percent(40), .duplication = percent(20)}},
               seed);
    auto& server = world().add<ServerHost>(endpoint(9), verbose(5000));
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    watch(server);
    for (int i = 0; i < 5; ++i)
      client.ask(server.at(), std::to_string(i), {.deadline = 300s, .first_wait = 100ms, .backoff_max = 5s});
    run();
    for (const auto& asked : client.asked()) EXPECT_TRUE(asked.answered());
    EXPECT_EQ(server.runs_max(), 1U);
  });
}

TEST_F(Amplification, ASmallReplyNeedsNoProof) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(100));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(server.at(), "briefly");
  run();
  EXPECT_EQ(only(client).sent.size(), 1U);
}

TEST_F(Amplification, NothingMakesAServerSendMoreThanThreeTimesToAnUnverifiedVictim) {
  for_seeds(30, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 1ms, .jitter = 5ms, .duplication = percent(20)}}, seed);
    SeededRandom random{seed};
    auto& server = world().add<ServerHost>(endpoint(9), [&random](const IncomingRequest&, Answer& answer) {
      answer.payload.assign(random.below(20'000), std::byte{'v'});
      answer.service = random.between(0ms, 100ms);
      answer.kind = static_cast<Answer::Kind>(random.below(4));
    });
    auto& attacker = world().add<StrangerHost>(endpoint(66, 6666));
    watch(server);
    for (int i = 0; i < 2000; ++i) {
      ByteVector datagram(300);
      const std::uint64_t number = 1 + random.below(20);
      const RequestStamp stamp{.conversation = random.below(3),
                               .number = number,
                               .done_below = 1 + random.below(number),
                               .id = number,
                               .attempt = static_cast<std::uint8_t>(random.below(4)),
                               .time_left = random.between(1ms, 60s)};
      const auto size = holler_codec().encode_request(stamp, ByteVector(random.below(200)), datagram);
      datagram.resize(size.value_or(0));
      if (random.below(10) == 0) datagram = ByteVector(random.below(10), std::byte{'p'});  // plain
      const Endpoint victim = endpoint(70 + static_cast<std::uint32_t>(random.below(3)), 5353);
      world().at(random.between(0s, 5s),
                 [&, datagram, victim] { attacker.send_as(victim, server.at(), datagram); });
    }
    run(100s);
    EXPECT_GT(sent_.size(), 0U);
    EXPECT_LE(worst_, 3.0);
  });
}

TEST_F(Amplification, ACookieOfOneAddressIsWorthNothingToAnother) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(10'000));
  auto& attacker = world().add<StrangerHost>(endpoint(66, 6666));
  const auto request = [](std::uint64_t number, Bytes cookie) {
    ByteVector datagram(300);
    datagram.resize(holler_codec()
                        .encode_request({.conversation = 1,
                                         .number = number,
                                         .done_below = 1,
                                         .id = 5,
                                         .time_left = 10s,
                                         .cookie = cookie},
                                        bytes_of("x"), datagram)
                        .value_or(0));
    return datagram;
  };
  attacker.send(server.at(), request(1, {}));
  run(100ms);
  ASSERT_EQ(attacker.heard().size(), 1U);
  const ReplyView verify = holler_codec().decode_reply(attacker.heard()[0].bytes);
  ASSERT_EQ(verify.kind, ReplyKind::verify);
  const ByteVector cookie = copy_of(verify.cookie);
  watch(server);
  for (std::uint64_t number = 1; number < 10; ++number) {
    attacker.send_as(endpoint(70, 5353), server.at(), request(number, cookie));
  }
  run(200ms);
  EXPECT_LE(worst_, 3.0);
}

TEST_F(Amplification, APlainAskerGetsNoReplyThatIsTooLarge) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9), verbose(500));
  auto& stranger = world().add<StrangerHost>(endpoint(66, 6666));
  stranger.send(server.at(), "short");
  stranger.send(server.at(), std::string(200, 'l'));
  run();
  ASSERT_EQ(stranger.heard().size(), 1U);
  EXPECT_EQ(stranger.heard()[0].bytes.size(), 500U);
  EXPECT_EQ(server.stats().dropped[DropReason::amplification], 1U);
}

}  // namespace
}  // namespace holler::sim
