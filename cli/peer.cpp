#include "cli/peer.hpp"

#include "cli/options.hpp"

namespace holler::cli {

Parsed<HostPort> parse_peer(const std::string& host, const std::optional<std::string>& port) {
  auto peer = split_host_port(host, "");
  if (!peer) return std::unexpected{peer.error().message()};
  if (peer->host.empty()) return std::unexpected{"HOST is empty; say whom to ask"};
  if (!peer->port.empty() && port) {
    return std::unexpected{"the port is given twice, in '" + host + "' and with --port"};
  }
  const std::string text = peer->port.empty() ? port.value_or(std::to_string(kDefaultPort)) : peer->port;
  const auto number = parse_peer_port(text);
  if (!number) return std::unexpected{number.error()};
  peer->port = *number;
  return *peer;
}

std::string to_text(const HostPort& peer) {
  const bool bare_v6 = peer.host.find(':') != std::string::npos;
  return (bare_v6 ? "[" + peer.host + "]" : peer.host) + ":" + peer.port;
}

Result<std::optional<Endpoint>> parse_source(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto split = split_host_port(text, "0");
  if (!split) return failure(split.error());
  const auto endpoint = resolve_local(split->host, split->port);
  if (!endpoint) return failure(endpoint.error());
  return *endpoint;
}

void add_patience_options(CLI::App& command, AskOptions& ask) {
  add_value(command, "--first-wait", ask.first_wait, parse_wait,
            "Before the first repeat, to a peer whose speed is unknown (default 1s)", "DURATION");
  add_value(command, "--max-wait", ask.backoff_max, parse_wait,
            "Waits double up to this, before jitter (default 1m)", "DURATION");
  add_value(command, "--deadline", ask.deadline, parse_wait, "Until no answer is no answer (default 10s)",
            "DURATION");
  add_value(command, "--attempts", ask.attempts_max, parse_count,
            "Send at most this often (default: as the deadline allows)", "N");
}

void add_source_options(CLI::App& command, std::string& source, std::string& interface) {
  not_empty(command.add_option("--source", source,
                               "Ask from this address of ours; with :PORT, or :PORT alone, if that matters"))
      ->type_name("ADDRESS");
  not_empty(command.add_option("--interface", interface, "Ask through this interface only"))
      ->type_name("NAME");
}

}  // namespace holler::cli
