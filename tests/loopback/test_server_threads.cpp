#include <atomic>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "holler/client.hpp"
#include "holler/server.hpp"

#include "net/shared_port.hpp"
#include "runtime/serving_loop.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// A server of several threads: each has a socket of its own at the same port, and a conversation stays with
// one of them.

namespace holler {
namespace {

using testing::bound_to;
using testing::eventually;
using testing::kPatience;
using testing::must;
using testing::receive_some;
using Running = ::holler::testing::RunningServer;

constexpr std::size_t kThreads = 4;

ServerOptions threaded(std::size_t threads = kThreads) {
  ServerOptions options;
  options.threads = threads;
  return options;
}

ByteVector request_of(std::uint64_t conversation, std::uint64_t number, std::string_view text) {
  ByteVector message(256);
  const auto size = holler_codec().encode_request({.conversation = conversation,
                                                   .number = number,
                                                   .done_below = 1,
                                                   .id = 0x1234567890abcdef ^ conversation << 8U ^ number,
                                                   .time_left = std::chrono::minutes{1},
                                                   .bundles = true},
                                                  bytes_of(text), message);
  message.resize(size.value_or(0));
  return message;
}

ByteVector together(std::initializer_list<ByteVector> messages) {
  ByteVector all;
  for (const ByteVector& message : messages) all.insert(all.end(), message.begin(), message.end());
  return all;
}

/// What ran where.
class Ledger {
 public:
  void note(const Request& request) {
    const std::scoped_lock lock{mutex_};
    threads_[std::string{request.text()}].push_back(std::this_thread::get_id());
  }
  [[nodiscard]] std::map<std::string, std::vector<std::thread::id>> threads() {
    const std::scoped_lock lock{mutex_};
    return threads_;
  }
  [[nodiscard]] std::size_t runs() {
    const std::scoped_lock lock{mutex_};
    std::size_t sum = 0;
    for (const auto& [text, ids] : threads_) sum += ids.size();
    return sum;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<std::thread::id>> threads_;
};

Server::Handler echo_into(Ledger& ledger) {
  return [&ledger](const Request& request, ReplyWriter& reply) {
    ledger.note(request);
    reply.append(request.payload);
  };
}

TEST(SharedPort, TheKernelGivesEachDatagramToTheSocketThatTheSteeringNames) {
  auto sockets = must(bind_shared({Address::loopback_v4(), 0}, {}, kThreads, ServingLoop::kSteering));
  ASSERT_EQ(sockets.size(), kThreads);
  const Endpoint place = sockets.front().local_address();
  SeededRandom random{3};
  ReceiveBatch batch;
  for (int i = 0; i < 64; ++i) {
    auto asker = bound_to(Address::loopback_v4());
    const ByteVector request = request_of(random.next(), 1, "where?");
    const auto expected = ServingLoop::kSteering.socket_of(request, kThreads);
    ASSERT_TRUE(expected);
    ASSERT_TRUE(must(asker.send_to(place, request)));
    ASSERT_EQ(receive_some(sockets[*expected], batch), 1U) << "conversation " << i;
    EXPECT_TRUE(std::ranges::equal(batch.datagrams()[0].bytes, request));
  }
}

TEST(SharedPort, WhatIsNotSteeredArrivesSomewhere) {
  auto sockets = must(bind_shared({Address::loopback_v4(), 0}, {}, kThreads, ServingLoop::kSteering));
  const Endpoint place = sockets.front().local_address();
  ReceiveBatch batch;
  const ByteVector request = request_of(1, 1, "");
  for (std::size_t size = 0; size < request.size(); ++size) {  // also all that is too short to have a key
    auto asker = bound_to(Address::loopback_v4());
    ByteVector datagram(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(size));
    if (size > 0) datagram[0] = std::byte{'x'};
    ASSERT_EQ(ServingLoop::kSteering.socket_of(datagram, kThreads), std::nullopt);
    ASSERT_TRUE(must(asker.send_to(place, datagram)));
    std::size_t got = 0;
    EXPECT_TRUE(eventually([&] {
      for (UdpSocket& socket : sockets) got += must(socket.receive(batch));
      return got == 1;
    })) << size;
  }
}

TEST(SharedPort, IsRefusedWhereSomebodyHasIt) {
  const auto sockets = must(bind_shared({Address::loopback_v4(), 0}, {}, 2, ServingLoop::kSteering));
  const auto again = bind_shared(sockets.front().local_address(), {}, 2, ServingLoop::kSteering);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::address_in_use);
}

TEST(ServerThreads, KeepEachConversationInOneThreadAndUseSeveral) {
  Ledger ledger;
  Running server{threaded(), echo_into(ledger)};
  for (int asker = 0; asker < 64; ++asker) {
    auto client = must(Client::open());
    const std::string text = "asker " + std::to_string(asker);
    for (int i = 0; i < 5; ++i) {
      const auto reply = client.ask(server.endpoint(), bytes_of(text));
      ASSERT_TRUE(reply) << reply.error().message();
      EXPECT_EQ(reply->text(), text);
    }
  }
  std::set<std::thread::id> all;
  for (const auto& [text, ids] : ledger.threads()) {
    EXPECT_EQ(ids.size(), 5U);
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 1U) << text;
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), kThreads);  // with 64 askers, one thread has none once in 10^7 runs
  EXPECT_EQ(server.stop().responder.answered, 64U * 5U);
}

TEST(ServerThreads, RunARequestOnceWhicheverAddressItsCopiesComeFrom) {
  Ledger ledger;
  Running server{threaded(), echo_into(ledger)};
  for (std::uint64_t conversation = 1; conversation <= 16; ++conversation) {
    const std::string text = "request " + std::to_string(conversation);
    for (int copy = 0; copy < 8; ++copy) {
      auto asker = bound_to(Address::loopback_v4());
      ReceiveBatch batch;
      ASSERT_TRUE(must(asker.send_to(server.endpoint(), request_of(conversation, 1, text))));
      ASSERT_EQ(receive_some(asker, batch), 1U);  // each copy gets the reply
    }
  }
  for (const auto& [text, ids] : ledger.threads()) EXPECT_EQ(ids.size(), 1U) << text;
  EXPECT_EQ(ledger.runs(), 16U);
  EXPECT_EQ(server.stop().responder.repeated, 16U * 7U);
}

TEST(ServerThreads, PutRightWhatLiesBehindAnotherConversationsMessage) {
  Ledger ledger;
  Running server{threaded(), echo_into(ledger)};
  auto asker = bound_to(Address::loopback_v4());
  // By themselves first, so that each thread knows its own.
  ByteVector all;
  for (std::uint64_t conversation = 1; conversation <= 8; ++conversation) {
    const ByteVector one = request_of(conversation, 1, "request " + std::to_string(conversation));
    ASSERT_TRUE(must(asker.send_to(server.endpoint(), one)));
    all = together({all, one});
  }
  ASSERT_TRUE(eventually([&] { return ledger.runs() == 8; }));
  // Now all of them in one datagram, which can arrive at one socket only: copies, each at home elsewhere.
  ASSERT_TRUE(must(asker.send_to(server.endpoint(), all)));
  ASSERT_TRUE(eventually([&] { return server.stats().responder.repeated == 8; }));
  const ServerStats stats = server.stop();
  EXPECT_EQ(ledger.runs(), 8U);
  EXPECT_EQ(stats.responder.requests, 8U);
  EXPECT_EQ(stats.responder.bundled, 7U);
}

TEST(ServerThreads, AnswerPlainDatagramsInAnyThread) {
  Ledger ledger;
  Running server{threaded(), echo_into(ledger)};
  for (int asker = 0; asker < 16; ++asker) {
    auto client = must(Client::open({.codec = &plain_codec()}));
    const auto reply = client.ask(server.endpoint(), bytes_of("hello"));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), "hello");
  }
  EXPECT_EQ(ledger.runs(), 16U);
}

TEST(ServerThreads, SendTheReplyToAllThatTheyHaveRunWhenTheyAreToldToStop) {
  Ledger ledger;
  Running server{threaded(), echo_into(ledger)};
  std::atomic<std::size_t> answered{0};
  constexpr std::size_t kAskers = 8;
  constexpr std::size_t kQuestions = 500;
  std::vector<Client> clients;  // ends, and cancels what has no answer, before what its callbacks count in
  for (std::size_t i = 0; i < kAskers; ++i) clients.push_back(must(Client::open()));
  for (std::size_t question = 0; question < kQuestions; ++question) {
    for (Client& client : clients) {
      client.ask_async(server.endpoint(), bytes_of("?"), {.deadline = kPatience},
                       [&](const Result<Reply>& reply) { answered += reply ? 1 : 0; });
    }
  }
  ASSERT_TRUE(eventually([&] { return ledger.runs() > 0; }));
  const ServerStats stats = server.stop();  // in the middle of it, most likely
  EXPECT_EQ(stats.responder.requests, ledger.runs());
  EXPECT_EQ(stats.responder.answered, ledger.runs());
  EXPECT_EQ(stats.responder.dropped[DropReason::send_failed], 0U);
  EXPECT_TRUE(eventually([&] { return answered == ledger.runs(); })) << answered << " of " << ledger.runs();
}

TEST(ServerThreads, AllEndWithWhatOneHandlerThrows) {
  auto options = threaded();
  options.port = "0";
  auto server = must(Server::bind(std::move(options)));
  std::jthread asking{[&](const std::stop_token& stop) {
    for (int asker = 0; asker < 32 && !stop.stop_requested();
         ++asker) {  // one of them is not the first loop's
      auto client = must(Client::open());
      static_cast<void>(client.ask(server.local_address(), bytes_of("throw"),
                                   {.deadline = std::chrono::milliseconds{200}, .stop = stop}));
    }
  }};
  EXPECT_THROW(
      static_cast<void>(server.serve([](const Request&, ReplyWriter&) { throw std::runtime_error{"!"}; })),
      std::runtime_error);
  asking.request_stop();
  asking.join();
  // And it may serve again.
  std::stop_source stop;
  std::jthread serving{[&] {
    EXPECT_TRUE(
        server.serve([](const Request&, ReplyWriter& reply) { reply.append("back"); }, stop.get_token()));
  }};
  auto client = must(Client::open());
  const auto reply = client.ask(server.local_address(), bytes_of("again?"));
  stop.request_stop();
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text(), "back");
}

TEST(ServerThreads, TakeDeferredAnswersBackToTheThreadThatHasTheRequest) {
  std::mutex mutex;
  std::vector<std::jthread> workers;
  Running server{threaded(), [&](const Request& request, ReplyWriter& reply) {
                   const std::scoped_lock lock{mutex};
                   workers.emplace_back([text = copy_of(request.payload), later = reply.defer()]() mutable {
                     later.send(text);
                   });
                 }};
  for (int asker = 0; asker < 16; ++asker) {
    auto client = must(Client::open());
    const std::string text = std::to_string(asker);
    const auto reply = client.ask(server.endpoint(), bytes_of(text));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), text);
  }
}

TEST(ServerThreads, ANumberThatIsNoneIsRefused) {
  for (const std::size_t threads : {std::size_t{0}, std::size_t{1025}}) {
    const auto server = Server::bind(threaded(threads));
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, ErrorCode::invalid_argument);
  }
}

TEST(Spinning, ServerAndClientAnswerAndStopAsEver) {
  auto options = threaded(2);
  options.spin = std::chrono::milliseconds{1};
  Ledger ledger;
  Running server{std::move(options), echo_into(ledger)};
  auto client = must(Client::open({.spin = std::chrono::milliseconds{1}}));
  std::atomic<int> ended{0};
  for (int i = 0; i < 50; ++i) {
    const std::string text = std::to_string(i);
    const auto reply = client.ask(server.endpoint(), bytes_of(text));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), text);
    client.ask_async(server.endpoint(), bytes_of(text), {}, [&ended, text](const Result<Reply>& answer) {
      EXPECT_TRUE(answer && answer->text() == text);
      ++ended;
    });
  }
  EXPECT_TRUE(eventually([&] { return ended == 50; }));
  EXPECT_EQ(server.stop().responder.answered, 100U);
}

TEST(Spinning, AClientThatSpinsHearsOfRefusalDeadlineAndCancellation) {
  auto client = must(Client::open({.spin = std::chrono::hours{1}}));
  const auto refused = client.ask(testing::dead_endpoint(Address::loopback_v4()), bytes_of("?"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  const auto silent = bound_to(Address::loopback_v4());
  const auto late =
      client.ask(silent.local_address(), bytes_of("?"), {.deadline = std::chrono::milliseconds{20}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::no_answer);
  std::stop_source stop;
  const std::jthread stopper{[&] { stop.request_stop(); }};
  const auto cancelled = client.ask(silent.local_address(), bytes_of("?"), {.stop = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace holler
