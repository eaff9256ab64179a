#include <algorithm>
#include <cerrno>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>

#include "holler/format.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"

#include "net/sockaddr.hpp"

namespace holler {
namespace {

struct FreeList {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

Error name_failure(std::string_view host, int code) {
  const int system_errno = errno;
  Error error{.attempted = format("resolve \"{}\"", host), .endpoint = {}, .advice = ::gai_strerror(code)};
  switch (code) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      error.code = ErrorCode::name_unknown;
      error.advice = "check the spelling, /etc/hosts and the name server, or give an address";
      break;
    case EAI_MEMORY: error.code = ErrorCode::out_of_resources; break;
    case EAI_FAMILY: error.code = ErrorCode::unsupported; break;
    case EAI_SYSTEM:
      error.system_errno = system_errno;
      error.advice = "";
      break;
    default: error.code = ErrorCode::name_unavailable; break;
  }
  return error;
}

bool fits(const Address& address, Family family) {
  return family == Family::any || address.is_v6() == (family == Family::v6);
}

Result<std::vector<Endpoint>> look_up(std::string_view host, std::uint16_t port, Family family) {
  addrinfo hints{};
  // Not AI_ADDRCONFIG: with nothing but loopback up, it finds no address for "localhost" either.
  hints.ai_family = family == Family::any ? AF_UNSPEC : family == Family::v6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* first = nullptr;
  const int failed = ::getaddrinfo(std::string{host}.c_str(), nullptr, &hints, &first);
  const std::unique_ptr<addrinfo, FreeList> list{first};
  if (failed != 0) return failure(name_failure(host, failed));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* entry = first; entry != nullptr; entry = entry->ai_next) {
    const Endpoint endpoint{endpoint_from(entry->ai_addr).address, port};
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
      endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return failure(name_failure(host, EAI_NONAME));
  return endpoints;
}

/// Numbers without a look-up, names with one.
Result<std::vector<Endpoint>> endpoints_of(std::string_view host, std::uint16_t port, Family family) {
  if (host.empty() || host.find('\0') != std::string_view::npos) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = format("resolve \"{}\"", host),
                    .endpoint = {},
                    .advice = "name a host"});
  }
  const auto address = parse_address(host);
  if (!address && host.find('%') != std::string_view::npos) return failure(address.error());
  if (!address) return look_up(host, port, family);
  if (fits(*address, family)) return std::vector{Endpoint{*address, port}};
  return failure({.code = ErrorCode::name_unknown,
                  .attempted = format("resolve \"{}\"", host),
                  .endpoint = {},
                  .advice = family == Family::v6 ? "it is an IPv4 address" : "it is an IPv6 address"});
}

}  // namespace

Result<std::vector<Endpoint>> resolve(std::string_view host, std::string_view port, Family family) {
  const auto number = port_named(port);
  if (!number) return failure(number.error());
  if (*number == 0) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = format("port \"{}\"", port),
                    .endpoint = {},
                    .advice = "nobody can be reached at port 0: it only means \"choose one\", when binding"});
  }
  return endpoints_of(host, *number, family);
}

Result<Endpoint> resolve_local(std::string_view host, std::string_view port) {
  const auto number = port_named(port);
  if (!number) return failure(number.error());
  if (host.empty() || host == "*") return Endpoint{Address::any_v6(), *number};
  const auto endpoints = endpoints_of(host, *number, Family::any);
  if (!endpoints) return failure(endpoints.error());
  return endpoints->front();
}

}  // namespace holler
