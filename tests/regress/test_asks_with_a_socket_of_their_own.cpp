#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// Protocols without numbers give each asynchronous question a socket of its own. The answer closed it while
// it was still being read from; a question that waited for a socket could not be stopped by its stop_token;
// and where descriptors were few, questions failed that only had to wait for the ones before them.

namespace holler {
namespace {

using namespace std::chrono_literals;
using testing::must;

void echo(const Request& request, ReplyWriter& reply) { reply.append(request.payload); }

struct Ends {
  std::mutex mutex;
  std::vector<int> count;
  std::vector<ErrorCode> errors;
  int right = 0;
};

void ask_all(Client& client, const Endpoint& peer, int questions, Ends& ends) {
  std::latch all{questions};
  ends.count.assign(static_cast<std::size_t>(questions), 0);
  for (int i = 0; i < questions; ++i) {
    const std::string question = std::to_string(i);
    client.ask_async(peer, bytes_of(question), {.deadline = 5min, .first_wait = 200ms},
                     [&, i, question](Result<Reply> reply) {
                       {
                         const std::scoped_lock lock{ends.mutex};
                         ++ends.count[static_cast<std::size_t>(i)];
                         ends.right += reply && reply->text() == question ? 1 : 0;
                         if (!reply) ends.errors.push_back(reply.error().code);
                       }
                       all.count_down();
                     });
  }
  all.wait();
}

TEST(AsksWithASocketOfTheirOwn, EndOnceEachWithTheirOwnAnswers) {
  testing::RunningServer server{{}, echo};
  auto client = must(Client::open({.codec = &plain_codec()}));
  Ends ends;
  ask_all(client, server.endpoint(), 1000, ends);
  EXPECT_EQ(ends.right, 1000);
  for (const int count : ends.count) EXPECT_EQ(count, 1);
}

TEST(AsksWithASocketOfTheirOwn, AreStoppedByTheirTokenAlsoWhileTheyWaitForASocket) {
  const UdpSocket silent = testing::bound_to(Address::loopback_v4());
  auto client = must(Client::open({.codec = &plain_codec()}));
  for (int i = 0; i < 256; ++i) {
    client.ask_async(silent.local_address(), bytes_of("x"), {.deadline = kForever}, [](Result<Reply>) {});
  }
  std::stop_source stop;
  std::latch ended{1};
  ErrorCode code{};
  client.ask_async(silent.local_address(), bytes_of("x"), {.deadline = 60s, .stop = stop.get_token()},
                   [&](Result<Reply> reply) {
                     code = reply.error().code;
                     ended.count_down();
                   });
  stop.request_stop();
  ended.wait();
  EXPECT_EQ(code, ErrorCode::cancelled);
}

TEST(AsksWithASocketOfTheirOwn, WaitForOneAnotherWhereDescriptorsAreFew) {
  testing::RunningServer server{{}, echo};
  auto client = must(Client::open({.codec = &plain_codec()}));
  Ends first;
  ask_all(client, server.endpoint(), 1, first);  // the client's thread has its descriptors
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 40, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Ends ends;
  ask_all(client, server.endpoint(), 200, ends);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(ends.right, 200);
  EXPECT_TRUE(ends.errors.empty());
}

}  // namespace
}  // namespace holler
