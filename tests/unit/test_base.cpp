#include <cerrno>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "holler/bytes.hpp"
#include "holler/drop_reason.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"
#include "holler/format.hpp"
#include "holler/time.hpp"

namespace holler {
namespace {

using Groups = std::array<std::uint16_t, 8>;

Address v6(const Groups& groups, std::uint32_t scope = 0) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bytes.at(2 * i) = static_cast<std::uint8_t>(groups.at(i) >> 8U);
    bytes.at(2 * i + 1) = static_cast<std::uint8_t>(groups.at(i));
  }
  return Address::v6(bytes, scope);
}

TEST(Address, IsWrittenAsRfc5952Says) {
  EXPECT_EQ(Address{}.to_string(), "0.0.0.0");
  EXPECT_EQ(Address::v4(192, 0, 2, 1).to_string(), "192.0.2.1");
  EXPECT_EQ(Address::any_v6().to_string(), "::");
  EXPECT_EQ(Address::loopback_v6().to_string(), "::1");
  EXPECT_EQ(v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}).to_string(), "2001:db8::1");
  EXPECT_EQ(v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 0}).to_string(), "2001:db8::");
  // §4.2.2: one zero group is not shortened. §4.2.3: the longest run, the first of equals. §4.3: lower case.
  EXPECT_EQ(v6({0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}).to_string(), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(v6({0x2001, 0, 0, 1, 0, 0, 0, 1}).to_string(), "2001:0:0:1::1");
  EXPECT_EQ(v6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}).to_string(), "2001:db8::1:0:0:1");
  EXPECT_EQ(v6({0, 0, 0xABCD, 1, 2, 3, 4, 5}).to_string(), "::abcd:1:2:3:4:5");
  EXPECT_EQ(v6({1, 2, 3, 4, 5, 6, 7, 8}).to_string(), "1:2:3:4:5:6:7:8");
}

TEST(Address, IsTheIpv4AddressThatAnIpv4MappedOneMeans) {
  const Address mapped = v6({0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201});
  EXPECT_TRUE(mapped.is_v4());
  EXPECT_EQ(mapped, Address::v4(192, 0, 2, 1));
  // ::192.0.2.1 is no mapped address (RFC 4291 §2.5.5.1).
  EXPECT_TRUE(v6({0, 0, 0, 0, 0, 0, 0xc000, 0x0201}).is_v6());
}

TEST(Address, KeepsAScopeOnlyWhereItMeansSomething) {
  EXPECT_EQ(v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 3).to_string(), "fe80::1%3");
  EXPECT_NE(v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 3), v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 4));
  EXPECT_EQ(v6({0xff02, 0, 0, 0, 0, 0, 0, 1}, 3).scope(), 3U);
  EXPECT_EQ(v6({0xff05, 0, 0, 0, 0, 0, 0, 1}, 3).scope(), 0U);
  EXPECT_EQ(v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}, 3), v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}));
}

TEST(Address, KnowsItsKind) {
  EXPECT_TRUE(Address::any_v4().is_wildcard());
  EXPECT_TRUE(Address::any_v6().is_wildcard());
  EXPECT_FALSE(Address::loopback_v4().is_wildcard());
  EXPECT_NE(Address::any_v4(), Address::any_v6());
  EXPECT_TRUE(Address::v4(127, 9, 9, 9).is_loopback());
  EXPECT_TRUE(Address::loopback_v6().is_loopback());
  EXPECT_FALSE(Address::v4(128, 0, 0, 1).is_loopback());
  EXPECT_TRUE(Address::v4(224, 0, 0, 1).is_multicast());
  EXPECT_TRUE(Address::v4(239, 255, 255, 255).is_multicast());
  EXPECT_FALSE(Address::v4(240, 0, 0, 1).is_multicast());
  EXPECT_TRUE(v6({0xff0e, 0, 0, 0, 0, 0, 0, 1}).is_multicast());
  EXPECT_TRUE(v6({0xfebf, 0, 0, 0, 0, 0, 0, 1}).is_link_local());
  EXPECT_FALSE(v6({0xfec0, 0, 0, 0, 0, 0, 0, 1}).is_link_local());
  EXPECT_FALSE(Address::v4(169, 254, 1, 1).is_link_local());
  EXPECT_TRUE(Address::v4(255, 255, 255, 255).is_limited_broadcast());
  EXPECT_FALSE(Address::v4(10, 0, 0, 255).is_limited_broadcast());
}

TEST(Endpoint, BracketsIpv6) {
  EXPECT_EQ((Endpoint{Address::v4(192, 0, 2, 1), 1060}.to_string()), "192.0.2.1:1060");
  EXPECT_EQ((Endpoint{v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}), 1060}.to_string()), "[2001:db8::1]:1060");
  EXPECT_EQ((Endpoint{v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 2), 53}.to_string()), "[fe80::1%2]:53");
}

TEST(Endpoint, HashesEveryPartOfItself) {
  const std::hash<Endpoint> hash;
  std::set<std::size_t> hashes;
  const std::array<Endpoint, 5> different{{{Address::loopback_v4(), 1},
                                           {Address::loopback_v4(), 2},
                                           {Address::v4(127, 0, 0, 2), 1},
                                           {v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 1), 1},
                                           {v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}, 2), 1}}};
  for (const Endpoint& endpoint : different) hashes.insert(hash(endpoint));
  EXPECT_EQ(hashes.size(), different.size());
  EXPECT_EQ(hash({Address::loopback_v4(), 1}), hash(different[0]));
}

TEST(Subnet, ContainsWhatSharesItsPrefix) {
  const Subnet odd{Address::v4(10, 1, 128, 0), 17};
  EXPECT_TRUE(odd.contains(Address::v4(10, 1, 128, 0)));
  EXPECT_TRUE(odd.contains(Address::v4(10, 1, 255, 255)));
  EXPECT_FALSE(odd.contains(Address::v4(10, 1, 127, 255)));
  EXPECT_FALSE(odd.contains(Address::v4(10, 2, 128, 0)));
  EXPECT_EQ(odd.to_string(), "10.1.128.0/17");
  const Subnet all{Address::any_v4(), 0};
  EXPECT_TRUE(all.contains(Address::v4(255, 255, 255, 255)));
  EXPECT_FALSE(all.contains(Address::loopback_v6()));
  const Subnet one{Address::loopback_v6(), 128};
  EXPECT_TRUE(one.contains(Address::loopback_v6()));
  EXPECT_FALSE(one.contains(Address::any_v6()));
  const Subnet host{Address::v4(10, 0, 0, 1), 32};
  EXPECT_TRUE(host.contains(Address::v4(10, 0, 0, 1)));
  EXPECT_FALSE(host.contains(Address::v4(10, 0, 0, 0)));
}

TEST(ByteReader, ReadsNetworkByteOrderAndFailsForGoodPastTheEnd) {
  const std::array<std::byte, 7> bytes{std::byte{0x01}, std::byte{0x02}, std::byte{0x03}, std::byte{0x04},
                                       std::byte{0x05}, std::byte{0x06}, std::byte{0x07}};
  ByteReader reader{bytes};
  EXPECT_EQ(reader.read<std::uint8_t>(), 0x01U);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x02030405U);
  EXPECT_EQ(reader.offset(), 5U);
  EXPECT_EQ(reader.remaining(), 2U);
  EXPECT_EQ(reader.read<std::uint64_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.read<std::uint8_t>(), 0U);  // also what would have fitted
  EXPECT_TRUE(reader.read_bytes(1).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ReadsToItsEndAndIsStillOk) {
  ByteReader reader{bytes_of("abc")};
  EXPECT_EQ(text_of(reader.read_bytes(1)), "a");
  EXPECT_EQ(text_of(reader.rest()), "bc");
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.read_bytes(std::numeric_limits<std::size_t>::max()).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, WritesNetworkByteOrderAndNeverPastTheEnd) {
  std::array<std::byte, 8> buffer{};
  ByteWriter writer{std::span{buffer}.first(7)};
  writer.write(std::uint8_t{0x01}).write(std::uint32_t{0x02030405}).write_bytes(bytes_of("A"));
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), 6U);
  EXPECT_EQ(text_of(buffer), std::string_view("\x01\x02\x03\x04\x05\x41\0\0", 8));
  writer.write(std::uint16_t{0xffff});
  EXPECT_FALSE(writer.ok());
  writer.write(std::uint8_t{0xff});  // would fit, but what is before it is missing
  EXPECT_EQ(writer.size(), 6U);
  EXPECT_EQ(buffer[6], std::byte{0});
  EXPECT_EQ(buffer[7], std::byte{0});
}

TEST(Bytes, CompareByContent) {
  EXPECT_TRUE(same_bytes({}, {}));
  EXPECT_TRUE(same_bytes(bytes_of("ab"), copy_of(bytes_of("ab"))));
  EXPECT_FALSE(same_bytes(bytes_of("ab"), bytes_of("ac")));
  EXPECT_FALSE(same_bytes(bytes_of("ab"), bytes_of("abc")));
}

TEST(Format, PutsValuesInPlaceOfBraces) {
  EXPECT_EQ(format("nothing"), "nothing");
  EXPECT_EQ(format("{} and {}", "one", std::string{"two"}), "one and two");
  EXPECT_EQ(format("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(format("{}", std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(format("{} {} {}", true, 0.5, -1), "true 0.5 -1");
  EXPECT_EQ(format("{{{}}}", 7), "{7}");
  EXPECT_EQ(format("{}", "{}"), "{}");  // a value is not a format
}

TEST(Error, SaysWhatWasAttemptedOnWhatWhyItFailedAndWhatToDo) {
  const Error error{.code = ErrorCode::address_in_use,
                    .system_errno = EADDRINUSE,
                    .attempted = "bind",
                    .endpoint = Endpoint{Address::loopback_v4(), 1060},
                    .advice = "held by nc (pid 42)"};
  EXPECT_EQ(error.message(), "bind 127.0.0.1:1060: address already in use; held by nc (pid 42)");
  const Error large{.code = ErrorCode::too_large,
                    .attempted = "send to",
                    .endpoint = {},
                    .advice = {},
                    .payload_bytes_max = 65507};
  EXPECT_EQ(large.message(), "send to: too large for one datagram (the limit is 65507 bytes)");
  const Error other{.system_errno = EIO, .attempted = "read", .endpoint = {}, .advice = {}};
  EXPECT_EQ(other.message(), "read: Input/output error");
  EXPECT_EQ(Error{}.message(), "failed");
}

TEST(Error, NamesEveryCodeAsItsEnumeratorIsCalled) {
  EXPECT_EQ(name_of(ErrorCode::no_answer), "no_answer");
  EXPECT_EQ(name_of(ErrorCode::refused), "refused");
  EXPECT_EQ(name_of(ErrorCode::declined), "declined");
  EXPECT_EQ(name_of(ErrorCode::busy), "busy");
  EXPECT_EQ(name_of(ErrorCode::cancelled), "cancelled");
  EXPECT_EQ(name_of(ErrorCode::too_large), "too_large");
  EXPECT_EQ(name_of(ErrorCode::invalid_argument), "invalid_argument");
  EXPECT_EQ(name_of(ErrorCode::name_unknown), "name_unknown");
  EXPECT_EQ(name_of(ErrorCode::name_unavailable), "name_unavailable");
  EXPECT_EQ(name_of(ErrorCode::address_in_use), "address_in_use");
  EXPECT_EQ(name_of(ErrorCode::address_not_local), "address_not_local");
  EXPECT_EQ(name_of(ErrorCode::permission_denied), "permission_denied");
  EXPECT_EQ(name_of(ErrorCode::unreachable), "unreachable");
  EXPECT_EQ(name_of(ErrorCode::out_of_resources), "out_of_resources");
  EXPECT_EQ(name_of(ErrorCode::unsupported), "unsupported");
  EXPECT_EQ(name_of(ErrorCode::system), "system");
}

TEST(DropReason, IsNamedAsItsEnumeratorIsCalled) {
  EXPECT_EQ(name_of(DropReason::malformed), "malformed");
  EXPECT_EQ(name_of(DropReason::foreign), "foreign");
  EXPECT_EQ(name_of(DropReason::unknown_version), "unknown_version");
  EXPECT_EQ(name_of(DropReason::unknown_type), "unknown_type");
  EXPECT_EQ(name_of(DropReason::wrong_source), "wrong_source");
  EXPECT_EQ(name_of(DropReason::wrong_id), "wrong_id");
  EXPECT_EQ(name_of(DropReason::wrong_question), "wrong_question");
  EXPECT_EQ(name_of(DropReason::late), "late");
  EXPECT_EQ(name_of(DropReason::no_request), "no_request");
  EXPECT_EQ(name_of(DropReason::truncated), "truncated");
  EXPECT_EQ(name_of(DropReason::expired), "expired");
  EXPECT_EQ(name_of(DropReason::already_done), "already_done");
  EXPECT_EQ(name_of(DropReason::over_limit), "over_limit");
  EXPECT_EQ(name_of(DropReason::amplification), "amplification");
  EXPECT_EQ(name_of(DropReason::not_unicast), "not_unicast");
  EXPECT_EQ(name_of(DropReason::not_allowed), "not_allowed");
  EXPECT_EQ(name_of(DropReason::simulated_loss), "simulated_loss");
  EXPECT_EQ(name_of(DropReason::send_failed), "send_failed");
}

TEST(DropReason, HasANameAndADescriptionOfItsOwn) {
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    texts.insert(name_of(static_cast<DropReason>(i)));
    texts.insert(describe(static_cast<DropReason>(i)));
  }
  EXPECT_EQ(texts.size(), 2 * kDropReasons);
  EXPECT_FALSE(texts.contains(""));
}

TEST(DropCounts, AddUpAndAreVisitedWhereTheyAreNotZero) {
  DropCounts counts;
  counts.add(DropReason::late);
  counts.add(DropReason::late, 2);
  DropCounts more;
  more.add(DropReason::foreign, 5);
  counts += more;
  EXPECT_EQ(counts[DropReason::late], 3U);
  EXPECT_EQ(counts.total(), 8U);
  std::vector<std::pair<DropReason, std::uint64_t>> seen;
  counts.for_each([&](DropReason reason, std::uint64_t count) { seen.emplace_back(reason, count); });
  EXPECT_EQ(seen, (std::vector<std::pair<DropReason, std::uint64_t>>{{DropReason::foreign, 5},
                                                                     {DropReason::late, 3}}));
}

TEST(Time, NeverOverflows) {
  const Timestamp start{Duration{1}};
  EXPECT_EQ(later(start, Duration{2}), Timestamp{Duration{3}});
  EXPECT_EQ(later(start, kForever), kNever);
  EXPECT_EQ(later(kNever, Duration{1}), kNever);
  EXPECT_EQ(scaled(Duration{3}, 4), Duration{12});
  EXPECT_EQ(scaled(Duration{3}, std::numeric_limits<std::int64_t>::max()), kForever);
}

}  // namespace
}  // namespace holler
