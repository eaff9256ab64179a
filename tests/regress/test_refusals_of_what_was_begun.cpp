#include <gtest/gtest.h>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"
#include "tests/support/sockets.hpp"

// A handler had run, and its answer did not fit or was never given. Its asker was told "declined", and
// Error::maybe_done said that it was certain that nothing was done.

namespace holler {
namespace {

using testing::must;
using testing::RunningServer;

Error error_from(const Server::Handler& handler) {
  RunningServer server{{}, handler};
  auto client = must(Client::open());
  // After a first contact: within it, a server may be too young to tell what an earlier one has done.
  EXPECT_FALSE(client.ask(server.endpoint(), bytes_of("first")));
  auto reply = client.ask(server.endpoint(), bytes_of("x"));
  EXPECT_FALSE(reply);
  return reply ? Error{} : reply.error();
}

TEST(ARefusal, OfAHandlerMeansThatNothingWasDone) {
  const Error error = error_from([](const Request&, ReplyWriter& reply) { reply.refuse(7); });
  EXPECT_EQ(error.code, ErrorCode::declined);
  EXPECT_FALSE(error.maybe_done);
}

TEST(ARefusal, OfAnAnswerThatDoesNotFitComesAfterTheWork) {
  const Error error =
      error_from([](const Request&, ReplyWriter& reply) { reply.append(ByteVector(70'000)); });
  EXPECT_EQ(error.code, ErrorCode::declined);
  EXPECT_TRUE(error.maybe_done);
}

TEST(ARefusal, OfAQuestionThatWasLetGoMayComeAfterTheWork) {
  const Error error =
      error_from([](const Request&, ReplyWriter& reply) { const DeferredReply forgotten = reply.defer(); });
  EXPECT_EQ(error.code, ErrorCode::declined);
  EXPECT_TRUE(error.maybe_done);
}

}  // namespace
}  // namespace holler
