#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.hpp"

namespace holler::dns {
namespace {

using testing::answer_text;
using testing::name;
using testing::reply_with;
using testing::wire;

TEST(DnsRecord, PrintsAddresses) {
  EXPECT_EQ(answer_text(Type::a, "c0000201"), "192.0.2.1");
  EXPECT_EQ(answer_text(Type::aaaa, "20010db8 00000000 00000000 00000001"), "2001:db8::1");
  EXPECT_EQ(answer_text(Type::aaaa, "00000000 00000000 0000ffff c0000201"), "::ffff:192.0.2.1");
}

TEST(DnsRecord, RefusesAddressesOfAnotherSize) {
  EXPECT_EQ(answer_text(Type::a, "c00002"), "malformed");
  EXPECT_EQ(answer_text(Type::a, "c000020100"), "malformed");
  EXPECT_EQ(answer_text(Type::a, ""), "malformed");
  EXPECT_EQ(answer_text(Type::aaaa, "c0000201"), "malformed");
}

TEST(DnsRecord, PrintsNames) {
  for (const Type type : {Type::ns, Type::cname, Type::ptr}) {
    EXPECT_EQ(answer_text(type, "03'ns1'c00c"), "ns1.example.");
    EXPECT_EQ(answer_text(type, "00"), ".");
    EXPECT_EQ(answer_text(type, "03'ns1'c00c 00"), "malformed");  // something behind the name
    EXPECT_EQ(answer_text(type, "03'ns1'c025"), "malformed");     // a loop
    EXPECT_EQ(answer_text(type, "03'ns1'"), "malformed");         // no end
    EXPECT_EQ(answer_text(type, ""), "malformed");
  }
}

TEST(DnsRecord, PrintsSoa) {
  EXPECT_EQ(answer_text(Type::soa, "03'ns1'c00c 05'a.b-c'c00c 78a3e969 00001c20 00000e10 00127500 0000012c"),
            "ns1.example. a\\.b-c.example. 2024008041 7200 3600 1209600 300");
  EXPECT_EQ(answer_text(Type::soa, "c00c c00c 78a3e969 00001c20 00000e10 00127500 000001"), "malformed");
}

TEST(DnsRecord, PrintsMx) {
  EXPECT_EQ(answer_text(Type::mx, "000a 04'mail'c00c"), "10 mail.example.");
  EXPECT_EQ(answer_text(Type::mx, "0000 00"), "0 .");  // RFC 7505: accepts no mail
  EXPECT_EQ(answer_text(Type::mx, "000a"), "malformed");
}

TEST(DnsRecord, PrintsTxtWithEscapes) {
  EXPECT_EQ(answer_text(Type::txt, "05'hello' 00 05'world'"), "\"hello\" \"\" \"world\"");
  EXPECT_EQ(answer_text(Type::txt, "07 22 5c 0a 1b 7f ff 20"), "\"\\\"\\\\\\010\\027\\127\\255 \"");
  EXPECT_EQ(answer_text(Type::txt, ""), "malformed");
  EXPECT_EQ(answer_text(Type::txt, "05'hell'"), "malformed");
  EXPECT_EQ(answer_text(Type::txt, "05'hello'01"), "malformed");
}

TEST(DnsRecord, PrintsSrv) {
  EXPECT_EQ(answer_text(Type::srv, "000a 003c 0424 03'box'c00c"), "10 60 1060 box.example.");
  EXPECT_EQ(answer_text(Type::srv, "000a 003c 04"), "malformed");
}

TEST(DnsRecord, PrintsCaa) {
  EXPECT_EQ(answer_text(Type::caa, "80 05'issue' 'ca.example; x=' 22"), "128 issue \"ca.example; x=\\\"\"");
  EXPECT_EQ(answer_text(Type::caa, "00 05'iodef'"), "0 iodef \"\"");
  EXPECT_EQ(answer_text(Type::caa, "00 00 'value'"), "malformed");  // no tag
  EXPECT_EQ(answer_text(Type::caa, "00 03'a b'"), "malformed");     // a tag of other than letters and digits
  EXPECT_EQ(answer_text(Type::caa, "00 09'issue'"), "malformed");
}

TEST(DnsRecord, PrintsUnknownTypesAsBytes) {
  EXPECT_EQ(answer_text(Type{65280}, "0a000001"), "\\# 4 0A000001");
  EXPECT_EQ(answer_text(Type{65280}, ""), "\\# 0");
  EXPECT_EQ(answer_text(Type{99}, "c00c"), "\\# 2 C00C");  // never decompressed (RFC 3597 §4)
}

TEST(DnsRecord, KnowsTypesOfTheInternetOnlyInItsClass) {
  EXPECT_EQ(answer_text(Type::a, "00 1234", Class::ch), "\\# 3 001234");
  EXPECT_EQ(answer_text(Type::aaaa, "00", Class{42}), "\\# 1 00");
  EXPECT_EQ(answer_text(Type::txt, "05'9.9.x'", Class::ch), "\"9.9.x\"");
  EXPECT_EQ(answer_text(Type::txt, "", Class::any), "\\# 0");  // an UPDATE's condition
}

TEST(DnsRecord, ReadsTimesOver31BitsAsZero) {
  ByteVector message = reply_with(Type::a, "c0000201");
  message.at(31) = std::byte{0x80};
  EXPECT_EQ(decode_message(message).value().answers.at(0).ttl_s, 0U);
}

TEST(DnsRecord, IsNotWrittenWithDataThatDoNotFit) {
  const auto writable = [](Type type, RecordData data) {
    Message message;
    message.answers.push_back({.name = name("example"), .type = type, .data = std::move(data)});
    return encode_message(message).has_value();
  };
  EXPECT_TRUE(writable(Type::txt, Txt{{std::string(255, 'x')}}));
  EXPECT_FALSE(writable(Type::txt, Txt{{std::string(256, 'x')}}));
  EXPECT_FALSE(writable(Type::txt, Txt{}));
  EXPECT_FALSE(writable(Type::a, A{Address::loopback_v6()}));
  EXPECT_FALSE(writable(Type::a, Mx{}));
  EXPECT_FALSE(writable(Type::caa, Caa{.flags = 0, .tag = "", .value = ""}));
  EXPECT_TRUE(writable(Type::a, Unknown{wire("01020304")}));
  EXPECT_TRUE(writable(Type{65280}, Unknown{ByteVector(60000)}));
  EXPECT_FALSE(writable(Type{65280}, Unknown{ByteVector(65536)}));
}

TEST(DnsMnemonics, ReadWhatTheyPrint) {
  for (std::uint32_t value = 0; value <= 0xffff; ++value) {
    const Type type{static_cast<std::uint16_t>(value)};
    ASSERT_EQ(type_named(to_string(type)), type) << value;
    const Class record_class{static_cast<std::uint16_t>(value)};
    ASSERT_EQ(class_named(to_string(record_class)), record_class) << value;
  }
  EXPECT_EQ(to_string(Type::caa), "CAA");
  EXPECT_EQ(to_string(Type{65280}), "TYPE65280");
  EXPECT_EQ(to_string(Class{42}), "CLASS42");
  EXPECT_EQ(to_string(Rcode::no_such_name), "NXDOMAIN");
  EXPECT_EQ(to_string(Rcode{3841}), "RCODE3841");
  EXPECT_EQ(opcode_text(0), "QUERY");
  EXPECT_EQ(opcode_text(7), "OPCODE7");
}

TEST(DnsMnemonics, ReadAnyCaseAndNothingElse) {
  EXPECT_EQ(type_named("aaaa"), Type::aaaa);
  EXPECT_EQ(type_named("type28"), Type::aaaa);
  EXPECT_EQ(type_named("HTTPS"), Type{65});
  EXPECT_EQ(class_named("ch"), Class::ch);
  for (const std::string_view bad : {"", "AAAAA", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "28", "TYP"}) {
    EXPECT_EQ(type_named(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace holler::dns
