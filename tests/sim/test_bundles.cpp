#include <algorithm>
#include <vector>

#include "holler/codecs.hpp"

#include "tests/sim/story.hpp"

// Small messages share datagrams up to what the path takes: among those who understand that, and never so
// that a path that loses large datagrams loses all copies of a question.

namespace holler::sim {
namespace {

class Bundles : public Story {
 protected:
  static constexpr std::size_t kMany = 100;

  void make_pair(LinkSettings link, Duration client_delay = {}, Duration server_delay = {},
                 bool server_bundles = true, std::uint64_t seed = kSeed) {
    make_world({.link = link}, seed);
    server_ = &world().add<ServerHost>(
        endpoint(9), ServerHost::echo,
        ServerHostOptions{.responder = {.bundles = server_bundles, .bundle_delay = server_delay}});
    client_ = &world().add<ClientHost>(
        endpoint(1, 40'000),
        ClientHostOptions{
            .requester = {.uncontrolled = true, .bundles = true, .bundle_delay = client_delay}});
    world().add_tap([this](const Sighting& sighting) {
      if (sighting.stage != Sighting::Stage::sent) return;
      const bool up = sighting.to == server_->at();
      Counts& way = up ? up_ : down_;
      ++way.datagrams;
      way.bytes_max = std::max(way.bytes_max, sighting.bytes.size());
      std::size_t messages = 0;
      for (Bytes rest = sighting.bytes; !rest.empty(); ++messages) {
        rest = up ? holler_codec().decode_request(rest).rest : holler_codec().decode_reply(rest).rest;
      }
      way.messages_max = std::max(way.messages_max, messages);
    });
  }

  /// Asks once, and then many at one time: who has not heard a peer knows nothing of it.
  void ask_many_after_one() {
    client_->set_on_end([this](const RequestEvent&) {
      if (client_->asked().size() > 1) return;
      up_ = down_ = {};
      for (std::size_t i = 0; i < kMany; ++i) {
        client_->ask(server_->at(), "question " + std::to_string(i), patient(60s, 200ms));
      }
    });
    client_->ask(server_->at(), "?", patient(60s, 200ms));
    run();
  }

  void expect_each_answered_once() {
    EXPECT_EQ(server_->runs(), kMany + 1);
    ASSERT_EQ(client_->asked().size(), kMany + 1);
    for (const auto& asked : client_->asked()) {
      EXPECT_EQ(asked.event.outcome, Outcome::answered);
      EXPECT_EQ(text_of(asked.reply), "re: " + std::string{text_of(asked.payload)});
    }
  }

  struct Counts {
    std::size_t datagrams = 0;
    std::size_t messages_max = 0;  // in one of them
    std::size_t bytes_max = 0;
  };
  ServerHost* server_ = nullptr;
  ClientHost* client_ = nullptr;
  Counts up_;
  Counts down_;
};

TEST_F(Bundles, AHundredQuestionsTravelInFewDatagramsBothWays) {
  make_pair({.delay = 10ms});
  ask_many_after_one();
  expect_each_answered_once();
  // 55 or 56 bytes each up, and 51 or 52 down, in 1452.
  EXPECT_EQ(up_.datagrams, 4U);
  EXPECT_EQ(down_.datagrams, 4U);
  EXPECT_LE(std::max(up_.bytes_max, down_.bytes_max), 1452U);
}

TEST_F(Bundles, AreNeverSentToWhoHasNotAskedForThem) {
  make_pair({.delay = 10ms}, 0ms, 0ms, false);
  ask_many_after_one();
  expect_each_answered_once();
  EXPECT_EQ(up_.datagrams, kMany);
  EXPECT_EQ(up_.messages_max, 1U);
}

TEST_F(Bundles, ThatAPathSwallowsLoseNoQuestion) {
  make_pair({.delay = 10ms, .mtu_bytes = 600, .icmp_too_big = false});
  ask_many_after_one();
  expect_each_answered_once();
  // The third copies go alone. A server that hears the last of a hundred new numbers first may say "busy".
  for (const auto& asked : client_->asked()) EXPECT_LE(asked.sent.size(), 4U);
}

TEST_F(Bundles, ThatAHopRefusesAreSentAgainInSmallerOnes) {
  make_pair({.delay = 10ms, .mtu_bytes = 1280});
  ask_many_after_one();
  expect_each_answered_once();
  for (const auto& asked : client_->asked()) EXPECT_LE(asked.sent.size(), 3U);
}

TEST_F(Bundles, SurviveLossDuplicationAndReordering) {
  for_seeds(20, [this](std::uint64_t seed) {
    make_pair({.delay = 10ms,
               .jitter = 5ms,
               .loss = percent(20),
               .duplication = percent(10),
               .duplication_delay = 50ms,
               .reordering = percent(10),
               .reordering_delay = 50ms},
              0ms, 0ms, true, seed);
    ask_many_after_one();
    expect_each_answered_once();
  });
}

TEST_F(Bundles, WaitForCompanyNoLongerThanTheyAreTold) {
  make_pair({.delay = 10ms}, 20ms, 15ms);
  client_->ask(server_->at(), "?", patient(60s));
  for (std::size_t i = 0; i < kMany; ++i) {
    client_->ask_at(1s + i * 1ms, server_->at(), "question " + std::to_string(i), patient(60s));
  }
  run();
  expect_each_answered_once();
  for (std::size_t i = 1; i < client_->asked().size(); ++i) {
    const auto& asked = client_->asked()[i];
    ASSERT_EQ(asked.sent.size(), 1U);
    EXPECT_LE(asked.sent.front().when - asked.started, 20ms);
    EXPECT_LE(asked.ended - asked.started, 20ms + 10ms + 15ms + 10ms);
  }
  // One datagram each 20 ms, beside the first question's.
  EXPECT_LE(up_.datagrams, 1U + 6U);
  EXPECT_LE(down_.datagrams, 1U + 8U);
  EXPECT_GE(up_.messages_max, 15U);
}

TEST_F(Bundles, DoNotWaitWhereADatagramIsFull) {
  make_pair({.delay = 10ms}, 1s);
  ask_many_after_one();
  expect_each_answered_once();
  // 60 bytes each, as counted before they are written, reach 1200 with the twentieth.
  const auto& first = client_->asked()[1];
  EXPECT_EQ(first.sent.front().when, first.started);
}

TEST_F(Bundles, AreCountedMessageByMessageForTheLimitOnAmplification) {
  // A bundle's IP header counts once: 3 times what was sent is less than 3 times what single ones would be.
  SeededRandom random{1};
  const Endpoint asker{Address::v4(192, 0, 2, 1), 40'000};
  const Endpoint server{Address::v4(192, 0, 2, 2), 1060};
  ByteVector datagram(44);
  const RequestStamp stamp{.conversation = 7,
                           .number = 1,
                           .done_below = 1,
                           .id = 1,
                           .time_left = 10s,
                           .bundles = true,
                           .cookie = {}};
  ASSERT_EQ(holler_codec().encode_request(stamp, {}, datagram), 44U);
  const auto answered_with = [&](bool continued, std::size_t payload) {
    Responder fresh{{&holler_codec()}, random, {.bundles = true}};
    const Timestamp now{10s};
    const Incoming incoming{.from = asker, .to = server, .bytes = datagram, .continued = continued};
    EXPECT_EQ(fresh.handle_datagram(now, incoming).receipt, Receipt::request);
    const auto request = fresh.poll_request();
    EXPECT_TRUE(fresh.reply(now, request->job, ByteVector(payload)));
    ByteVector buffer(65536);
    return fresh.poll_transmit(now, buffer)->kind;
  };
  // A reply has 36 + 28 bytes beside its payload; 3 · (44 + 28) = 216, 3 · 44 = 132.
  EXPECT_EQ(answered_with(false, 216 - 64), ReplyKind::reply);
  EXPECT_EQ(answered_with(false, 216 - 63), ReplyKind::verify);
  EXPECT_EQ(answered_with(true, 132 - 64), ReplyKind::reply);
  EXPECT_EQ(answered_with(true, 132 - 63), ReplyKind::verify);
}

}  // namespace
}  // namespace holler::sim
