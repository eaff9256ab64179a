#include <gtest/gtest.h>

#include "tests/unit/dns_bytes.hpp"
#include "wire/dns_name.hpp"

namespace holler::dns {
namespace {

using testing::name;
using testing::wire;

NameProblem problem_of(std::string_view text) {
  const auto parsed = Name::parse(text);
  EXPECT_FALSE(parsed.has_value()) << text;
  return parsed ? NameProblem{} : parsed.error();
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(DnsName, IsReadWithAndWithoutTheLastDot) {
  EXPECT_EQ(name("guinness.example").to_string(), "guinness.example.");
  EXPECT_EQ(name("guinness.example.").to_string(), "guinness.example.");
  EXPECT_TRUE(same_bytes(name("a.bc").wire(), wire("01'a'02'bc'00")));
}

TEST(DnsName, KnowsTheRoot) {
  EXPECT_TRUE(name(".").is_root());
  EXPECT_EQ(Name{}, name("."));
  EXPECT_EQ(Name{}.to_string(), ".");
  EXPECT_TRUE(same_bytes(Name{}.wire(), wire("00")));
  EXPECT_FALSE(name("a").is_root());
}

TEST(DnsName, SaysWhyATextIsNone) {
  EXPECT_EQ(problem_of(""), NameProblem::empty);
  EXPECT_EQ(problem_of("a..b"), NameProblem::empty_label);
  EXPECT_EQ(problem_of(".a"), NameProblem::empty_label);
  EXPECT_EQ(problem_of(".."), NameProblem::empty_label);
  EXPECT_EQ(problem_of("m\xc3\xbcnchen.example"), NameProblem::not_ascii);
  EXPECT_EQ(problem_of("a\\"), NameProblem::bad_escape);
  EXPECT_EQ(problem_of("a\\256"), NameProblem::bad_escape);
  EXPECT_EQ(problem_of("a\\12"), NameProblem::bad_escape);
  EXPECT_EQ(problem_of("a\\1x2"), NameProblem::bad_escape);
  for (const auto problem : {NameProblem::empty, NameProblem::empty_label, NameProblem::label_too_long,
                             NameProblem::name_too_long, NameProblem::bad_escape, NameProblem::not_ascii}) {
    EXPECT_FALSE(describe(problem).empty());
  }
}

TEST(DnsName, HoldsALabelOf63BytesAndNotOf64) {
  EXPECT_TRUE(Name::parse(repeated("x", 63) + ".example").has_value());
  EXPECT_EQ(problem_of(repeated("x", 64) + ".example"), NameProblem::label_too_long);
  EXPECT_EQ(problem_of("example." + repeated("x", 64)), NameProblem::label_too_long);
}

TEST(DnsName, Holds255BytesAndNotMore) {
  const std::string three_labels = repeated(repeated("x", 63) + ".", 3);
  const auto longest = Name::parse(three_labels + repeated("y", 61));
  ASSERT_TRUE(longest.has_value());
  EXPECT_EQ(longest->wire().size(), kNameBytesMax);
  EXPECT_EQ(problem_of(three_labels + repeated("y", 62)), NameProblem::name_too_long);
  EXPECT_TRUE(Name::parse(repeated("a.", 127)).has_value());
  EXPECT_EQ(problem_of(repeated("a.", 128)), NameProblem::name_too_long);
}

TEST(DnsName, EscapesWhatWouldMeanSomethingElse) {
  const auto odd = Name::from_wire(wire("0a 'a.b\\c' 22 ' ' 07 ff 40 07'example' 00"));
  ASSERT_TRUE(odd.has_value());
  EXPECT_EQ(odd->to_string(), "a\\.b\\\\c\\\"\\032\\007\\255\\@.example.");
  EXPECT_EQ(name(odd->to_string()), *odd);
  EXPECT_EQ(name("a\\.b").to_string(), "a\\.b.");
  EXPECT_EQ(name("\\097").to_string(), "a.");
}

TEST(DnsName, PrintsEveryByteSoThatItIsReadBack) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::array<std::byte, 3> label{std::byte{1}, static_cast<std::byte>(byte), std::byte{0}};
    const auto original = Name::from_wire(label);
    ASSERT_TRUE(original.has_value());
    const std::string text = original->to_string();
    for (const char character : text) EXPECT_TRUE(character > ' ' && character < 0x7f) << byte;
    const auto back = Name::parse(text);
    ASSERT_TRUE(back.has_value()) << text;
    EXPECT_TRUE(same_bytes(back->wire(), original->wire())) << text;
  }
}

TEST(DnsName, ComparesWithoutRegardToCaseOfAsciiLettersOnly) {
  EXPECT_EQ(name("GuinneSS.Example"), name("guinness.eXAMPLE."));
  EXPECT_EQ(name("GuinneSS.Example").to_string(), "GuinneSS.Example.");
  EXPECT_NE(name("guinness.example"), name("guinness.examples"));
  EXPECT_NE(name("a.b"), name("a\\.b"));
  EXPECT_NE(name("\\064"), name("\\096"));  // '@' and '`' are 32 apart, as letters are, and are none
  EXPECT_NE(name("\\192"), name("\\224"));  // nor are Latin-1's
}

TEST(DnsName, TakesOnlyOneWholeNameFromWire) {
  EXPECT_TRUE(Name::from_wire(wire("01'a'00")).has_value());
  for (const std::string_view bad :
       {"", "01'a'", "02'a'00", "01'a'00 00", "c00c", "40'a'00", "01", "00 00"}) {
    EXPECT_FALSE(Name::from_wire(wire(bad)).has_value()) << bad;
  }
  EXPECT_FALSE(Name::from_wire(ByteVector(256)).has_value());
}

TEST(DnsName, ReversesAddresses) {
  EXPECT_EQ(Name::reverse_of(Address::v4(192, 0, 2, 1)).to_string(), "1.2.0.192.in-addr.arpa.");
  const Address v6 = Address::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0xaf});
  EXPECT_EQ(Name::reverse_of(v6).to_string(),
            "f.a.2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
  EXPECT_EQ(Name::reverse_of(v6), name(Name::reverse_of(v6).to_string()));
}

TEST(DnsNameDecompression, FollowsPointersBackward) {
  const ByteVector message = wire("07'example'00 03'www'c000 01'a'c009 c00f");
  std::size_t offset = 9;
  EXPECT_EQ(read_name(message, offset).value().to_string(), "www.example.");
  EXPECT_EQ(offset, 15U);
  EXPECT_EQ(read_name(message, offset).value().to_string(), "a.www.example.");
  EXPECT_EQ(offset, 19U);
  EXPECT_EQ(read_name(message, offset).value().to_string(), "a.www.example.");
  EXPECT_EQ(offset, 21U);
}

TEST(DnsNameDecompression, RefusesPointersThatDoNotGoBack) {
  for (const std::string_view bad : {
           "c000",              // to itself
           "01'a'c000",         // into itself
           "c002 c000",         // forward, and back again
           "c002 00",           // forward to a good name
           "c0",                // cut in two
           "ffff",              // beyond the message
           "01'a'c003 01'b'00"  // to the byte behind its own beginning
       }) {
    std::size_t offset = 0;
    EXPECT_FALSE(read_name(wire(bad), offset).has_value()) << bad;
  }
  std::size_t offset = 4;  // 0 leads to 2, and 2 to 0
  EXPECT_FALSE(read_name(wire("c002 c000 c002"), offset).has_value());
}

TEST(DnsNameDecompression, RefusesReservedLabelTypes) {
  for (const std::string_view bad : {"41'a'00", "81'a'00", "80 00", "7f 00"}) {
    std::size_t offset = 0;
    EXPECT_FALSE(read_name(wire(bad), offset).has_value()) << bad;
  }
}

TEST(DnsNameDecompression, RefusesNamesThatGrowTooLong) {
  ByteVector message = wire("3f");  // a label of 63 bytes again and again, each with a pointer to the last
  message.resize(64, std::byte{'x'});
  message.push_back(std::byte{0});
  for (std::size_t i = 1; i < 4; ++i) {
    const std::size_t target = i == 1 ? 0 : 65 + (i - 2) * 66;
    message.push_back(std::byte{0x3f});
    message.resize(message.size() + 63, std::byte{'x'});
    message.push_back(static_cast<std::byte>(0xc0U | target >> 8U));
    message.push_back(static_cast<std::byte>(target));
  }
  std::size_t offset = 65 + 66;
  EXPECT_EQ(read_name(message, offset).value().wire().size(), 3U * 64U + 1U);
  EXPECT_FALSE(read_name(message, offset).has_value());  // four labels of 63 are 257 bytes
}

TEST(DnsNameDecompression, RefusesLongChainsOfPointers) {
  ByteVector message = wire("00 00");
  while (message.size() < 400) {
    const std::size_t target = message.size() - 2;
    message.push_back(static_cast<std::byte>(0xc0U | target >> 8U));
    message.push_back(static_cast<std::byte>(target));
  }
  std::size_t offset = 2;
  EXPECT_TRUE(read_name(message, offset).has_value());
  offset = 398;
  EXPECT_FALSE(read_name(message, offset).has_value());
}

TEST(DnsNameDecompression, SurvivesBeingCutOffAnywhere) {
  const ByteVector message = wire("07'example'00 03'www'c000");
  for (std::size_t size = 0; size < message.size(); ++size) {
    std::size_t offset = 9;
    EXPECT_FALSE(read_name(Bytes{message}.first(size), offset).has_value()) << size;
  }
}

}  // namespace
}  // namespace holler::dns
