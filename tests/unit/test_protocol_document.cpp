#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <string>

#include "holler/codecs.hpp"

#include "tests/support/source_dir.hpp"

// docs/protocol.md promises that its examples are what the codec writes and reads. This holds it to that.

namespace holler {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// The blocks that begin with ```hex NAME, as bytes.
std::map<std::string, ByteVector> examples() {
  std::ifstream document{source_dir() / "docs/protocol.md"};
  std::map<std::string, ByteVector> found;
  std::string line;
  std::string name;
  while (std::getline(document, line)) {
    if (line.starts_with("```")) {
      name = line.starts_with("```hex ") ? line.substr(7) : "";
      continue;
    }
    if (name.empty()) continue;
    std::string digits;
    for (const char c : line) {
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      found[name].push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
  }
  return found;
}

class ProtocolDocument : public testing::Test {
 protected:
  [[nodiscard]] Bytes example(const std::string& name) {
    EXPECT_TRUE(examples_.contains(name)) << "no example " << name;
    return examples_[name];
  }
  [[nodiscard]] static std::array<std::byte, 16> cookie() {
    std::array<std::byte, 16> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
  }
  [[nodiscard]] static ByteVector request(const RequestStamp& stamp, std::string_view payload) {
    ByteVector out(1000);
    const auto size = holler_codec().encode_request(stamp, bytes_of(payload), out);
    EXPECT_TRUE(size);
    out.resize(size.value_or(0));
    return out;
  }
  [[nodiscard]] static ByteVector answer(ReplyStamp stamp, std::string_view payload = {}) {
    ByteVector out(1000);
    stamp.bundles = true;
    stamp.payload_bytes = payload.size();
    const auto size = holler_codec().encode_reply_header(stamp, out);
    EXPECT_TRUE(size);
    out.resize(size.value_or(0));
    const Bytes rest = bytes_of(payload);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
  }

  std::map<std::string, ByteVector> examples_ = examples();
};

TEST_F(ProtocolDocument, HasTheFirstRequestAsTheCodecWritesAndReadsIt) {
  const RequestStamp stamp{.conversation = 0x0123456789abcdef,
                           .number = 1,
                           .done_below = 1,
                           .id = 0x1122334455667788,
                           .attempt = 1,
                           .time_left = milliseconds{10000},
                           .bundles = true,
                           .cookie = {}};
  EXPECT_TRUE(same_bytes(request(stamp, "hello"), example("request")));
  const RequestView view = holler_codec().decode_request(example("request"));
  EXPECT_FALSE(view.drop);
  EXPECT_TRUE(view.identified);
  EXPECT_EQ(view.conversation, stamp.conversation);
  EXPECT_EQ(view.number, 1U);
  EXPECT_EQ(view.done_below, 1U);
  EXPECT_EQ(view.id, stamp.id);
  EXPECT_EQ(view.time_left, milliseconds{10000});
  EXPECT_TRUE(view.bundles);
  EXPECT_EQ(text_of(view.payload), "hello");
}

TEST_F(ProtocolDocument, HasTheCopyWithACookieAsTheCodecWritesAndReadsIt) {
  const auto proof = cookie();
  const RequestStamp stamp{.conversation = 0x0123456789abcdef,
                           .number = 7,
                           .done_below = 5,
                           .id = 0x9988776655443322,
                           .attempt = 3,
                           .time_left = milliseconds{9250},
                           .life = 0xc0ffee01,
                           .cookie = proof};
  EXPECT_TRUE(same_bytes(request(stamp, ""), example("request-with-cookie")));
  const RequestView view = holler_codec().decode_request(example("request-with-cookie"));
  EXPECT_FALSE(view.drop);
  EXPECT_EQ(view.done_below, 5U);
  EXPECT_EQ(view.attempt, 3);
  EXPECT_EQ(view.life, 0xc0ffee01U);
  EXPECT_TRUE(same_bytes(view.cookie, proof));
  EXPECT_TRUE(view.payload.empty());
}

TEST_F(ProtocolDocument, HasTheAnswersAsTheCodecWritesAndReadsThem) {
  ReplyStamp stamp{.number = 1,
                   .id = 0x1122334455667788,
                   .attempt = 1,
                   .hold = microseconds{150},
                   .life = 0xc0ffee01,
                   .age = std::chrono::minutes{10},
                   .cookie = {}};
  EXPECT_TRUE(same_bytes(answer(stamp, "Your data was 5 bytes long"), example("reply")));
  const ReplyView reply = holler_codec().decode_reply(example("reply"));
  EXPECT_EQ(reply.kind, ReplyKind::reply);
  EXPECT_EQ(reply.hold, microseconds{150});
  EXPECT_EQ(reply.age, std::chrono::minutes{10});
  EXPECT_EQ(reply.retry_after, Duration::zero());
  EXPECT_EQ(reply.life, 0xc0ffee01U);
  EXPECT_EQ(text_of(reply.payload), "Your data was 5 bytes long");

  stamp = {.kind = ReplyKind::working,
           .number = 1,
           .id = 0x1122334455667788,
           .attempt = 2,
           .retry_after = milliseconds{1000},
           .life = 0xc0ffee01,
           .age = std::chrono::minutes{10},
           .cookie = {}};
  EXPECT_TRUE(same_bytes(answer(stamp), example("working")));
  EXPECT_EQ(holler_codec().decode_reply(example("working")).retry_after, milliseconds{1000});

  stamp = {.kind = ReplyKind::refused,
           .number = 1,
           .id = 0x1122334455667788,
           .attempt = 1,
           .life = 0xc0ffee01,
           .age = std::chrono::minutes{10},
           .reason = 42,
           .cookie = {}};
  EXPECT_TRUE(same_bytes(answer(stamp), example("refused")));
  EXPECT_EQ(holler_codec().decode_reply(example("refused")).reason, 42);

  const auto proof = cookie();
  stamp = {.kind = ReplyKind::verify,
           .number = 1,
           .id = 0x1122334455667788,
           .attempt = 1,
           .life = 0xc0ffee01,
           .age = std::chrono::minutes{10},
           .cookie = proof};
  EXPECT_TRUE(same_bytes(answer(stamp), example("verify")));
  EXPECT_TRUE(same_bytes(holler_codec().decode_reply(example("verify")).cookie, proof));
}

TEST_F(ProtocolDocument, HasTwoMessagesInOneDatagramAsTheyAreRead) {
  const Bytes datagram = example("bundle");
  const RequestView first = holler_codec().decode_request(datagram);
  EXPECT_FALSE(first.drop);
  EXPECT_EQ(first.number, 8U);
  EXPECT_EQ(text_of(first.payload), "hi");
  const RequestView second = holler_codec().decode_request(first.rest);
  EXPECT_FALSE(second.drop);
  EXPECT_EQ(second.number, 9U);
  EXPECT_TRUE(second.payload.empty());
  EXPECT_TRUE(second.rest.empty());
}

TEST_F(ProtocolDocument, HasTheNoteOfARestartAsTheCodecWritesAndReadsIt) {
  const ReplyStamp stamp{.kind = ReplyKind::restarted,
                         .number = 7,
                         .id = 0x9988776655443322,
                         .attempt = 2,
                         .life = 0xc0ffee02,
                         .age = milliseconds{2000},
                         .cookie = {}};
  EXPECT_TRUE(same_bytes(answer(stamp), example("restarted")));
  const ReplyView view = holler_codec().decode_reply(example("restarted"));
  EXPECT_EQ(view.kind, ReplyKind::restarted);
  EXPECT_EQ(view.life, 0xc0ffee02U);
  EXPECT_EQ(view.age, milliseconds{2000});
  ByteVector lifeless = copy_of(example("restarted"));
  std::fill_n(lifeless.begin() + 32, 4, std::byte{});
  EXPECT_EQ(holler_codec().decode_reply(lifeless).drop, DropReason::malformed);
}

TEST_F(ProtocolDocument, IsRightAboutWhatIsDroppedAndWhy) {
  const Bytes request_bytes = example("request");
  const Bytes reply_bytes = example("working");
  const auto changed = [](Bytes bytes, std::size_t offset, unsigned value) {
    ByteVector copy = copy_of(bytes);
    copy.at(offset) = static_cast<std::byte>(value);
    return copy;
  };
  const Codec& codec = holler_codec();
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 0, 0x68)).drop, DropReason::foreign);
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 2, 2)).drop, DropReason::unknown_version);
  for (const unsigned type : {0U, 2U, 6U, 7U, 9U, 10U, 255U}) {
    EXPECT_EQ(codec.decode_request(changed(request_bytes, 3, type)).drop, DropReason::unknown_type) << type;
  }
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 5, 0x10)).drop, DropReason::malformed);
  EXPECT_FALSE(codec.decode_request(changed(request_bytes, 5, 0x0e)).drop);
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 7, 6)).drop, DropReason::malformed);
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 7, 4)).drop, DropReason::malformed);
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 35, 1)).drop,
            DropReason::malformed);  // span = number
  EXPECT_EQ(codec.decode_request(changed(request_bytes, 23, 0)).drop, DropReason::malformed);  // number 0
  for (std::size_t size = 0; size < 44; ++size) {
    const auto drop = codec.decode_request(request_bytes.first(size)).drop;
    EXPECT_EQ(drop, size < 2 ? DropReason::foreign : DropReason::malformed) << size;
  }
  EXPECT_EQ(codec.decode_request(example("request-with-cookie").first(59)).drop, DropReason::malformed);
  EXPECT_EQ(codec.decode_reply(changed(reply_bytes, 3, 6)).drop, DropReason::unknown_type);
  ByteVector longer = copy_of(reply_bytes);
  longer.push_back({});
  EXPECT_EQ(codec.decode_reply(longer).drop, DropReason::malformed);
  EXPECT_EQ(codec.decode_reply(reply_bytes.first(35)).drop, DropReason::malformed);
}

}  // namespace
}  // namespace holler
