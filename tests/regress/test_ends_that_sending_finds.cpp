#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// A host that had slept over a deadline was told first to repeat a question at once. poll_transmit found it
// overdue and ended it; and where it was the only one, next_timeout said that nothing was to come, so that an
// owner who drives the engine as its header says never polled the end. Ends come from input and from time
// alone.

namespace holler {
namespace {

using std::chrono::seconds;

TEST(AnEndThatSendingFinds, WakesTheOwner) {
  const Endpoint server{Address::v4(192, 0, 2, 2), 1060};
  const Timestamp start{seconds{1000}};
  SeededRandom random{1};
  Requester requester{holler_codec(), random};
  ByteVector buffer(65536);
  ASSERT_EQ(requester.start(start, server, bytes_of("x"), {.deadline = seconds{1}}).status,
            StartStatus::started);
  const auto sent = requester.poll_transmit(start, buffer);
  ASSERT_TRUE(sent);
  const RequestView request = holler_codec().decode_request(Bytes{buffer}.first(sent->bytes));
  const ByteVector cookie(16);
  ByteVector note(100);
  note.resize(*holler_codec().encode_reply_header(
      {.kind = ReplyKind::verify, .number = request.number, .id = request.id, .attempt = 1, .cookie = cookie},
      note));
  const Timestamp now = start + seconds{5};
  EXPECT_EQ(requester.handle_datagram(now, {.from = server, .bytes = note}).used, ReplyKind::verify);
  EXPECT_FALSE(requester.poll_event());
  EXPECT_FALSE(requester.poll_transmit(now, buffer));
  EXPECT_LE(requester.next_timeout(), now);
  EXPECT_FALSE(requester.poll_event());
  requester.handle_timeout(now);
  const auto end = requester.poll_event();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->outcome, Outcome::no_answer);
  EXPECT_EQ(requester.next_timeout(), kNever);
}

}  // namespace
}  // namespace holler
