#include "tests/sim/story.hpp"

namespace holler::sim {
namespace {

class Network : public Story {
 protected:
  static std::string text_at(const StrangerHost& host, std::size_t i) {
    return std::string{text_of(host.heard().at(i).bytes)};
  }
};

TEST_F(Network, DeliversAfterTheDelayAndNotBefore) {
  make_world({.link = {.delay = 20ms}});
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  sender.send(receiver.at(), "hello");
  run(19'999'999ns);
  EXPECT_TRUE(receiver.heard().empty());
  run(20ms);
  ASSERT_EQ(receiver.heard().size(), 1U);
  EXPECT_EQ(text_at(receiver, 0), "hello");
  EXPECT_EQ(receiver.heard()[0].from, sender.at());
  EXPECT_EQ(receiver.heard()[0].when, world().time(20ms));
}

TEST_F(Network, KeepsTheOrderOfWhatArrivesAtOneTime) {
  make_world();
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  for (int i = 0; i < 100; ++i) sender.send(receiver.at(), std::to_string(i));
  run();
  ASSERT_EQ(receiver.heard().size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(text_at(receiver, i), std::to_string(i));
}

TEST_F(Network, TakesLossDuplicationAndReorderingAtTheirRatios) {
  make_world({.link = {.delay = 10ms,
                       .loss = percent(20),
                       .duplication = percent(10),
                       .reordering = percent(5),
                       .reordering_delay = 100ms}});
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  std::size_t lost = 0;
  world().set_tap(
      [&](const Sighting& sighting) { lost += sighting.stage == Sighting::Stage::lost ? 1U : 0U; });
  for (int i = 0; i < 10'000; ++i) sender.send(receiver.at(), "x");
  run();
  EXPECT_NEAR(static_cast<double>(lost), 2000, 200);
  EXPECT_NEAR(static_cast<double>(receiver.heard().size()), 8000 * 1.1, 300);
  std::size_t held_back = 0;
  for (const auto& heard : receiver.heard()) held_back += heard.when == world().time(110ms) ? 1U : 0U;
  EXPECT_NEAR(static_cast<double>(held_back), 400, 80);
}

TEST_F(Network, TellsTheSameStoryForTheSameSeedAndAnotherForAnother) {
  const auto tell = [](std::uint64_t seed) {
    World world{{.seed = seed,
                 .link = {.delay = 5ms, .jitter = 50ms, .loss = percent(30), .duplication = percent(30)}}};
    auto& sender = world.add<StrangerHost>(endpoint(1));
    auto& receiver = world.add<StrangerHost>(endpoint(2));
    for (int i = 0; i < 200; ++i) sender.send(receiver.at(), std::to_string(i));
    world.run();
    return world.story().text();
  };
  EXPECT_EQ(tell(7), tell(7));
  EXPECT_NE(tell(7), tell(8));
}

TEST_F(Network, ChangesAtAVirtualTimeForOneWayOnly) {
  make_world({.link = {.delay = 1ms}});
  auto& left = world().add<StrangerHost>(endpoint(1));
  auto& right = world().add<StrangerHost>(endpoint(2));
  world().at(10ms, [&] { world().link(left.at().address, right.at().address).loss = percent(100); });
  for (const Duration when : {Duration{5ms}, Duration{15ms}}) {
    world().at(when, [&] {
      left.send(right.at(), "there");
      right.send(left.at(), "back");
    });
  }
  run();
  EXPECT_EQ(right.heard().size(), 1U);
  EXPECT_EQ(left.heard().size(), 2U);
}

TEST_F(Network, QueuesForAStoppedHostAsItsReceiveBufferAllows) {
  make_world({.receive_buffer_datagrams = 2});
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  world().freeze(receiver);
  for (int i = 0; i < 3; ++i) sender.send(receiver.at(), std::to_string(i));
  run(1s);
  EXPECT_TRUE(receiver.heard().empty());
  world().thaw(receiver);
  run();
  ASSERT_EQ(receiver.heard().size(), 2U);
  EXPECT_EQ(text_at(receiver, 1), "1");
}

TEST_F(Network, ShowsAReboundPortUnderItsNewNameOnly) {
  make_world();
  auto& inside = world().add<StrangerHost>(endpoint(1, 40'000));
  auto& outside = world().add<StrangerHost>(endpoint(2));
  world().rebind(0, endpoint(3, 50'000));
  inside.send(outside.at(), "hello");
  outside.send(endpoint(1, 40'000), "to the old name");
  outside.send(endpoint(3, 50'000), "to the new name");
  run();
  ASSERT_EQ(outside.heard().size(), 1U);
  EXPECT_EQ(outside.heard()[0].from, endpoint(3, 50'000));
  ASSERT_EQ(inside.heard().size(), 1U);
  EXPECT_EQ(text_at(inside, 0), "to the new name");
}

TEST_F(Network, LetsAMeddlerLoseDelayAndCopySingleDatagrams) {
  make_world({.link = {.delay = 1ms}});
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  world().set_meddler([](const Sighting& sighting) -> Meddling {
    if (text_of(sighting.bytes) == "lose") return {.lose = true};
    if (text_of(sighting.bytes) == "copy") return {.delay = 9ms, .copies = 2, .copies_delay = 120s};
    return {};
  });
  sender.send(receiver.at(), "copy");
  sender.send(receiver.at(), "lose");
  sender.send(receiver.at(), "pass");
  run();
  ASSERT_EQ(receiver.heard().size(), 4U);
  EXPECT_EQ(receiver.heard()[0].when, world().time(1ms));
  EXPECT_EQ(receiver.heard()[1].when, world().time(10ms));
  EXPECT_EQ(receiver.heard()[2].when, world().time(10ms + 120s));
  EXPECT_EQ(receiver.heard()[3].when, world().time(10ms + 240s));
}

TEST_F(Network, StoryIsBoundedAndSaysWhatIsGone) {
  make_world({.story_lines_max = 10});
  auto& sender = world().add<StrangerHost>(endpoint(1));
  auto& receiver = world().add<StrangerHost>(endpoint(2));
  for (int i = 0; i < 8; ++i) sender.send(receiver.at(), "number " + std::to_string(i));
  run();
  const std::string text = world().story().text();
  EXPECT_TRUE(text.starts_with("(6 earlier lines are gone)\n")) << text;
  EXPECT_NE(text.find("arrives                 10.0.0.1:1060 > 10.0.0.2:1060"), std::string::npos) << text;
  EXPECT_NE(text.find("'number 7' (8 bytes)"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
}

/// A host that asks to be woken at the time that it is, for ever.
class SpinningHost final : public Host {
 public:
  explicit SpinningHost(World& world) : world_{world} { world.attach(*this, endpoint(1)); }
  void handle_datagram(Timestamp /*now*/, const Delivered& /*datagram*/) override {}
  [[nodiscard]] Timestamp next_timeout() const override { return world_.now(); }

 private:
  World& world_;
};

TEST_F(Network, CatchesAHostThatSpins) {
  make_world();
  world().add<SpinningHost>();
  EXPECT_EQ(world().run(), RunEnd::fault);
}

}  // namespace
}  // namespace holler::sim
