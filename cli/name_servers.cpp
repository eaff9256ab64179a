#include "cli/name_servers.hpp"

#include <fstream>
#include <sstream>

#include "holler/dns.hpp"
#include "holler/names.hpp"

namespace holler::cli {
namespace {

constexpr std::size_t kServersMax = 3;  // MAXNS of resolv.conf(5)

std::string joined(const std::string& host, const std::string& port) {
  const bool bare_v6 = host.find(':') != std::string::npos;
  return (bare_v6 ? "[" + host + "]" : host) + ":" + port;
}

/// The addresses behind `nameserver`. Whatever else is in the file, or cannot be read, is not for us.
std::vector<std::string> configured_servers() {
  std::vector<std::string> servers;
  std::ifstream file{"/etc/resolv.conf"};
  for (std::string line; servers.size() < kServersMax && std::getline(file, line);) {
    std::istringstream words{line};
    std::string keyword;
    std::string address;
    if (words >> keyword >> address && keyword == "nameserver" && parse_address(address)) {
      servers.push_back(address);
    }
  }
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  return servers;
}

}  // namespace

Parsed<std::vector<std::string>> name_servers(const std::optional<std::string>& typed,
                                              const std::optional<std::string>& port) {
  const std::string default_port = port.value_or(std::to_string(dns::kPort));
  std::vector<std::string> servers;
  if (!typed) {
    for (const std::string& address : configured_servers()) servers.push_back(joined(address, default_port));
    return servers;
  }
  auto server = split_host_port(*typed, "");
  if (!server) return std::unexpected{server.error().message()};
  if (server->host.empty()) return std::unexpected{"there is no server behind the @"};
  if (!server->port.empty() && port) {
    return std::unexpected{"the port is given twice, in '@" + *typed + "' and with --port"};
  }
  const auto checked = parse_peer_port(server->port.empty() ? default_port : server->port);
  if (!checked) return std::unexpected{checked.error()};
  servers.push_back(joined(server->host, *checked));
  return servers;
}

}  // namespace holler::cli
