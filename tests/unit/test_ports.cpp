#include <gtest/gtest.h>

#include "holler/ports.hpp"

#include "net/services.hpp"

namespace holler {
namespace {

ErrorCode code_for(std::string_view text) {
  const auto port = port_named(text);
  return port ? ErrorCode::system : port.error().code;
}

TEST(Ports, AreClassifiedAsIanaDoes) {
  EXPECT_EQ(class_of(0), PortClass::system);
  EXPECT_EQ(class_of(1023), PortClass::system);
  EXPECT_EQ(class_of(1024), PortClass::user);
  EXPECT_EQ(class_of(49151), PortClass::user);
  EXPECT_EQ(class_of(49152), PortClass::dynamic);
  EXPECT_EQ(class_of(65535), PortClass::dynamic);
  EXPECT_EQ(describe(PortClass::system), "system (well-known)");
  EXPECT_EQ(describe(PortClass::user), "user (registered)");
  EXPECT_EQ(describe(PortClass::dynamic), "dynamic (private)");
}

TEST(Ports, AreReadAsNumbersFrom0To65535) {
  EXPECT_EQ(port_named("0"), 0);
  EXPECT_EQ(port_named("1060"), 1060);
  EXPECT_EQ(port_named("00053"), 53);
  EXPECT_EQ(port_named("65535"), 65535);
}

TEST(Ports, AreRefusedWithTheReasonWhereTheyMeanNothing) {
  for (const std::string_view text : {"65536", "-1", "+1", "12x", "99999999999999999999", "0x35", "1.5"}) {
    const auto port = port_named(text);
    ASSERT_FALSE(port.has_value()) << text;
    EXPECT_EQ(port.error().code, ErrorCode::invalid_argument) << text;
    EXPECT_NE(port.error().advice.find("from 0 to 65535"), std::string::npos) << text;
    EXPECT_NE(port.error().message().find(text), std::string::npos) << text;
  }
  EXPECT_EQ(code_for(""), ErrorCode::invalid_argument);
  EXPECT_EQ(code_for(std::string_view{"domain\0", 7}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_for("no-such-service"), ErrorCode::name_unknown);
  EXPECT_EQ(code_for(" 53"), ErrorCode::name_unknown);
  EXPECT_EQ(code_for(std::string(100'000, 'a')), ErrorCode::name_unknown);
}

TEST(Ports, HaveNamesInBothDirections) {
  EXPECT_EQ(port_named("domain"), 53);
  EXPECT_EQ(port_named("ntp"), 123);
  EXPECT_EQ(port_named("http"), 80);  // registered for TCP; the same port is reserved for UDP (RFC 6335 §7.2)
  EXPECT_EQ(service_on(53), "domain");
  EXPECT_EQ(service_on(5432), "postgresql");
  EXPECT_EQ(service_on(65000), std::nullopt);
}

TEST(Ports, HaveNamesWhereTheSystemHasNoList) {
  EXPECT_EQ(built_in_port("domain"), 53);
  EXPECT_EQ(built_in_port("coap"), 5683);
  EXPECT_EQ(built_in_port("no-such-service"), std::nullopt);
  EXPECT_EQ(built_in_service(53), "domain");
  EXPECT_EQ(built_in_service(3478), "stun");
  EXPECT_EQ(built_in_service(65000), std::nullopt);
}

TEST(Ports, HaveTheRangeThatThisSystemChoosesFrom) {
  const auto range = ephemeral_port_range();
  ASSERT_TRUE(range.has_value());
  EXPECT_GT(range->first, 0);
  EXPECT_LT(range->first, range->second);
  EXPECT_LE(unprivileged_port_start(), 1024);
}

}  // namespace
}  // namespace holler
