#include <array>
#include <gtest/gtest.h>

#include "holler/dns.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"

#include "tests/unit/properties.hpp"

namespace holler {
namespace {

using properties::always;

/// With many zeros, which are what IPv6's text form is about.
std::array<std::uint8_t, 16> any_sixteen() {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t group = 0; group < 8; ++group) {
    if (*rc::gen::inRange(0, 2) == 0) continue;
    bytes[2 * group] = *rc::gen::arbitrary<std::uint8_t>();
    bytes[2 * group + 1] = *rc::gen::arbitrary<std::uint8_t>();
  }
  if (*rc::gen::inRange(0, 4) == 0) {  // IPv4-mapped
    std::fill_n(bytes.begin(), 10, std::uint8_t{0});
    bytes[10] = bytes[11] = 0xff;
  }
  return bytes;
}

Address any_address() {
  const auto bytes = any_sixteen();
  return *rc::gen::inRange(0, 2) == 0 ? Address::v6(bytes)
                                      : Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

TEST(TextProperties, APrintedAddressReadsAsItself) {
  EXPECT_TRUE(always("addresses", [] {
    const Address address = any_address();
    const auto back = parse_address(address.to_string());
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->to_string() == address.to_string());
    RC_ASSERT((*back == address));
  }));
}

TEST(TextProperties, APrintedEndpointSplitsIntoItsAddressAndItsPort) {
  EXPECT_TRUE(always("endpoints", [] {
    const Endpoint endpoint{any_address(), *rc::gen::arbitrary<std::uint16_t>()};
    const auto split = split_host_port(endpoint.to_string());
    RC_ASSERT(split.has_value());
    const auto address = parse_address(split->host);
    const auto port = port_named(split->port);
    RC_ASSERT(address.has_value());
    RC_ASSERT(port.has_value());
    RC_ASSERT((Endpoint{*address, *port} == endpoint));
  }));
}

TEST(TextProperties, APrintedSubnetReadsAsItselfAndHasItsAddress) {
  EXPECT_TRUE(always("subnets", [] {
    const Address address = any_address();
    const auto bits = *rc::gen::inRange<std::size_t>(0, 8 * address.size() + 1);
    const Subnet subnet{address, static_cast<std::uint8_t>(bits)};
    const auto back = parse_subnet(subnet.to_string());
    RC_ASSERT(back.has_value());
    RC_ASSERT((back->address == address));
    RC_ASSERT(back->prefix_bits == subnet.prefix_bits);
    RC_ASSERT(subnet.contains(address));
  }));
}

TEST(TextProperties, APrintedTypeClassAndNameReadAsThemselves) {
  EXPECT_TRUE(always("mnemonics", [] {
    const auto number = *rc::gen::arbitrary<std::uint16_t>();
    RC_ASSERT((dns::type_named(dns::to_string(dns::Type{number})) == dns::Type{number}));
    RC_ASSERT((dns::class_named(dns::to_string(dns::Class{number})) == dns::Class{number}));
  }));
  EXPECT_TRUE(always("names", [] {
    std::string wire;
    for (auto labels = *rc::gen::inRange(0, 6); labels > 0; --labels) {
      const ByteVector label = properties::any_bytes(40);
      if (label.empty()) continue;
      wire += static_cast<char>(label.size());
      wire += text_of(label);
    }
    wire += '\0';
    const auto name = dns::Name::from_wire(bytes_of(wire));
    RC_ASSERT(name.has_value());
    const auto back = dns::Name::parse(name->to_string());
    RC_ASSERT(back.has_value());
    RC_ASSERT(same_bytes(back->wire(), bytes_of(wire)));
  }));
}

}  // namespace
}  // namespace holler
