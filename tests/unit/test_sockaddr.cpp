#include <arpa/inet.h>
#include <cstring>
#include <gtest/gtest.h>

#include "holler/names.hpp"

#include "net/sockaddr.hpp"

namespace holler {
namespace {

TEST(SocketName, GoesThereAndBackForBothFamilies) {
  const Endpoint v4{Address::v4(192, 0, 2, 1), 1060};
  const Endpoint v6{parse_address("2001:db8::1").value(), 65535};
  EXPECT_EQ(endpoint_from(SocketName{v4, AF_INET}.get()), v4);
  EXPECT_EQ(endpoint_from(SocketName{v6, AF_INET6}.get()), v6);
  EXPECT_EQ((SocketName{v4, AF_INET}.size()), sizeof(sockaddr_in));
  EXPECT_EQ((SocketName{v6, AF_INET6}.size()), sizeof(sockaddr_in6));
}

TEST(SocketName, CallsAnIpv4PeerByItsMappedNameOnADualStackSocket) {
  const Endpoint v4{Address::v4(192, 0, 2, 1), 1060};
  const SocketName name{v4, AF_INET6};
  sockaddr_in6 written{};
  std::memcpy(&written, name.get(), sizeof written);
  std::array<char, INET6_ADDRSTRLEN> text{};
  ASSERT_NE(::inet_ntop(AF_INET6, &written.sin6_addr, text.data(), text.size()), nullptr);
  EXPECT_STREQ(text.data(), "::ffff:192.0.2.1");
  EXPECT_EQ(endpoint_from(name.get()), v4);
}

TEST(SocketName, WritesTheIpv4WildcardAsAMappedOneToo) {
  const SocketName name{{Address::any_v4(), 0}, AF_INET6};
  EXPECT_EQ(endpoint_from(name.get()).address, Address::any_v4());
}

TEST(SocketName, CarriesTheScopeOfALinkLocalAddress) {
  const Endpoint endpoint{Address::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 7), 53};
  sockaddr_in6 written{};
  const SocketName name{endpoint, AF_INET6};
  std::memcpy(&written, name.get(), sizeof written);
  EXPECT_EQ(written.sin6_scope_id, 7U);
  EXPECT_EQ(endpoint_from(name.get()), endpoint);
}

TEST(SocketName, IsNobodyForAnotherFamily) {
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_EQ(endpoint_from(&other), Endpoint{});
}

}  // namespace
}  // namespace holler
