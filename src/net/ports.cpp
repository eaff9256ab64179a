#include "holler/ports.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <netdb.h>
#include <vector>

#include "holler/format.hpp"

#include "net/services.hpp"

namespace holler {
namespace {

constexpr std::size_t kServiceEntryBytesMax = std::size_t{64} << 10U;

/// Calls one of getservby*_r(3), which want a bigger buffer as long as they say ERANGE.
template <class Lookup>
std::optional<servent> look_up(std::vector<char>& buffer, Lookup&& lookup) {
  for (buffer.resize(1024); buffer.size() <= kServiceEntryBytesMax; buffer.resize(buffer.size() * 2)) {
    servent entry{};
    servent* found = nullptr;
    const int failed = lookup(&entry, buffer.data(), buffer.size(), &found);
    if (failed == ERANGE) continue;
    return found != nullptr ? std::optional{entry} : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> port_in_services(const std::string& name, const char* protocol) {
  std::vector<char> buffer;
  const auto entry = look_up(buffer, [&](servent* result, char* room, std::size_t size, servent** found) {
    return ::getservbyname_r(name.c_str(), protocol, result, room, size, found);
  });
  if (!entry) return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(entry->s_port));
}

Error bad_port(std::string_view text, std::string advice) {
  return {.code = ErrorCode::invalid_argument,
          .attempted = format("port \"{}\"", text),
          .endpoint = {},
          .advice = std::move(advice)};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view describe(PortClass port_class) noexcept {
  switch (port_class) {
    case PortClass::system: return "system (well-known)";
    case PortClass::user: return "user (registered)";
    case PortClass::dynamic: break;
  }
  return "dynamic (private)";
}

Result<std::uint16_t> port_named(std::string_view text) {
  if (text.empty())
    return failure(bad_port(text, "it is empty; a port is a number from 0 to 65535 or a service name"));
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    if (parsed.ec == std::errc{}) return port;
    return failure(bad_port(text, "ports are numbers from 0 to 65535"));
  }
  if (text.find('\0') != std::string_view::npos) return failure(bad_port(text, "it holds a zero byte"));
  // Some services' names begin with a digit, so whatever is not a number is looked up (RFC 6335 §5.1).
  const std::string name{text};
  if (const auto port = port_in_services(name, "udp")) return *port;
  if (const auto port = built_in_port(name)) return *port;
  if (const auto port = port_in_services(name, "tcp")) return *port;
  if (is_digit(text.front()) || text.front() == '-' || text.front() == '+') {
    return failure(bad_port(text, "ports are numbers from 0 to 65535"));
  }
  return failure(
      {.code = ErrorCode::name_unknown,
       .attempted = format("port \"{}\"", text),
       .endpoint = {},
       .advice = "no service is called that; a port is a number from 0 to 65535 or a service name"});
}

std::optional<std::string> service_on(std::uint16_t port) {
  std::vector<char> buffer;
  const auto entry = look_up(buffer, [&](servent* result, char* room, std::size_t size, servent** found) {
    return ::getservbyport_r(htons(port), "udp", result, room, size, found);
  });
  if (entry) return std::string{entry->s_name};
  if (const auto name = built_in_service(port)) return std::string{*name};
  return std::nullopt;
}

Result<std::pair<std::uint16_t, std::uint16_t>> ephemeral_port_range() {
  std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"};
  std::pair<std::uint16_t, std::uint16_t> range;
  if (file >> range.first >> range.second) return range;
  return failure({.code = ErrorCode::unsupported,
                  .attempted = "read net.ipv4.ip_local_port_range",
                  .endpoint = {},
                  .advice = "is /proc mounted?"});
}

std::uint16_t unprivileged_port_start() {
  std::ifstream file{"/proc/sys/net/ipv4/ip_unprivileged_port_start"};
  std::uint16_t start = 1024;
  return file >> start ? start : std::uint16_t{1024};
}

}  // namespace holler
