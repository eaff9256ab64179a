#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.hpp"

namespace holler::dns {
namespace {

using testing::name;
using testing::reply_with;
using testing::wire;

/// One record of every form, in every section.
Message message_with_everything() {
  Message message;
  message.id = 0xbeef;
  message.response = message.authoritative = message.recursion_desired = message.authentic_data = true;
  message.rcode = Rcode{0xf03};
  message.questions.push_back({.name = name("example"), .type = Type::any});
  const auto add = [](std::vector<Record>& section, Type type, RecordData data) {
    section.push_back({.name = name("host.example"), .type = type, .ttl_s = 300, .data = std::move(data)});
  };
  add(message.answers, Type::a, A{Address::v4(192, 0, 2, 1)});
  add(message.answers, Type::aaaa, Aaaa{{0x20, 0x01, 0x0d, 0xb8}});
  add(message.answers, Type::cname, Target{name("alias.example")});
  add(message.answers, Type::ptr, Target{name(".")});
  add(message.answers, Type::mx, Mx{10, name("mail.example")});
  add(message.answers, Type::txt, Txt{{"one", "", std::string(255, '\xff')}});
  add(message.answers, Type::srv, Srv{1, 2, 1060, name("box.example")});
  add(message.answers, Type::caa, Caa{128, "issue", "ca.example"});
  add(message.answers, Type{65280}, Unknown{wire("0a000001")});
  add(message.authorities, Type::ns, Target{name("ns.example")});
  add(message.authorities, Type::soa, Soa{name("ns.example"), name("root.example"), 1, 2, 3, 4, 5});
  add(message.additionals, Type::a, A{Address::v4(192, 0, 2, 53)});
  message.edns =
      Edns{.reply_bytes_max = 4096, .version = 0, .dnssec_ok = true, .options = {{10, wire("0102")}}};
  return message;
}

TEST(DnsMessage, RoundTrips) {
  const Message message = message_with_everything();
  const auto bytes = encode_message(message);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(decode_message(*bytes), message);
}

TEST(DnsMessage, DecodesAReplyByteByByte) {
  const auto message = decode_message(
      wire("1234 8583 0001 0000 0001 0001"     // QR AA RD RA, NXDOMAIN
           "03'www' 07'example' 00 001c 0001"  // www.example. IN AAAA
           "c010 0006 0001 00000e10 001b"      // example. IN SOA
           "02'ns'c010 c010 00000001 00000002 00000003 00000004 00000005"
           "00 0029 04d0 01000000 0006 000f 0002 0012"));  // EDNS: 1232, upper RCODE 1, extended error 18
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->id, 0x1234);
  EXPECT_TRUE(message->response && message->authoritative && message->recursion_desired);
  EXPECT_TRUE(message->recursion_available);
  EXPECT_FALSE(message->truncated || message->authentic_data || message->checking_disabled);
  EXPECT_EQ(message->opcode, 0);
  EXPECT_EQ(message->rcode, Rcode{0x13});
  const Question question{.name = name("WWW.example"), .type = Type::aaaa};
  EXPECT_EQ(message->questions, std::vector{question});
  EXPECT_TRUE(message->answers.empty());
  ASSERT_EQ(message->authorities.size(), 1U);
  EXPECT_EQ(message->authorities[0].name, name("example"));
  EXPECT_EQ(rdata_text(message->authorities[0]), "ns.example. example. 1 2 3 4 5");
  EXPECT_TRUE(message->additionals.empty());
  ASSERT_TRUE(message->edns.has_value());
  EXPECT_EQ(message->edns->reply_bytes_max, 1232);
  ASSERT_EQ(message->edns->options.size(), 1U);
  EXPECT_EQ(message->edns->options[0].code, 15);
  EXPECT_EQ(message->edns->options[0].bytes, wire("0012"));
  EXPECT_EQ(message->trailing_bytes, 0U);
}

TEST(DnsMessage, IsMalformedWhereverItIsCutOff) {
  const ByteVector whole = encode_message(message_with_everything()).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of exactly this size, so that a sanitizer sees a read of the next byte.
    const ByteVector part = copy_of(Bytes{whole}.first(size));
    EXPECT_EQ(decode_message(part), std::nullopt) << size;
  }
}

TEST(DnsMessage, ThatIsTruncatedMayEndAnywhereBehindItsQuestions) {
  Message message = message_with_everything();
  message.truncated = true;
  const ByteVector whole = encode_message(message).value();
  const std::size_t questions_end = kHeaderBytes + message.questions[0].name.wire().size() + 4;
  std::size_t answers_before = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = decode_message(copy_of(Bytes{whole}.first(size)));
    ASSERT_EQ(decoded.has_value(), size >= questions_end) << size;
    if (!decoded) continue;
    EXPECT_GE(decoded->answers.size(), answers_before);
    answers_before = decoded->answers.size();
  }
  EXPECT_EQ(answers_before, message.answers.size());
}

TEST(DnsMessage, SurvivesEveryByteBeingChanged) {
  const ByteVector whole = encode_message(message_with_everything()).value();
  std::size_t malformed = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const unsigned flip : {0x01U, 0x40U, 0x80U, 0xc0U, 0xffU}) {
      ByteVector changed = whole;
      changed[i] ^= static_cast<std::byte>(flip);
      const auto decoded = decode_message(changed);
      if (!decoded) {
        ++malformed;
        continue;
      }
      for (const auto* section : {&decoded->answers, &decoded->authorities, &decoded->additionals}) {
        for (const Record& record : *section) EXPECT_FALSE(rdata_text(record).empty());
      }
    }
  }
  EXPECT_GT(malformed, 0U);
}

TEST(DnsMessage, IsMalformedWithCountsBeyondItsData) {
  const ByteVector good = reply_with(Type::a, "c0000201");
  for (const std::size_t count_offset : {4U, 6U, 8U, 10U}) {
    for (const unsigned count : {2U, 0xffffU}) {
      ByteVector bad = good;
      bad[count_offset] = static_cast<std::byte>(count >> 8U);
      bad[count_offset + 1] = static_cast<std::byte>(count);
      EXPECT_EQ(decode_message(bad), std::nullopt) << count_offset << ' ' << count;
    }
  }
}

TEST(DnsMessage, IsMalformedWithDataLongerThanItself) {
  ByteVector message = reply_with(Type{65280}, "0a000001");
  message[36] = std::byte{5};
  EXPECT_EQ(decode_message(message), std::nullopt);
}

TEST(DnsMessage, ToleratesAndCountsBytesBehindItsEnd) {
  ByteVector message = reply_with(Type::a, "c0000201");
  message.resize(message.size() + 3);
  const auto decoded = decode_message(message);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->trailing_bytes, 3U);
}

TEST(DnsMessage, HasEdnsOnceAndOnlyInItsPlace) {
  const std::string edns = "00 0029 04d0 00000000 0000";
  EXPECT_TRUE(decode_message(wire("1234 8000 0000 0000 0000 0001" + edns)).has_value());
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0000 0000 0002" + edns + edns)).has_value());
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0001 0000 0000" + edns)).has_value());
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0000 0001 0000" + edns)).has_value());
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0000 0000 0001 01'a'" + edns)).has_value());
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0000 0000 0001 00 0029 04d0 00000000 0003 000a00")));
  EXPECT_FALSE(decode_message(wire("1234 8000 0000 0000 0000 0001 00 0029 04d0 00000000 0004 000a 0001")));
}

TEST(DnsMessage, CanBeAHeaderAlone) {
  const auto message = decode_message(wire("0000 8001 0000 0000 0000 0000"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->rcode, Rcode::format_error);
}

TEST(DnsMessage, IsNotWrittenWhereAFieldIsTooSmall) {
  Message message;
  message.rcode = Rcode::bad_version;  // needs EDNS for its upper bits
  EXPECT_EQ(encode_message(message), std::nullopt);
  message.edns = Edns{};
  EXPECT_TRUE(encode_message(message).has_value());
  message.opcode = 16;
  EXPECT_EQ(encode_message(message), std::nullopt);
  message.opcode = 0;
  message.answers.resize(6000);
  EXPECT_EQ(encode_message(message), std::nullopt);  // 66,000 bytes
}

TEST(DnsMessage, OfTheLargestSizeIsDecoded) {
  ByteVector bytes = wire("1234 8000 0000 1744 0000 0000");  // 5956 records of 11 bytes, and 7 bytes
  bytes.resize(kMessageBytesMax);
  const auto message = decode_message(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.size(), 0x1744U);
  EXPECT_EQ(message->trailing_bytes, 7U);
  bytes.push_back(std::byte{0});
  EXPECT_EQ(decode_message(bytes), std::nullopt);
}

TEST(DnsQuery, IsWrittenAsServersExpectIt) {
  EXPECT_EQ(encode_query({.name = name("www.example"), .type = Type::aaaa}),
            wire("0000 0100 0001 0000 0000 0001 03'www'07'example'00 001c 0001 00 0029 04d0 00000000 0000"));
}

TEST(DnsQuery, CanDoWithoutRecursionAndEdns) {
  const QueryOptions options{.recursion_desired = false, .checking_disabled = false, .edns = std::nullopt};
  EXPECT_EQ(encode_query({.name = name("example"), .type = Type::soa}, options),
            wire("0000 0000 0001 0000 0000 0000 07'example'00 0006 0001"));
}

TEST(DnsQuery, CanAskForDnssec) {
  const QueryOptions options{
      .recursion_desired = true,
      .checking_disabled = true,
      .edns = Edns{.reply_bytes_max = 512, .version = 0, .dnssec_ok = true, .options = {}}};
  EXPECT_EQ(encode_query({.name = name("example")}, options),
            wire("0000 0110 0001 0000 0000 0001 07'example'00 0001 0001 00 0029 0200 00008000 0000"));
}

}  // namespace
}  // namespace holler::dns
