#include <atomic>
#include <condition_variable>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "holler/client.hpp"
#include "holler/codecs.hpp"
#include "holler/responder.hpp"

#include "tests/support/namespace.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// A server without room to send spun at full speed for as long as requests kept waiting. A handler that threw
// left its asker to be told "working" for ever, and replies longer than UDP carries were lost in silence.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

TEST(HandlerThatThrows, EndsServeAndItsRequestIsDeclined) {
  auto server = must(Server::bind({.port = "0"}));
  std::atomic<int> runs{0};
  std::jthread serving{[&](const std::stop_token& stop) {
    const Server::Handler handler = [&](const Request& request, ReplyWriter& reply) {
      ++runs;
      if (request.text() == "throw") throw std::runtime_error{"a handler's own"};
      reply.append("fine");
    };
    EXPECT_THROW(static_cast<void>(server.serve(handler, stop)), std::runtime_error);
    EXPECT_TRUE(server.serve(handler, stop));
  }};
  auto client = must(Client::open());
  const auto thrown = client.ask(server.local_address(), bytes_of("throw"), {.deadline = 5min});
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::declined);
  EXPECT_EQ(must(client.ask(server.local_address(), bytes_of("x"), {.deadline = 5min})).text(), "fine");
  EXPECT_EQ(runs, 2);
}

TEST(Responder, NeverOffersMoreRoomThanUdpHas) {
  SeededRandom random{1};
  Responder responder{{&plain_codec()}, random, {.datagram_bytes_max = std::size_t{1} << 20U}};
  for (const Address& asker : {Address::v4(10, 0, 0, 1), Address::loopback_v6()}) {
    const ByteVector request(1000);
    ASSERT_EQ(
        responder.handle_datagram(Timestamp{1h}, {.from = {asker, 9}, .to = {asker, 1}, .bytes = request})
            .receipt,
        Receipt::request);
    const auto handed_out = responder.poll_request();
    ASSERT_TRUE(handed_out);
    EXPECT_EQ(responder.reply_bytes_max(handed_out->job), payload_bytes_max(asker));
  }
}

TEST(Responder, LetsNoReplyBeHeldBackForLongerThanItsAskerIsRemembered) {
  SeededRandom random{1};
  Responder responder{{&plain_codec()}, random};
  const Timestamp now{1h};
  const Endpoint asker{Address::loopback_v4(), 9};
  const Endpoint server{Address::loopback_v4(), 1060};
  ASSERT_EQ(responder.handle_datagram(now, {.from = asker, .to = server, .bytes = bytes_of("x")}).receipt,
            Receipt::request);
  EXPECT_TRUE(responder.reply(now, responder.poll_request()->job, bytes_of("x"), kNever));
  ASSERT_NE(responder.next_timeout(), kNever);
  responder.handle_timeout(responder.next_timeout());
  EXPECT_EQ(responder.jobs(), 0U);
}

TEST(DeferredReply, MayBeAnsweredByManyThreadsAfterAllOrNever) {
  std::mutex mutex;
  std::vector<DeferredReply> deferred;
  std::condition_variable came;
  auto server =
      std::make_unique<testing::RunningServer>(ServerOptions{}, [&](const Request&, ReplyWriter& reply) {
        const std::scoped_lock lock{mutex};
        deferred.push_back(reply.defer());
        deferred.push_back(reply.defer());  // two may answer one request: the first one counts
        came.notify_one();
      });
  constexpr int kQuestions = 400;
  std::latch answered{kQuestions / 2};
  std::atomic<int> ends{0};
  std::optional<Client> client{must(Client::open())};
  for (int i = 0; i < kQuestions; ++i) {
    client->ask_async(server->endpoint(), bytes_of(std::to_string(i)), {.deadline = 60s},
                      [&](Result<Reply> end) {
                        ++ends;
                        if (end) answered.count_down();
                      });
  }
  std::vector<DeferredReply> taken;
  {
    std::vector<std::jthread> workers;
    std::unique_lock lock{mutex};
    while (taken.size() < kQuestions) {
      came.wait(lock, [&] { return !deferred.empty(); });
      for (auto& each : deferred) taken.push_back(std::move(each));
      deferred.clear();
    }
    lock.unlock();
    for (std::size_t worker = 0; worker < 4; ++worker) {
      workers.emplace_back([&, worker] {
        for (std::size_t i = worker; i < kQuestions; i += 4) {
          taken[i].send("first");
          taken[i].send("second");
          taken[i].refuse();
        }
      });
    }
  }
  answered.wait();
  server->stop();
  server.reset();
  for (auto& each : taken) each.send("nobody is there any more");
  taken.clear();
  deferred.clear();
  client.reset();
  EXPECT_EQ(ends, kQuestions);
}

class ServerOnASlowLine : public testing::WithNamespaces {};

TEST_F(ServerOnASlowLine, SleepsWhileItHasNoRoomToSend) {
  testing::Namespace here;
  testing::Namespace there;
  connect(here, "cable", there, "cable");
  here.command("ip address add 10.0.0.1/24 dev cable");
  there.command("ip address add 10.0.0.2/24 dev cable");
  here.command("tc qdisc add dev cable root tbf rate 64kbit burst 1600 limit 100000000");
  std::atomic<std::uint64_t> handled{0};
  ServerOptions options{.host = "10.0.0.1", .responder = {.amplification_max = 0}};
  std::optional<testing::RunningServer> server;
  here.in([&] {
    server.emplace(std::move(options), [&](const Request&, ReplyWriter& reply) {
      ++handled;
      reply.append(ByteVector(1400));
    });
  });
  auto asker = there.in([] { return testing::bound_to(Address::any_v4()); });
  // 208 KiB of send buffer hold about 90 such replies; more requests than that wait to be read.
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(must(asker.send_to(server->endpoint(), bytes_of("x"))));
  ASSERT_TRUE(testing::eventually([&] { return handled >= 64; }));
  const auto processor_time = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
           std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
  };
  // 64 kbit/s let about six replies go in a second.
  const auto before = processor_time();
  ReceiveBatch batch{1};
  for (int i = 0; i < 10; ++i) ASSERT_EQ(testing::receive_some(asker, batch), 1U);
  EXPECT_LT(processor_time() - before, 500ms);
}

}  // namespace
}  // namespace holler
