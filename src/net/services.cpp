#include "net/services.hpp"

#include <array>

namespace holler {
namespace {

/// From IANA's "Service Name and Transport Protocol Port Number Registry", for UDP. The first name of a port
/// is the one that `built_in_service` gives; those behind it are names that people type as well.
constexpr Service kServices[] = {
    {"echo", 7},
    {"discard", 9},
    {"systat", 11},
    {"daytime", 13},
    {"qotd", 17},
    {"chargen", 19},
    {"ssh", 22},
    {"telnet", 23},
    {"time", 37},
    {"tacacs", 49},
    {"domain", 53},
    {"dns", 53},
    {"bootps", 67},
    {"bootpc", 68},
    {"tftp", 69},
    {"http", 80},
    {"kerberos", 88},
    {"sunrpc", 111},
    {"portmapper", 111},
    {"ntp", 123},
    {"netbios-ns", 137},
    {"netbios-dgm", 138},
    {"netbios-ssn", 139},
    {"snmp", 161},
    {"snmptrap", 162},
    {"snmp-trap", 162},
    {"xdmcp", 177},
    {"ldap", 389},
    {"svrloc", 427},
    {"https", 443},
    {"microsoft-ds", 445},
    {"kpasswd", 464},
    {"isakmp", 500},
    {"biff", 512},
    {"who", 513},
    {"syslog", 514},
    {"talk", 517},
    {"ntalk", 518},
    {"router", 520},
    {"ripng", 521},
    {"timed", 525},
    {"dhcpv6-client", 546},
    {"dhcpv6-server", 547},
    {"ipp", 631},
    {"ldaps", 636},
    {"domain-s", 853},
    {"openvpn", 1194},
    {"ms-sql-m", 1434},
    {"l2f", 1701},
    {"l2tp", 1701},
    {"radius", 1812},
    {"radius-acct", 1813},
    {"ssdp", 1900},
    {"nfs", 2049},
    {"gtp-control", 2123},
    {"gtp-user", 2152},
    {"mysql", 3306},
    {"stun", 3478},
    {"turn", 3478},
    {"ipsec-nat-t", 4500},
    {"vxlan", 4789},
    {"sip", 5060},
    {"sips", 5061},
    {"xmpp-client", 5222},
    {"stuns", 5349},
    {"turns", 5349},
    {"mdns", 5353},
    {"postgresql", 5432},
    {"coap", 5683},
    {"coaps", 5684},
    {"sflow", 6343},
    {"babel", 6696},
    {"geneve", 6081},
    {"http-alt", 8080},
    {"netflow", 2055},
    {"ipfix", 4739},
    {"bfd-control", 3784},
    {"snmptls", 10161},
    {"memcache", 11211},
};

}  // namespace

std::optional<std::uint16_t> built_in_port(std::string_view name) noexcept {
  for (const Service& service : kServices) {
    if (service.name == name) return service.port;
  }
  return std::nullopt;
}

std::optional<std::string_view> built_in_service(std::uint16_t port) noexcept {
  for (const Service& service : kServices) {
    if (service.port == port) return service.name;
  }
  return std::nullopt;
}

}  // namespace holler
