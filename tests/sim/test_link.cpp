#include "tests/sim/story.hpp"

namespace holler::sim {
namespace {

/// What links do to hosts: the link alone is tried in tests/unit/test_link_*.cpp.
class Links : public Story {
 protected:
  struct Ends {
    StrangerHost& left;
    StrangerHost& right;
  };
  Ends ends() { return {world().add<StrangerHost>(endpoint(1)), world().add<StrangerHost>(endpoint(2))}; }

  bool story_says(std::string_view what) { return world().story().text().find(what) != std::string::npos; }
};

TEST_F(Links, DeliverCorruptedCopiesToTheHostAndSayBoth) {
  make_world({.link = {.delay = 1ms, .corruption = percent(100)}});
  const Ends hosts = ends();
  bool altered = false;
  world().set_tap([&](const Sighting& s) {
    if (s.stage == Sighting::Stage::delivered) altered = s.altered;
  });
  hosts.left.send(hosts.right.at(), "as it was sent");
  run();
  ASSERT_EQ(hosts.right.heard().size(), 1U);
  EXPECT_EQ(hosts.right.heard()[0].bytes.size(), 14U);
  EXPECT_NE(text_of(hosts.right.heard()[0].bytes), "as it was sent");
  EXPECT_TRUE(altered);
  EXPECT_TRUE(story_says("altered")) << world().story().text();
}

TEST_F(Links, NeverDeliverWhatAChecksumCatches) {
  make_world({.link = {.checksum_errors = percent(100)}});
  const Ends hosts = ends();
  hosts.left.send(hosts.right.at(), "hello");
  run();
  EXPECT_TRUE(hosts.right.heard().empty());
  EXPECT_TRUE(story_says("lost checksum")) << world().story().text();
}

TEST_F(Links, SayInTheStoryWhyADatagramWasLost) {
  make_world({.link = {.rate = 8000, .queue_datagrams_max = 0}});
  const Ends hosts = ends();
  Loss loss = Loss::none;
  world().set_tap([&](const Sighting& s) {
    if (s.stage == Sighting::Stage::lost) loss = s.loss;
  });
  hosts.left.send(hosts.right.at(), "one");
  hosts.left.send(hosts.right.at(), "two");
  run();
  EXPECT_EQ(hosts.right.heard().size(), 1U);
  EXPECT_EQ(loss, Loss::queue_full);
  EXPECT_TRUE(story_says("lost queue full")) << world().story().text();
}

TEST_F(Links, HaveARateThatCountsHeaders) {
  make_world({.link = {.delay = 5ms, .rate = 1'000'000}});
  const Ends hosts = ends();
  for (int i = 0; i < 2; ++i) hosts.left.send(hosts.right.at(), std::string(97, 'x'));
  run();
  ASSERT_EQ(hosts.right.heard().size(), 2U);
  EXPECT_EQ(hosts.right.heard()[0].when, world().time(6ms));
  EXPECT_EQ(hosts.right.heard()[1].when, world().time(7ms));
}

TEST_F(Links, TellTheAskerByIcmpWhatIsTooBigAndWhatFits) {
  make_world({.link = {.delay = 1ms, .mtu_bytes = 600}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1));
  client.ask(server.at(), std::string(1000, 'x'));
  client.ask(server.at(), "small");
  run();
  ASSERT_EQ(client.asked().size(), 2U);
  EXPECT_EQ(client.asked()[0].event.outcome, Outcome::too_large);
  EXPECT_EQ(client.asked()[0].event.path_mtu_bytes, 600U);
  EXPECT_LT(client.asked()[0].ended, world().time(100ms));
  EXPECT_TRUE(client.asked()[1].answered());
}

TEST_F(Links, WithoutIcmpSwallowWhatIsTooBigUntilTheDeadline) {
  make_world({.link = {.delay = 1ms, .mtu_bytes = 600, .icmp_too_big = false}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1));
  client.ask(server.at(), std::string(1000, 'x'));
  run();
  ASSERT_EQ(client.asked().size(), 1U);
  EXPECT_EQ(client.asked()[0].event.outcome, Outcome::no_answer);
  EXPECT_GE(client.asked()[0].ended, world().time(10s));
}

TEST_F(Links, BlockOneDirectionAndHealAtAVirtualTime) {
  make_world({.link = {.delay = 1ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1));
  world().link(server.at().address, endpoint(1).address).blocked = true;
  world().at(3s, [&] { world().link(server.at().address, endpoint(1).address).blocked = false; });
  client.ask(server.at(), "are you there?");
  run();
  ASSERT_TRUE(client.asked()[0].answered()) << world().story().text();
  EXPECT_GT(client.asked()[0].ended, world().time(3s));
  EXPECT_EQ(server.runs(), 1U);
}

TEST_F(Links, OfABurstyKindLetEveryQuestionThroughInTheEnd) {
  // Not the usual seed: it has a burst of 24, which comes once in 127,000 bursts and outlasts the deadline.
  make_world({.link = {.delay = 10ms, .burst = {.begin = percent(5), .end = percent(40)}}}, 1);
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1));
  for (int i = 0; i < 100; ++i) {
    client.ask_at(i * 100ms, server.at(), "question " + std::to_string(i), patient(60s));
  }
  run();
  for (const auto& asked : client.asked()) EXPECT_TRUE(asked.answered());
  EXPECT_EQ(server.runs_max(), 1U);
}

}  // namespace
}  // namespace holler::sim
