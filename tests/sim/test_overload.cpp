#include "tests/sim/story.hpp"

// What a server does when more is asked of it than it can do or remember.

namespace holler::sim {
namespace {

class Overload : public Story {
 protected:
  /// One request from each of `count` endpoints that exist nowhere.
  void flood(const ServerHost& server, std::uint32_t count, std::uint64_t highest_number = 1) {
    auto& forger = world().add<StrangerHost>(endpoint(66, 6666));
    SeededRandom random{world().seed()};
    for (std::uint32_t i = 0; i < count; ++i) {
      ByteVector datagram(100);
      const RequestStamp stamp{.conversation = random.next(),
                               .number = highest_number,
                               .done_below = 1,
                               .id = random.next(),
                               .time_left = 10min};
      datagram.resize(holler_codec().encode_request(stamp, bytes_of("flood"), datagram).value_or(0));
      forger.send_as(endpoint(200'000 + i, 999), server.at(), datagram);
    }
    run(world().elapsed() + 1s);
  }
};

TEST_F(Overload, InventedAskersDoNotShutOutRealOnes) {
  for (const std::uint64_t highest_number : {1U, 60U}) {  // 60: each claims 64 places for one request
    make_world({.link = {.delay = 5ms}});
    auto& server = world().add<ServerHost>(
        endpoint(9), ServerHost::echo,
        ServerHostOptions{.responder = {.conversations_max = 1000, .replies_max = 10'000},
                          .count_payloads = false});
    flood(server, 20'000, highest_number);
    EXPECT_LE(server.runs(), 501U);
    std::vector<ClientHost*> clients;
    for (std::uint32_t i = 0; i < 50; ++i) {
      clients.push_back(&world().add<ClientHost>(endpoint(100 + i, 40'000)));
      clients.back()->ask(server.at(), "a real one");
    }
    run();
    for (const ClientHost* client : clients) {
      EXPECT_TRUE(only(*client).answered()) << name_of(only(*client).event.outcome);
      EXPECT_LE(only(*client).sent.size(), 2U);
    }
  }
}

TEST_F(Overload, ACrowdedServerStillRunsEachHandlerOnce) {
  for_seeds(20, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 5ms, .jitter = 20ms, .loss = percent(20), .duplication = percent(30)}},
               seed);
    auto& server = world().add<ServerHost>(endpoint(9), ServerHost::echo,
                                           ServerHostOptions{.responder = {.conversations_max = 40}});
    flood(server, 100);
    std::vector<ClientHost*> clients;
    for (std::uint32_t i = 0; i < 10; ++i) {
      clients.push_back(&world().add<ClientHost>(endpoint(100 + i, 40'000)));
      for (int j = 0; j < 5; ++j) {
        clients.back()->ask(server.at(), std::to_string(i) + '/' + std::to_string(j),
                            {.deadline = 120s, .first_wait = 100ms, .backoff_max = 2s});
      }
    }
    run();
    for (const ClientHost* client : clients) {
      for (const auto& asked : client->asked()) {
        EXPECT_TRUE(asked.answered());
        EXPECT_EQ(server.runs_for(text_of(asked.payload)), 1U);
      }
    }
  });
}

TEST_F(Overload, AServerThatIsBusyRemembersNothingOfWhomItTurnsAway) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(
      endpoint(9), [](const IncomingRequest&, Answer& answer) { answer.service = 1h; },
      ServerHostOptions{.responder = {.jobs_max = 1}});
  flood(server, 1000);
  EXPECT_EQ(server.runs(), 1U);
  EXPECT_EQ(server.responder().remembered_requests(), 1U);
  EXPECT_EQ(server.stats().busy, 999U);
}

TEST_F(Overload, ARestartedServerTakesUpAnAskerInTheMiddleOfItsNumbers) {
  make_world({.link = {.delay = 5ms}, .story_lines_max = 2000});
  auto& first = world().add<ServerHost>(endpoint(9), [](const IncomingRequest& request, Answer& answer) {
    ServerHost::echo(request, answer);
    if (text_of(request.payload) == "0") answer.service = 1h;
  });
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  client.ask(first.at(), "0", {.deadline = 120s});
  for (int i = 1; i < 500; ++i) client.ask_at(i * 10ms, first.at(), std::to_string(i), {.deadline = 60s});
  ServerHost* second = nullptr;
  world().at(10s, [&] {
    world().close(first.port());
    second = &world().add<ServerHost>(endpoint(9));
  });
  for (int i = 500; i < 510; ++i)
    client.ask_at(11s + i * 10ms, endpoint(9), std::to_string(i), {.deadline = 60s});
  run();
  ASSERT_NE(second, nullptr);
  for (const auto& asked : client.asked()) {
    // What the first one had begun, the second cannot know of.
    const Outcome expected = text_of(asked.payload) == "0" ? Outcome::unknown : Outcome::answered;
    EXPECT_EQ(asked.event.outcome, expected) << text_of(asked.payload) << ' ' << name_of(asked.event.outcome);
  }
}

}  // namespace
}  // namespace holler::sim
