#include "holler/names.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <net/if.h>
#include <optional>

#include "holler/format.hpp"

#include "net/sockaddr.hpp"

namespace holler {
namespace {

Error bad(std::string attempted, std::string advice) {
  return {.code = ErrorCode::invalid_argument,
          .attempted = std::move(attempted),
          .endpoint = {},
          .advice = std::move(advice)};
}

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<in6_addr> v6_in(const std::string& text) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  return address;
}

/// `eth0` or `2`.
Result<std::uint32_t> scope_named(std::string_view text) {
  if (const auto index = number_in(text); index && *index != 0) {
    std::array<char, IF_NAMESIZE> name{};
    if (::if_indextoname(*index, name.data()) != nullptr) return *index;
  }
  return interface_index(text);
}

Error not_an_address(std::string_view text) {
  return bad(format("address \"{}\"", text), "write it as 192.0.2.1 or 2001:db8::1");
}

}  // namespace

Result<HostPort> split_host_port(std::string_view text, std::string_view default_port) {
  const auto refused = [&](const char* advice) { return failure(bad(format("\"{}\"", text), advice)); };
  HostPort result{.host = {}, .port = std::string{default_port}};
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return refused("the bracket is not closed");
    result.host = text.substr(1, end - 1);
    if (result.host.empty()) return refused("the brackets are empty");
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return refused("only :PORT may follow the bracket");
  } else {
    const std::size_t colon = text.find(':');
    const bool bare_v6 =
        colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos;
    if (colon == std::string_view::npos || bare_v6) {
      result.host = text;
      return result;
    }
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return result;
  result.port = rest.substr(1);
  if (result.port.empty()) return refused("there is no port behind the colon");
  return result;
}

Result<Address> parse_address(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string number{text.substr(0, percent)};
  if (number.find('\0') != std::string::npos) return failure(not_an_address(text));
  if (percent == std::string_view::npos) {
    in_addr v4{};
    if (::inet_pton(AF_INET, number.c_str(), &v4) == 1) return address_from(v4);
  }
  const auto v6 = v6_in(number);
  if (!v6) return failure(not_an_address(text));
  if (percent == std::string_view::npos) return address_from(*v6, 0);
  const auto scope = scope_named(text.substr(percent + 1));
  if (!scope) return failure(scope.error());
  return address_from(*v6, *scope);
}

Result<Subnet> parse_subnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string number{text.substr(0, slash)};
  auto address = parse_address(number);
  if (!address) {
    return failure(bad(format("subnet \"{}\"", text), "write it as 192.0.2.0/24 or 2001:db8::/32"));
  }
  // An IPv4-mapped block is counted in IPv6's bits: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const bool mapped = address->is_v4() && number.find(':') != std::string::npos;
  const std::uint32_t bits_min = mapped ? 96 : 0;
  const std::uint32_t bits_max = address->is_v6() || mapped ? 128 : 32;
  std::uint32_t bits = bits_max;
  if (slash != std::string_view::npos) {
    const auto typed = number_in(text.substr(slash + 1));
    if (!typed || *typed < bits_min || *typed > bits_max) {
      return failure(bad(format("subnet \"{}\"", text),
                         format("behind the slash stands a number from {} to {}", bits_min, bits_max)));
    }
    bits = *typed;
  }
  return Subnet{*address, static_cast<std::uint8_t>(bits - bits_min)};
}

Result<std::uint32_t> interface_index(std::string_view name) {
  const std::string text{name};
  const unsigned index = text.find('\0') == std::string::npos ? ::if_nametoindex(text.c_str()) : 0;
  if (index != 0) return index;
  return failure({.code = ErrorCode::address_not_local,
                  .system_errno = ENODEV,
                  .attempted = format("interface \"{}\"", name),
                  .endpoint = {},
                  .advice = "there is no such interface; `ip link` lists them"});
}

}  // namespace holler
