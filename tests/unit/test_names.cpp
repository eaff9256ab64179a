#include <algorithm>
#include <gtest/gtest.h>

#include "holler/names.hpp"

namespace holler {
namespace {

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result ? ErrorCode::system : result.error().code;
}

Address address(std::string_view text) { return parse_address(text).value(); }

TEST(SplitHostPort, TakesEveryWayThatPeopleWriteThem) {
  EXPECT_EQ(split_host_port("guinness"), (HostPort{"guinness", "1060"}));
  EXPECT_EQ(split_host_port("guinness:53"), (HostPort{"guinness", "53"}));
  EXPECT_EQ(split_host_port("guinness:domain"), (HostPort{"guinness", "domain"}));
  EXPECT_EQ(split_host_port("192.0.2.1:53"), (HostPort{"192.0.2.1", "53"}));
  EXPECT_EQ(split_host_port("[2001:db8::1]:53"), (HostPort{"2001:db8::1", "53"}));
  EXPECT_EQ(split_host_port("[fe80::1%eth0]:53"), (HostPort{"fe80::1%eth0", "53"}));
  EXPECT_EQ(split_host_port("[::1]", "5683"), (HostPort{"::1", "5683"}));
  EXPECT_EQ(split_host_port("::1", "53"), (HostPort{"::1", "53"}));
  EXPECT_EQ(split_host_port("2001:db8::1"), (HostPort{"2001:db8::1", "1060"}));
  EXPECT_EQ(split_host_port(""), (HostPort{"", "1060"}));
  EXPECT_EQ(split_host_port(":53"), (HostPort{"", "53"}));
}

TEST(SplitHostPort, RefusesHalfOfOne) {
  for (const std::string_view text : {"[::1", "[::1]53", "[::1]:", "host:", "[]:53", "[]"}) {
    EXPECT_EQ(code_of(split_host_port(text)), ErrorCode::invalid_argument) << text;
  }
}

TEST(ParseAddress, ReadsBothFamiliesIntoCanonicalForm) {
  EXPECT_EQ(address("192.0.2.1"), Address::v4(192, 0, 2, 1));
  EXPECT_EQ(address("::"), Address::any_v6());
  EXPECT_EQ(address("::ffff:192.0.2.1"), Address::v4(192, 0, 2, 1));
  EXPECT_EQ(address("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
}

TEST(ParseAddress, ReadsAScopeByNameAndByNumber) {
  const auto index = interface_index("lo");
  ASSERT_TRUE(index.has_value());
  EXPECT_EQ(address("fe80::1%lo").scope(), *index);
  EXPECT_EQ(address("fe80::1%lo"), address("fe80::1%" + std::to_string(*index)));
  EXPECT_EQ(address("::1%lo"), Address::loopback_v6());
  EXPECT_EQ(code_of(parse_address("fe80::1%nosuch0")), ErrorCode::address_not_local);
  EXPECT_EQ(code_of(parse_address("fe80::1%4000000000")), ErrorCode::address_not_local);
  EXPECT_EQ(code_of(parse_address("fe80::1%0")), ErrorCode::address_not_local);
  EXPECT_EQ(code_of(parse_address("fe80::1%")), ErrorCode::address_not_local);
}

TEST(ParseAddress, RefusesWhatOnlyLooksLikeOne) {
  for (const std::string_view text : {"", "localhost", "192.0.2", "192.0.2.256", "192.0.2.1 ", "0x7f.1", "1",
                                      "192.0.2.1%lo", "2001:db8::1::2", "[::1]", "12345::", "%lo"}) {
    EXPECT_EQ(code_of(parse_address(text)), ErrorCode::invalid_argument) << text;
  }
  EXPECT_EQ(code_of(parse_address(std::string_view{"::1\0", 4})), ErrorCode::invalid_argument);
}

TEST(ParseSubnet, ReadsBlocksAndSingleAddresses) {
  EXPECT_EQ(parse_subnet("192.0.2.0/24")->to_string(), "192.0.2.0/24");
  EXPECT_EQ(parse_subnet("192.0.2.7")->to_string(), "192.0.2.7/32");
  EXPECT_EQ(parse_subnet("2001:db8::/32")->to_string(), "2001:db8::/32");
  EXPECT_EQ(parse_subnet("::1")->to_string(), "::1/128");
  EXPECT_EQ(parse_subnet("0.0.0.0/0")->to_string(), "0.0.0.0/0");
  EXPECT_EQ(parse_subnet("::ffff:10.0.0.0/104")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(parse_subnet("::ffff:10.0.0.1")->to_string(), "10.0.0.1/32");
}

TEST(ParseSubnet, RefusesPrefixesThatDoNotFit) {
  for (const std::string_view text :
       {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/8x", "::/129", "/8", "",
        "host/8", "10/8", "::ffff:10.0.0.0/8", "192.0.2.0/24/24"}) {
    EXPECT_EQ(code_of(parse_subnet(text)), ErrorCode::invalid_argument) << text;
  }
}

TEST(Resolve, TakesNumbersWithoutALookUp) {
  EXPECT_EQ(resolve("192.0.2.1", "1060"), (std::vector{Endpoint{Address::v4(192, 0, 2, 1), 1060}}));
  EXPECT_EQ(resolve("::1", "domain"), (std::vector{Endpoint{Address::loopback_v6(), 53}}));
  EXPECT_EQ(code_of(resolve("192.0.2.1", "53", Family::v6)), ErrorCode::name_unknown);
  EXPECT_EQ(code_of(resolve("::1", "53", Family::v4)), ErrorCode::name_unknown);
}

TEST(Resolve, FindsThisHostByItsName) {
  const auto endpoints = resolve("localhost", "53", Family::v4);
  ASSERT_TRUE(endpoints.has_value()) << endpoints.error().message();
  EXPECT_EQ(endpoints->front(), (Endpoint{Address::loopback_v4(), 53}));
  const auto all = resolve("localhost", "53");
  ASSERT_TRUE(all.has_value());
  EXPECT_NE(std::find(all->begin(), all->end(), endpoints->front()), all->end());
  for (auto one = all->begin(); one != all->end(); ++one)
    EXPECT_EQ(std::count(all->begin(), all->end(), *one), 1);
}

TEST(Resolve, RefusesBadPortsAndEmptyHostsBeforeAnyLookUp) {
  EXPECT_EQ(code_of(resolve("no.such.host.invalid", "65536")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(resolve("127.0.0.1", "no-such-service")), ErrorCode::name_unknown);
  EXPECT_EQ(code_of(resolve("", "53")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(resolve("fe80::1%nosuch0", "53")), ErrorCode::address_not_local);
  const auto zero = resolve("127.0.0.1", "0");
  EXPECT_EQ(code_of(zero), ErrorCode::invalid_argument);
  EXPECT_NE(zero.error().advice.find("port 0"), std::string::npos);
}

TEST(Resolve, SaysThatANameIsUnknownOrCannotBeLookedUp) {
  // RFC 6761 §6.4: "invalid" never exists; a machine without a name server cannot know.
  const auto code = code_of(resolve("no.such.host.invalid", "53"));
  EXPECT_TRUE(code == ErrorCode::name_unknown || code == ErrorCode::name_unavailable) << name_of(code);
}

TEST(ResolveLocal, KnowsTheWildcards) {
  for (const std::string_view host : {"", "*", "::"}) {
    EXPECT_EQ(resolve_local(host, "1060"), (Endpoint{Address::any_v6(), 1060})) << host;
  }
  EXPECT_EQ(resolve_local("0.0.0.0", "0"), (Endpoint{Address::any_v4(), 0}));
  EXPECT_EQ(resolve_local("127.0.0.2", "domain"), (Endpoint{Address::v4(127, 0, 0, 2), 53}));
  EXPECT_TRUE(resolve_local("localhost", "0")->address.is_loopback());
  EXPECT_EQ(code_of(resolve_local("", "12x")), ErrorCode::invalid_argument);
}

TEST(InterfaceIndex, KnowsLoopbackAndNothingElseByThatName) {
  EXPECT_GT(interface_index("lo").value(), 0U);
  for (const std::string_view name : {"", "nosuch0", "a-name-that-is-far-too-long-for-an-interface"}) {
    EXPECT_EQ(code_of(interface_index(name)), ErrorCode::address_not_local) << name;
  }
}

}  // namespace
}  // namespace holler
