#include <array>
#include <string>

#include "holler/dns.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"

// Any text as people type it: an address, a subnet, a host with a port, a port, a DNS type or class. What is
// read is printed and read again. And any 16 bytes as an address.

namespace holler::fuzz {
namespace {

void check_refusal(const Error& error) {
  require(error.code == ErrorCode::invalid_argument || error.code == ErrorCode::name_unknown ||
              error.code == ErrorCode::address_not_local,
          "a text is refused for what it says");
  require(!error.message().empty(), "a refusal explains itself");
}

void check_address(const Address& address) {
  const auto back = parse_address(address.to_string());
  require(back && *back == address, "a printed address reads as itself");
  const Endpoint endpoint{.address = address, .port = 1060};
  const auto split = split_host_port(endpoint.to_string());
  require(split && split->host == address.to_string() && split->port == "1060",
          "a printed endpoint has a host and a port");
}

void check_subnet(const Subnet& subnet) {
  require(subnet.prefix_bits <= 8 * subnet.address.size(), "a prefix is no longer than its address");
  require(subnet.contains(subnet.address), "a block has its own address");
  require(subnet.address.scope() != 0 || parse_subnet(subnet.to_string()).has_value(),
          "a printed block reads");
  const auto back = parse_subnet(subnet.to_string());
  if (!back) return;
  require(back->address == subnet.address && back->prefix_bits == subnet.prefix_bits,
          "a printed block reads as itself");
}

void check_host_port(std::string_view text) {
  const auto split = split_host_port(text, "7");
  if (!split) return check_refusal(split.error());
  require(!split->port.empty(), "a port is never empty");
  if (split->host.find(']') != std::string::npos || split->host.empty()) return;
  const auto back = split_host_port('[' + split->host + "]:" + split->port);
  require(back && *back == *split, "brackets change nothing");
}

void check_port(std::string_view text) {
  const auto port = port_named(text);
  if (!port) return check_refusal(port.error());
  require(port_named(std::to_string(*port)) == *port, "a number is a port");
  require(!describe(class_of(*port)).empty(), "a port is of a class");
  if (const auto service = service_on(*port)) {
    require(port_named(*service).has_value(), "a service that is shown can be typed");
  }
}

void check_mnemonics(std::string_view text) {
  if (const auto type = dns::type_named(text)) {
    require(dns::type_named(dns::to_string(*type)) == *type, "a type's name reads as itself");
  }
  if (const auto record_class = dns::class_named(text)) {
    require(dns::class_named(dns::to_string(*record_class)) == *record_class, "and a class's");
  }
}

}  // namespace

void run_text(Bytes input) {
  const std::string_view text = text_of(input);
  if (const auto address = parse_address(text)) {
    check_address(*address);
    require(parse_subnet(text).has_value() || text.find('/') != std::string_view::npos,
            "an address is a block of one");
  } else {
    check_refusal(address.error());
  }
  if (const auto subnet = parse_subnet(text)) {
    check_subnet(*subnet);
  } else {
    check_refusal(subnet.error());
  }
  check_host_port(text);
  check_port(text);
  check_mnemonics(text);

  Input raw{input};
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = raw.byte();
  const Address v6 = Address::v6(bytes);
  check_address(v6);
  check_address(Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]));
  const auto bits_most = static_cast<std::uint32_t>(8 * v6.size());
  check_subnet({v6, static_cast<std::uint8_t>(raw.below(bits_most + 1))});
}

}  // namespace holler::fuzz
