#include <atomic>
#include <condition_variable>
#include <future>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "holler/client.hpp"
#include "holler/server.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "tests/support/running_impairer.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

namespace holler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Running = ::holler::testing::RunningServer;

void count_bytes(const Request& request, ReplyWriter& reply) {
  reply.print("Your data was {} bytes long", request.payload.size());
}

ServerOptions losing(std::uint32_t lost_percent, std::uint64_t seed) {
  ServerOptions options;
  auto random = std::make_shared<SeededRandom>(seed);
  options.filter = [random, lost_percent](const Incoming&) -> std::optional<DropReason> {
    if (random->chance(percent(lost_percent))) return DropReason::simulated_loss;
    return std::nullopt;
  };
  return options;
}

TEST(ClientAndServer, AskAndAnswer) {
  Running server{{}, count_bytes};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto reply = client->ask(server.endpoint(), bytes_of("This is another message"));
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text(), "Your data was 23 bytes long");
  EXPECT_EQ(reply->peer, server.endpoint());
  EXPECT_EQ(reply->local.address, Address::loopback_v4());
  EXPECT_NE(reply->local.port, 0);
  EXPECT_EQ(reply->attempts, 1U);
  EXPECT_TRUE(reply->rtt);
}

TEST(ClientAndServer, KnowWhichAddressWasAskedWhetherTheServerHasOneOrAll) {
  const Address asked = Address::v4(127, 0, 0, 5);
  for (const char* host : {"127.0.0.5", "0.0.0.0", ""}) {
    SCOPED_TRACE(host);
    Running server{{.host = host}, [](const Request& request, ReplyWriter& reply) {
                     reply.print("{}, {}", request.to.to_string(), request.delivery == Delivery::unicast);
                   }};
    auto client = Client::open();
    ASSERT_TRUE(client);
    const Endpoint place{asked, server.endpoint().port};
    const auto reply = client->ask(place, {});
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), place.to_string() + ", true");
    EXPECT_EQ(reply->peer, place);
    EXPECT_FALSE(reply->local.address.is_wildcard());
  }
}

TEST(ClientAndServer, AnswerPlainDatagramsToo) {
  Running server{{}, count_bytes};
  auto client = Client::open({.codec = &plain_codec()});
  ASSERT_TRUE(client);
  const auto reply = client->ask(server.endpoint(), {});
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text(), "Your data was 0 bytes long");
}

TEST(ClientAndServer, CarryTheLargestPayloadThatFitsAndRefuseOneByteMore) {
  Running server{
      {}, [](const Request& request, ReplyWriter& reply) { reply.append(request.payload.first(60000)); }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const ByteVector most(client->payload_bytes_max(server.endpoint()), std::byte{'#'});
  const auto reply = client->ask(server.endpoint(), most);
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->payload.size(), 60000U);
  const ByteVector more(most.size() + 1, std::byte{'#'});
  const auto refused = client->ask(server.endpoint(), more);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  EXPECT_EQ(refused.error().payload_bytes_max, most.size());
}

TEST(ClientAndServer, RunTheHandlerOnceForEveryRequestThroughLoss) {
  std::map<std::string, int> runs;
  Running server{losing(50, 1), [&](const Request& request, ReplyWriter& reply) {
                   ++runs[std::string{request.text()}];
                   reply.append(request.text());
                 }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  for (int i = 0; i < 50; ++i) {
    const std::string question = "question " + std::to_string(i);
    const auto reply = client->ask(server.endpoint(), bytes_of(question),
                                   {.deadline = std::chrono::minutes{5}, .first_wait = milliseconds{5}});
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), question);
  }
  const ServerStats stats = server.stop();
  EXPECT_EQ(runs.size(), 50U);
  for (const auto& [question, count] : runs) EXPECT_EQ(count, 1) << question;
  EXPECT_GT(stats.responder.dropped[DropReason::simulated_loss], 0U);
}

TEST(ClientAndServer, EndTenThousandConcurrentQuestionsOnceEachWithTheirOwnAnswers) {
  constexpr int kQuestions = 10000;
  std::map<std::string, int> runs;
  Running server{losing(20, 7), [&](const Request& request, ReplyWriter& reply) {
                   ++runs[std::string{request.text()}];
                   reply.print("answer to {}", request.text());
                 }};
  std::vector<int> ends(kQuestions);
  std::atomic<int> right{0};
  std::mutex mutex;
  std::condition_variable all_ended;
  int ended = 0;
  {
    auto client = Client::open();
    ASSERT_TRUE(client);
    for (int i = 0; i < kQuestions; ++i) {
      const std::string question = std::to_string(i);
      client->ask_async(server.endpoint(), bytes_of(question),
                        {.deadline = std::chrono::minutes{10}, .first_wait = milliseconds{50}},
                        [&, i](Result<Reply> reply) {
                          if (reply && reply->text() == "answer to " + std::to_string(i)) ++right;
                          const std::scoped_lock lock{mutex};
                          ++ends[static_cast<std::size_t>(i)];
                          if (++ended == kQuestions) all_ended.notify_one();
                        });
    }
    std::unique_lock lock{mutex};
    all_ended.wait(lock, [&] { return ended == kQuestions; });
    lock.unlock();
    EXPECT_EQ(client->outstanding(), 0U);
    EXPECT_GE(client->stats().retransmitted, 1000U);
  }
  server.stop();
  EXPECT_EQ(right, kQuestions);
  for (const int count : ends) EXPECT_EQ(count, 1);
  EXPECT_EQ(runs.size(), static_cast<std::size_t>(kQuestions));
  for (const auto& [question, count] : runs) EXPECT_EQ(count, 1) << question;
}

TEST(ClientAndServer, FinishSlowAnswersInAnotherThreadWhileTheAskerIsToldToWait) {
  std::jthread worker;
  std::promise<void> repeated;
  std::atomic<bool> told{false};
  ServerOptions options;
  options.tracer = [&](const TraceEvent& event) {
    if (event.kind == TraceEvent::Kind::sent && event.reply_kind == ReplyKind::working &&
        !told.exchange(true)) {
      repeated.set_value();
    }
  };
  Running server{std::move(options), [&](const Request& request, ReplyWriter& reply) {
                   worker = std::jthread{
                       [deferred = reply.defer(), text = std::string{request.text()}, &repeated]() mutable {
                         repeated.get_future().wait();  // until the asker has grown impatient
                         deferred.send("slow " + text);
                       }};
                 }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto reply = client->ask(server.endpoint(), bytes_of("question"),
                                 {.deadline = std::chrono::minutes{5}, .first_wait = milliseconds{20}});
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text(), "slow question");
  EXPECT_GE(client->stats().working, 1U);
  EXPECT_EQ(server.stop().responder.requests, 1U);
}

TEST(ClientAndServer, RefuseWhatTheHandlerLetsGoOfAndRunItOnce) {
  std::atomic<int> runs{0};
  Running server{{}, [&](const Request&, ReplyWriter& reply) {
                   ++runs;
                   static_cast<void>(reply.defer());
                 }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto reply = client->ask(server.endpoint(), bytes_of("?"), {.deadline = std::chrono::minutes{5}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::declined);
  EXPECT_NE(reply.error().message().find("65533"), std::string::npos);
  EXPECT_EQ(runs, 1);
}

TEST(ClientAndServer, LetAnAskerComeBackToABusyServer) {
  std::atomic<int> runs{0};
  Running server{{}, [&](const Request&, ReplyWriter& reply) {
                   if (++runs == 1) return reply.busy(milliseconds{10});
                   reply.append("now");
                 }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto reply = client->ask(server.endpoint(), bytes_of("?"),
                                 {.deadline = std::chrono::minutes{5}, .first_wait = milliseconds{10}});
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text(), "now");
  EXPECT_EQ(runs, 2);
}

TEST(ClientAndServer, RefuseAndDecline) {
  Running server{{}, [](const Request&, ReplyWriter& reply) { reply.refuse(42); }};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto declined = client->ask(server.endpoint(), bytes_of("?"));
  ASSERT_FALSE(declined);
  EXPECT_EQ(declined.error().code, ErrorCode::declined);
  EXPECT_NE(declined.error().message().find("42"), std::string::npos);

  const Endpoint dead = server.endpoint();
  server.stop();
  auto vacated = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_TRUE(vacated);
  const Endpoint nobody = vacated->local_address();
  vacated = failure({});  // closed: nobody listens there now
  const auto refused = client->ask(nobody, bytes_of("?"), {.deadline = std::chrono::minutes{5}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused) << refused.error().message();
  static_cast<void>(dead);
}

TEST(ClientAndServer, SayNoAnswerAtTheDeadlineOfASilentPeer) {
  const auto silent = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_TRUE(silent);
  auto client = Client::open();
  ASSERT_TRUE(client);
  const auto reply = client->ask(silent->local_address(), bytes_of("?"),
                                 {.deadline = milliseconds{200}, .first_wait = milliseconds{50}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::no_answer);
}

TEST(ClientAndServer, StopAQuestionFromAnotherThread) {
  const auto silent = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_TRUE(silent);
  auto client = Client::open();
  ASSERT_TRUE(client);
  std::stop_source stop;
  const std::jthread stopper{[&] {
    ASSERT_TRUE(silent->wait(seconds{60}));  // until the question has been asked
    stop.request_stop();
  }};
  const auto reply = client->ask(silent->local_address(), bytes_of("?"),
                                 {.deadline = std::chrono::hours{1}, .stop = stop.get_token()});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::cancelled);
}

TEST(ClientAndServer, CancelOutstandingQuestionsAndEndThemWithTheClient) {
  const auto silent = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_TRUE(silent);
  std::atomic<int> cancelled{0};
  const auto count = [&](Result<Reply> reply) {
    if (!reply && reply.error().code == ErrorCode::cancelled) ++cancelled;
  };
  {
    auto client = Client::open();
    ASSERT_TRUE(client);
    std::promise<void> first_ended;
    auto pending = client->ask_async(silent->local_address(), bytes_of("1"),
                                     {.deadline = std::chrono::hours{1}}, [&](Result<Reply> reply) {
                                       count(std::move(reply));
                                       first_ended.set_value();
                                     });
    client->ask_async(silent->local_address(), bytes_of("2"), {.deadline = kForever}, count);
    pending.cancel();
    pending.cancel();
    first_ended.get_future().wait();
    EXPECT_EQ(cancelled, 1);
  }
  EXPECT_EQ(cancelled, 2);
}

TEST(ClientAndServer, DropAndCountWhatAStrangerSendsAndTakeTheRealReply) {
  auto server = UdpSocket::bind({Address::loopback_v4(), 0});
  auto stranger = UdpSocket::bind({Address::loopback_v4(), 0});
  ASSERT_TRUE(server && stranger);
  for (const bool promiscuous : {false, true}) {
    auto client = Client::open({.codec = &plain_codec()});
    ASSERT_TRUE(client);
    std::jthread attack{[&] {
      ReceiveBatch batch{4};
      ASSERT_TRUE(server->wait(seconds{60}));
      ASSERT_EQ(server->receive(batch), 1U);
      const Endpoint asker = batch.datagrams()[0].from;
      ASSERT_TRUE(stranger->send_to(asker, bytes_of("FAKE")));
      ASSERT_TRUE(server->send_to(asker, bytes_of("real")));
    }};
    const auto reply = client->ask(server->local_address(), bytes_of("?"),
                                   {.deadline = std::chrono::minutes{5}, .promiscuous = promiscuous});
    attack.join();
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), promiscuous ? "FAKE" : "real");
    EXPECT_EQ(reply->peer, promiscuous ? stranger->local_address() : server->local_address());
    EXPECT_EQ(client->stats().dropped[DropReason::wrong_source], promiscuous ? 0U : 1U);
  }
}

TEST(ClientAndServer, AnswerOverBothIpVersionsFromOneWildcard) {
  Running server{{.host = "*"}, count_bytes};
  auto client = Client::open();
  ASSERT_TRUE(client);
  const std::uint16_t port = server.endpoint().port;
  for (const Address& address : {Address::loopback_v4(), Address::loopback_v6(), Address::v4(127, 0, 0, 2)}) {
    const auto reply = client->ask({address, port}, bytes_of("x"));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->peer.address, address);
  }
}

TEST(ClientAndServer, CountRepliesThatTheKernelDropsWhileACallbackIsAtWork) {
  constexpr int kQuestions = 1000;
  Running server{{}, [](const Request& request, ReplyWriter& reply) { reply.append(request.payload); }};
  const ByteVector payload(1000);
  std::atomic<int> answered{0};
  bool all_replied = false;  // of the client's thread, until all is answered
  auto client = Client::open({.requester = {.uncontrolled = true}, .receive_buffer_bytes = 4096});
  ASSERT_TRUE(client);
  const AskOptions patient{.deadline = std::chrono::minutes{5}, .first_wait = milliseconds{50}};
  const auto wait_for_all = [&](const Result<Reply>& reply) {
    if (answered == 0) {
      all_replied = ::holler::testing::eventually([&] {
        const ResponderStats stats = server.stats().responder;
        return stats.answered + stats.busy > kQuestions;
      });
    }
    if (reply) ++answered;
  };
  // What a callback asks leaves together when it has returned.
  client->ask_async(server.endpoint(), payload, patient, [&](const Result<Reply>&) {
    for (int i = 0; i < kQuestions; ++i) client->ask_async(server.endpoint(), payload, patient, wait_for_all);
  });
  ASSERT_TRUE(::holler::testing::eventually([&] { return answered == kQuestions; }));
  EXPECT_TRUE(all_replied);
  EXPECT_TRUE(::holler::testing::eventually([&] { return client->kernel_drops() > 0; }));
  EXPECT_GT(client->stats().retransmitted, 0U);
}

TEST(ClientAndServer, CountDoubledRepliesAsLateInEitherWayOfAsking) {
  Running server{{}, count_bytes};
  ImpairerOptions doubling{.target = server.endpoint()};
  doubling.down.link.duplication = percent(100);
  const ::holler::testing::RunningImpairer relay{doubling};
  for (const bool waits : {true, false}) {
    auto client = Client::open();
    ASSERT_TRUE(client);
    // The copy of a reply is read with the next one, at the latest.
    EXPECT_TRUE(::holler::testing::eventually([&] {
      std::promise<bool> ended;
      if (waits) {
        ended.set_value(client->ask(relay.endpoint(), bytes_of("x")).has_value());
      } else {
        client->ask_async(relay.endpoint(), bytes_of("x"), {},
                          [&](const Result<Reply>& reply) { ended.set_value(reply.has_value()); });
      }
      EXPECT_TRUE(ended.get_future().get());
      return client->stats().dropped[DropReason::late] > 0;
    })) << waits;
  }
}

}  // namespace
}  // namespace holler
