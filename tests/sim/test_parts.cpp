#include <algorithm>
#include <map>
#include <vector>

#include "sim/directory.hpp"
#include "sim/event_queue.hpp"
#include "tests/sim/story.hpp"

// The parts that the simulated network is quick by, each against a plain model of it.

namespace holler::sim {
namespace {

TEST(EventQueue, GivesTheEarliestFirstAndOfOneTimeTheOneThatWasPutInFirst) {
  SeededRandom random{11};
  EventQueue queue;
  std::vector<Event> model;  // in the order in which they were put in
  Timestamp now{24h};
  std::uint32_t subject = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto by_time = [](const Event& a, const Event& b) { return a.when < b.when; };
    if (random.below(20) < 10) {
      // Many at one time, many soon, some years away.
      const Duration ahead{static_cast<std::int64_t>(random.below(1ULL << random.below(58)))};
      const Timestamp when = random.below(4) == 0 ? now : later(now, ahead);
      queue.push(when, Event::Kind::timer, ++subject);
      model.push_back({when, Event::Kind::timer, subject});
    } else if (!model.empty()) {
      const auto first = std::min_element(model.begin(), model.end(), by_time);
      ASSERT_EQ(queue.next(), first->when);
      const Event event = queue.pop();
      ASSERT_EQ(event.when, first->when);
      ASSERT_EQ(event.subject, first->subject);
      now = event.when;
      model.erase(first);
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
    if (model.empty()) {
      ASSERT_EQ(queue.next(), kNever);
    }
  }
}

TEST(EventQueue, TakesAnEventThatIsEarlierThanTheNextOne) {
  EventQueue queue;
  queue.push(Timestamp{10s}, Event::Kind::timer, 1);
  EXPECT_EQ(queue.next(), Timestamp{10s});
  queue.push(Timestamp{1s}, Event::Kind::timer, 2);
  EXPECT_EQ(queue.next(), Timestamp{1s});
  EXPECT_EQ(queue.pop().subject, 2U);
  EXPECT_EQ(queue.pop().subject, 1U);
}

TEST(Directory, BehavesAsAMapOfFewEndpointsThatComeAndGo) {
  SeededRandom random{12};
  Directory directory;
  std::map<Endpoint, std::uint32_t> model;
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    const Endpoint some = endpoint(static_cast<std::uint32_t>(random.below(300)),
                                   static_cast<std::uint16_t>(1 + random.below(3)));
    if (random.below(2) == 0) {
      ASSERT_EQ(directory.add(some, step), model.emplace(some, step).second);
    } else if (random.below(2) == 0) {
      directory.erase(some);
      model.erase(some);
    }
    const auto known = model.find(some);
    ASSERT_EQ(directory.contains(some), known != model.end());
    if (known != model.end()) {
      ASSERT_EQ(directory.find(some), known->second);
    }
    ASSERT_EQ(directory.size(), model.size());
  }
  for (const auto& [known, number] : model) EXPECT_EQ(directory.find(known), number);
}

class Parts : public Story {};

TEST_F(Parts, ATapMayMakeAHostAskWhileAnothersDatagramIsOnItsWay) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& first = world().add<ClientHost>(endpoint(1, 40'000));
  auto& second = world().add<ClientHost>(endpoint(2, 40'000));
  world().set_tap([&](const Sighting& sighting) {
    if (sighting.stage == Sighting::Stage::sent && sighting.from == endpoint(1, 40'000))
      second.ask(server.at(), "what the second asks is longer");
  });
  first.ask(server.at(), "the first's");
  run();
  EXPECT_EQ(only(first).text(), "re: the first's");
  EXPECT_EQ(only(second).text(), "re: what the second asks is longer");
}

}  // namespace
}  // namespace holler::sim
