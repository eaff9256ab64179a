#include <algorithm>
#include <optional>

#include "tests/sim/naive.hpp"
#include "tests/sim/story.hpp"

// Whose reply it is, and which request it answers.

namespace holler::sim {
namespace {

/// A datagram of holler's that pretends to answer `request`.
ByteVector forged(const RequestView& request, std::string_view payload, std::uint64_t id_change = 0,
                  std::uint64_t number_change = 0) {
  ByteVector datagram(200);
  const auto header = holler_codec().encode_reply_header({.kind = ReplyKind::reply,
                                                          .number = request.number + number_change,
                                                          .id = request.id ^ id_change,
                                                          .attempt = request.attempt,
                                                          .payload_bytes = payload.size()},
                                                         datagram);
  datagram.resize(header.value_or(0));
  datagram.insert(datagram.end(), bytes_of(payload).begin(), bytes_of(payload).end());
  return datagram;
}

class Identity : public Story {
 protected:
  /// A client that asks a stopped server, so that a forger has time; and what the client sent.
  void ask_a_stopped_server(const RequestOptions& options = patient(60s),
                            const RequesterOptions& requester = {}) {
    make_world({.link = {.delay = 5ms}});
    server_ = &world().add<ServerHost>(endpoint(9));
    client_ = &world().add<ClientHost>(std::vector<Endpoint>{endpoint(1, 40'000), endpoint(1, 40'001)},
                                       ClientHostOptions{.requester = requester});
    forger_ = &world().add<StrangerHost>(endpoint(66, 6666));
    world().freeze(*server_);
    world().set_tap([this](const Sighting& sighting) {
      if (sighting.to != server_->at()) return;
      copy_ = copy_of(sighting.bytes);
      seen_ = holler_codec().decode_request(copy_);
    });
    client_->ask(server_->at(), "true?", options);
    run(100ms);
  }
  void thaw_and_expect_the_true_answer() {
    world().thaw(*server_);
    run();
    EXPECT_TRUE(only(*client_).answered());
    EXPECT_EQ(only(*client_).text(), "re: true?");
    EXPECT_EQ(only(*client_).event.from, server_->at());
  }
  void forge(const Endpoint& from, Bytes datagram, const Endpoint& to = endpoint(1, 40'000)) {
    forger_->send_as(from, to, datagram);
    run(world().elapsed() + 10ms);
  }

  ServerHost* server_ = nullptr;
  ClientHost* client_ = nullptr;
  StrangerHost* forger_ = nullptr;
  ByteVector copy_;
  RequestView seen_;
};

TEST_F(Identity, TheServerCopiesNumberAndIdIntoTheReply) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  std::vector<RequestView> requests;
  std::vector<ReplyView> replies;
  world().set_tap([&](const Sighting& sighting) {
    if (sighting.stage != Sighting::Stage::sent) return;
    if (sighting.to == server.at()) {
      requests.push_back(holler_codec().decode_request(sighting.bytes));
    } else {
      replies.push_back(holler_codec().decode_reply(sighting.bytes));
    }
  });
  for (int i = 0; i < 10; ++i) client.ask(server.at(), std::to_string(i));
  run();
  ASSERT_EQ(requests.size(), 10U);
  ASSERT_EQ(replies.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(replies[i].number, requests[i].number);
    EXPECT_EQ(replies[i].id, requests[i].id);
    EXPECT_EQ(requests[i].number, i + 1);
  }
}

TEST_F(Identity, TheNaiveAskerTakesALateDuplicateForTheNextAnswerAndStaysOutOfStep) {
  make_world({.link = {.delay = 60ms}});  // 120 ms there and back: the first wait of 0.1 s is too short
  world().add<NaiveServer>(endpoint(9));
  auto& naive = world().add<NaiveClient>(endpoint(1, 40'000), endpoint(9),
                                         std::vector<std::string>{"A", "B", "C", "D", "E"});
  naive.begin();
  run();
  ASSERT_EQ(naive.asked().size(), 5U);
  EXPECT_EQ(naive.asked()[0].answer, "answer to A");
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_NE(naive.asked()[i].answer, "answer to " + naive.asked()[i].question);
}

TEST_F(Identity, TheSameDuplicateIsDroppedByItsNumberAndId) {
  make_world({.link = {.delay = 60ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  std::vector<std::string> questions{"E", "D", "C", "B"};
  client.set_on_end([&](const RequestEvent&) {
    if (questions.empty()) return;
    client.ask(server.at(), questions.back(), patient(10s, 100ms));
    questions.pop_back();
  });
  client.ask(server.at(), "A", patient(10s, 100ms));
  run();
  ASSERT_EQ(client.asked().size(), 5U);
  EXPECT_GE(client.asked()[0].sent.size(), 2U);
  for (const auto& asked : client.asked())
    EXPECT_EQ(asked.text(), "re: " + std::string{text_of(asked.payload)});
  EXPECT_GE(client.stats().dropped[DropReason::late], 1U);
}

TEST_F(Identity, StaysInStepWhenTheNetworkDuplicatesEverything) {
  for_seeds(50, [&](std::uint64_t seed) {
    make_world({.link = {.delay = 20ms,
                         .jitter = 200ms,
                         .loss = percent(20),
                         .duplication = percent(80),
                         .duplication_delay = 300ms}},
               seed);
    auto& server = world().add<ServerHost>(endpoint(9));
    auto& client = world().add<ClientHost>(endpoint(1, 40'000));
    int left = 50;
    client.set_on_end([&](const RequestEvent&) {
      if (left-- > 0)
        client.ask(server.at(), "question " + std::to_string(left),
                   {.deadline = 300s, .first_wait = 100ms, .backoff_max = 2s});
    });
    client.ask(server.at(), "the first", {.deadline = 300s, .first_wait = 100ms, .backoff_max = 2s});
    run();
    ASSERT_EQ(client.asked().size(), 51U);
    for (const auto& asked : client.asked())
      ASSERT_EQ(asked.text(), "re: " + std::string{text_of(asked.payload)});
    EXPECT_EQ(server.runs(), 51U);
  });
}

TEST_F(Identity, GoesOnWaitingUnderTheSameDeadlineWhenForgeriesArrive) {
  ask_a_stopped_server(patient(3s));
  for (int i = 0; i < 20; ++i) forge(server_->at(), forged(seen_, "FAKE", 1));
  run();
  EXPECT_EQ(only(*client_).event.outcome, Outcome::no_answer);
  EXPECT_EQ(only(*client_).event.elapsed, 3s);
  EXPECT_EQ(only(*client_).event.mismatches, 20U);
  EXPECT_EQ(only(*client_).gaps(), (std::vector<Duration>{1s}));
}

TEST_F(Identity, AReplyFromAnotherPortOrAddressIsDropped) {
  ask_a_stopped_server();
  forge(forger_->at(), forged(seen_, "FAKE"));
  forge(endpoint(9, 1061), forged(seen_, "FAKE"));
  forge(endpoint(10, 1060), forged(seen_, "FAKE"));
  EXPECT_EQ(client_->stats().dropped[DropReason::wrong_source], 3U);
  EXPECT_EQ(client_->stats().dropped.total(), 3U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, AReplyWithAnotherIdIsDropped) {
  ask_a_stopped_server();
  for (unsigned bit = 0; bit < 64; ++bit)
    forge(server_->at(), forged(seen_, "FAKE", std::uint64_t{1} << bit));
  EXPECT_EQ(client_->stats().dropped[DropReason::wrong_id], 64U);
  thaw_and_expect_the_true_answer();
  EXPECT_EQ(only(*client_).event.mismatches, 64U);
}

TEST_F(Identity, AReplyOnAnotherChannelIsDropped) {
  ask_a_stopped_server();
  forge(server_->at(), forged(seen_, "FAKE"), endpoint(1, 40'001));
  EXPECT_EQ(client_->stats().dropped[DropReason::wrong_source], 1U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, ANumberThatWasNeverAskedIsDropped) {
  ask_a_stopped_server();
  forge(server_->at(), forged(seen_, "FAKE", 0, 1));
  forge(server_->at(), forged(seen_, "FAKE", 0, ~std::uint64_t{0}));
  EXPECT_EQ(client_->stats().dropped.total(), 2U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, PlainTextIsForeignToAHollerAsker) {
  ask_a_stopped_server();
  forge(server_->at(), bytes_of("FAKE"));
  forge(server_->at(), {});
  EXPECT_EQ(client_->stats().dropped[DropReason::foreign] + client_->stats().dropped[DropReason::malformed],
            2U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, ARequestSentBackIsNotItsReply) {
  ask_a_stopped_server();
  forge(server_->at(), copy_);
  EXPECT_EQ(client_->stats().dropped[DropReason::unknown_type], 1U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, ForgeriesRaiseTheAlarmOnceForTheirRequest) {
  ask_a_stopped_server(patient(60s), {.mismatch_alarm = 100});
  for (int i = 0; i < 99; ++i) forge(server_->at(), forged(seen_, "FAKE", 1));
  EXPECT_EQ(client_->stats().alarms, 0U);
  for (int i = 0; i < 50; ++i) forge(server_->at(), forged(seen_, "FAKE", 1));
  EXPECT_EQ(client_->stats().alarms, 1U);
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, APromiscuousAskerTakesTheForgeryAndShowsWhereItCameFrom) {
  RequestOptions options = patient(60s);
  options.promiscuous = true;
  ask_a_stopped_server(options);
  forge(forger_->at(), bytes_of("FAKE"));
  EXPECT_TRUE(only(*client_).answered());
  EXPECT_EQ(only(*client_).text(), "FAKE");
  EXPECT_EQ(only(*client_).event.from, forger_->at());
  EXPECT_EQ(only(*client_).event.peer, server_->at());
}

TEST_F(Identity, AForgedRefusalOfAnotherRequestChangesNothing) {
  ask_a_stopped_server();
  ByteVector other = copy_;
  other.at(30) ^= std::byte{1};  // within the ID
  const auto news = [&](Bytes quote) {
    return client_->requester().handle_unreachable(
        world().now(), {.kind = Unreachable::refused, .peer = server_->at(), .quote = quote});
  };
  EXPECT_FALSE(news(other));
  EXPECT_FALSE(news(Bytes{copy_}.first(8)));
  EXPECT_FALSE(news({}));
  thaw_and_expect_the_true_answer();
}

TEST_F(Identity, SeveralServersAnswerThroughOneSocketEachForItself) {
  make_world({.link = {.delay = 5ms, .jitter = 100ms, .loss = percent(20)}});
  for (std::uint32_t i = 1; i <= 3; ++i) {
    world().add<ServerHost>(endpoint(10 + i), [i](const IncomingRequest& request, Answer& answer) {
      answer.say("server " + std::to_string(i) + " on " + std::string{text_of(request.payload)});
    });
  }
  auto& client = world().add<ClientHost>(endpoint(1, 40'000));
  for (std::uint32_t i = 0; i < 90; ++i) {
    client.ask(endpoint(11 + i % 3), "question " + std::to_string(i),
               {.deadline = 300s, .first_wait = 100ms, .backoff_max = 2s});
  }
  run();
  for (std::uint32_t i = 0; i < 90; ++i) {
    EXPECT_EQ(client.asked()[i].text(),
              "server " + std::to_string(1 + i % 3) + " on question " + std::to_string(i));
    EXPECT_EQ(client.asked()[i].event.from, endpoint(11 + i % 3));
  }
}

TEST_F(Identity, APlainAskerTakesOnlyWhatComesFromItsPeerOnItsOwnPort) {
  make_world({.link = {.delay = 5ms}});
  auto& server = world().add<ServerHost>(endpoint(9));
  auto& client = world().add<ClientHost>(std::vector<Endpoint>{endpoint(1, 40'000), endpoint(1, 40'001)},
                                         ClientHostOptions{.codec = &plain_codec()});
  auto& forger = world().add<StrangerHost>(endpoint(66));
  world().freeze(server);
  client.ask(server.at(), "true?", patient(60s));
  forger.send(endpoint(1, 40'000), "FAKE");
  forger.send_as(server.at(), endpoint(1, 40'001), bytes_of("FAKE"));
  run(100ms);
  EXPECT_EQ(client.stats().dropped[DropReason::wrong_source], 1U);
  EXPECT_EQ(client.stats().dropped.total(), 2U);
  world().thaw(server);
  run();
  EXPECT_EQ(only(client).text(), "re: true?");
}

}  // namespace
}  // namespace holler::sim
