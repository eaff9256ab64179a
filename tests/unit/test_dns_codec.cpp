#include <gtest/gtest.h>

#include "holler/codecs.hpp"

#include "tests/unit/dns_bytes.hpp"

namespace holler {
namespace {

using dns::testing::name;
using dns::testing::reply_with;
using dns::testing::wire;

const Codec& codec() { return dns_codec(); }

ByteVector query_for(std::string_view text, dns::Type type = dns::Type::a) {
  return dns::encode_query({.name = name(text), .type = type});
}

std::optional<DropReason> verdict(Bytes query, Bytes reply) {
  return codec().mismatch(query, codec().decode_reply(reply));
}

TEST(DnsCodec, StampsTheLowBitsOfTheIdIntoACopyOfTheQuery) {
  const ByteVector query = query_for("example");
  std::array<std::byte, 512> out{};
  RequestStamp stamp;
  stamp.id = 0xfedcba9876543210;
  const auto size = codec().encode_request(stamp, query, out);
  ASSERT_EQ(size, query.size());
  ByteVector expected = query;
  expected[0] = std::byte{0x32};
  expected[1] = std::byte{0x10};
  EXPECT_TRUE(same_bytes(MutableBytes{out}.first(*size), expected));
}

TEST(DnsCodec, EncodesOnlyQueriesThatFit) {
  const ByteVector query = query_for("example");
  ByteVector out(query.size() - 1);
  EXPECT_EQ(codec().encode_request({}, query, out), std::nullopt);
  out.resize(512);
  EXPECT_EQ(codec().encode_request({}, bytes_of("what is the time?"), out), std::nullopt);
  EXPECT_EQ(codec().encode_request({}, {}, out), std::nullopt);
  EXPECT_EQ(codec().encode_request({}, reply_with(dns::Type::a, "c0000201"), out), std::nullopt);
}

TEST(DnsCodec, TakesTheIdFromTheReply) {
  const ByteVector reply = reply_with(dns::Type::a, "c0000201");
  const ReplyView view = codec().decode_reply(reply);
  EXPECT_EQ(view.kind, ReplyKind::reply);
  EXPECT_EQ(view.id, 0x1234U);
  EXPECT_TRUE(same_bytes(view.payload, reply));
}

TEST(DnsCodec, DropsWhatIsNoReply) {
  const ByteVector query = query_for("example");
  for (const Bytes bad :
       {Bytes{query}, Bytes{}, bytes_of("FAKE"), bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    const ReplyView view = codec().decode_reply(bad);
    EXPECT_EQ(view.kind, ReplyKind::dropped);
    EXPECT_EQ(view.drop, DropReason::malformed);
  }
}

TEST(DnsCodec, AcceptsTheSameQuestionInAnyCase) {
  EXPECT_EQ(verdict(query_for("eXAMPLE"), reply_with(dns::Type::a, "c0000201")), std::nullopt);
}

TEST(DnsCodec, DropsAReplyToAnotherQuestion) {
  const ByteVector query = query_for("example");
  const auto altered = [&](std::string_view question) {
    ByteVector reply = wire("1234 8180");
    const ByteVector rest = wire(question);
    reply.insert(reply.end(), rest.begin(), rest.end());
    return verdict(query, reply);
  };
  EXPECT_EQ(altered("0001 0000 0000 0000 07'example'00 0001 0001"), std::nullopt);
  EXPECT_EQ(altered("0001 0000 0000 0000 07'examplf'00 0001 0001"), DropReason::wrong_question);
  EXPECT_EQ(altered("0001 0000 0000 0000 07'example'00 001c 0001"), DropReason::wrong_question);
  EXPECT_EQ(altered("0001 0000 0000 0000 07'example'00 0001 0003"), DropReason::wrong_question);
  EXPECT_EQ(altered("0000 0000 0000 0000"), DropReason::wrong_question);
  EXPECT_EQ(altered("0002 0000 0000 0000 07'example'00 0001 0001 07'example'00 0001 0001"),
            DropReason::wrong_question);
  EXPECT_EQ(altered("0001 0000 0000 0000 07'example'00 0001"), DropReason::malformed);
}

TEST(DnsCodec, DropsAReplyToAnotherKindOfRequest) {
  EXPECT_EQ(verdict(query_for("example"), wire("1234 a180 0001 0000 0000 0000 07'example'00 0001 0001")),
            DropReason::wrong_question);
}

TEST(DnsCodec, DropsAReplyThatIsMalformedFurtherOn) {
  EXPECT_EQ(verdict(query_for("example"), reply_with(dns::Type::a, "c00002")), DropReason::malformed);
}

TEST(DnsCodec, LetsAServerThatKnowsNothingLeaveOutTheQuestion) {
  const ByteVector query = query_for("example");
  EXPECT_EQ(verdict(query, wire("1234 8001 0000 0000 0000 0000")), std::nullopt);  // FORMERR
  EXPECT_EQ(verdict(query, wire("1234 8004 0000 0000 0000 0000")), std::nullopt);  // NOTIMP
  EXPECT_EQ(verdict(query, wire("1234 8000 0000 0000 0000 0000")), DropReason::wrong_question);
  EXPECT_EQ(verdict(query, wire("1234 8003 0000 0000 0000 0000")), DropReason::wrong_question);
  EXPECT_EQ(verdict(query, wire("1234 8001 0000 0001 0000 0000 00 ff00 0001 00000000 0000")),
            DropReason::wrong_question);
}

TEST(DnsCodec, WantsARandomPortForEachQuery) {
  const CodecTraits& traits = codec().traits();
  EXPECT_EQ(traits.id_bits, 16U);
  EXPECT_TRUE(traits.fresh_port);
  EXPECT_FALSE(traits.numbered);
  EXPECT_EQ(traits.request_overhead_bytes, 0U);
  EXPECT_EQ(traits.schedule.first_wait, std::chrono::seconds{1});
}

}  // namespace
}  // namespace holler
