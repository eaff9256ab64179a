#include <cstdlib>
#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <stop_token>
#include <sys/resource.h>
#include <unistd.h>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// A question whose stop_token was already stopped was asked all the same. Without a callback, or without a
// thread to be had, ask_async threw. What the shared socket lost was not counted, and a source of the other
// IP version was silently not used.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

AskOptions stopped() {
  std::stop_source stop;
  stop.request_stop();
  return {.deadline = kForever, .stop = stop.get_token()};
}

TEST(AskThatIsStoppedBeforeItBegins, SendsNothing) {
  UdpSocket peer = testing::bound_to(Address::loopback_v4());
  auto client = must(Client::open());
  const auto reply = client.ask(peer.local_address(), bytes_of("x"), stopped());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::cancelled);
  std::promise<ErrorCode> ended;
  client.ask_async(peer.local_address(), bytes_of("x"), stopped(),
                   [&](Result<Reply> end) { ended.set_value(end.error().code); });
  EXPECT_EQ(ended.get_future().get(), ErrorCode::cancelled);
  ReceiveBatch batch;
  EXPECT_EQ(must(peer.receive(batch)), 0U);
}

TEST(AskWithoutTime, EndsWithoutAnAnswerAndSendsNothing) {
  UdpSocket peer = testing::bound_to(Address::loopback_v4());
  auto client = must(Client::open());
  for (const Duration deadline : {Duration{0}, Duration{-1s}, Duration::min()}) {
    const auto reply = client.ask(peer.local_address(), bytes_of("x"), {.deadline = deadline});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::no_answer);
    std::promise<ErrorCode> ended;
    client.ask_async(peer.local_address(), bytes_of("x"), {.deadline = deadline},
                     [&](Result<Reply> end) { ended.set_value(end.error().code); });
    EXPECT_EQ(ended.get_future().get(), ErrorCode::no_answer);
  }
  ReceiveBatch batch;
  EXPECT_EQ(must(peer.receive(batch)), 0U);
}

TEST(AskBeyondTheBound, EndsAtOnceForWantOfResources) {
  const UdpSocket peer = testing::bound_to(Address::loopback_v4());
  for (const Codec* codec : {&holler_codec(), &plain_codec()}) {
    int refused = 0;
    auto client = must(Client::open({.codec = codec, .requester = {.outstanding_max = 300}}));
    for (int i = 0; i < 310; ++i) {
      client.ask_async(peer.local_address(), bytes_of("x"), {.deadline = kForever}, [&](Result<Reply> end) {
        refused += end.error().code == ErrorCode::out_of_resources ? 1 : 0;
      });
    }
    EXPECT_EQ(refused, 10);
    EXPECT_EQ(client.outstanding(), 300U);
  }
}

TEST(AskFromASourceOfTheOtherIpVersion, IsRefusedByBothWaysOfAsking) {
  const UdpSocket peer = testing::bound_to(Address::loopback_v6());
  auto client = must(Client::open({.source = Endpoint{Address::loopback_v4(), 0}}));
  EXPECT_EQ(client.ask(peer.local_address(), {}).error().code, ErrorCode::invalid_argument);
  std::promise<ErrorCode> ended;
  client.ask_async(peer.local_address(), {}, {.deadline = 60s},
                   [&](Result<Reply> end) { ended.set_value(end ? ErrorCode::system : end.error().code); });
  EXPECT_EQ(ended.get_future().get(), ErrorCode::invalid_argument);
}

/// In a process of its own, as another user: root has as many threads as it wants.
void ask_without(int resource, rlim_t limit) {
  const UdpSocket peer = testing::bound_to(Address::loopback_v4());
  auto client = must(Client::open());
  if (::getuid() == 0 && ::setuid(54321) != 0) std::_Exit(2);
  const rlimit none{.rlim_cur = limit, .rlim_max = limit};
  if (::setrlimit(resource, &none) != 0) std::_Exit(3);
  client.ask_async(peer.local_address(), {}, {}, {});
  ErrorCode code{};
  client.ask_async(peer.local_address(), {}, {}, [&](Result<Reply> end) { code = end.error().code; });
  std::_Exit(code == ErrorCode::out_of_resources ? 0 : 4);
}

TEST(AskWithoutAThreadToBeHad, EndsForWantOfResources) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ask_without(RLIMIT_NPROC, 0), ::testing::ExitedWithCode(0), "");
}

TEST(AskWithoutADescriptorToBeHad, EndsForWantOfResources) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ask_without(RLIMIT_NOFILE, 4), ::testing::ExitedWithCode(0), "");
}

TEST(ClientThatIsTooSlow, CountsWhatTheKernelDropped) {
  testing::RunningServer server{
      {}, [](const Request& request, ReplyWriter& reply) { reply.append(request.payload); }};
  UdpSocket flood = testing::bound_to(Address::loopback_v4());
  auto client = must(Client::open({.receive_buffer_bytes = 4096}));
  std::latch ended{1};
  client.ask_async(server.endpoint(), bytes_of("x"), {.deadline = 60s}, [&](Result<Reply> end) {
    const Endpoint asker = must(std::move(end)).local;
    const ByteVector much(1000, std::byte{'x'});
    for (int i = 0; i < 1000; ++i) static_cast<void>(flood.send_to(asker, much));
    ended.count_down();
  });
  ended.wait();
  EXPECT_TRUE(testing::eventually([&] { return client.kernel_drops() > 0; }));
}

TEST(Statistics, IncludeAnEndBeforeItIsTold) {
  testing::RunningServer server{
      {}, [](const Request& request, ReplyWriter& reply) { reply.append(request.payload); }};
  auto client = must(Client::open());
  for (std::uint64_t i = 1; i <= 100; ++i) {
    std::promise<std::uint64_t> answered;
    client.ask_async(server.endpoint(), {}, {.deadline = 60s},
                     [&](Result<Reply>) { answered.set_value(client.stats().answered); });
    EXPECT_EQ(answered.get_future().get(), i);
  }
}

}  // namespace
}  // namespace holler
