#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "holler/local_addresses.hpp"
#include "holler/names.hpp"

#include "cli/commands.hpp"
#include "cli/forge_run.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(Shows what an attacker can do to a program that asks over UDP, and what not: forges answers of SERVER
and says how many the client took. All addresses must be this machine's own; everything else is refused.

MODE is
  stranger  answers from an address of its own, with FAKE: what only a client that checks nothing takes
  spoof     answers as SERVER, and guesses the ID
  flood     the same, a million times, as fast as this machine can
  replay    records what client and SERVER say to each other, and says it again
  onpath    sees each question pass, and answers it as SERVER, with the right ID, before SERVER does

COMMAND is the client, such as 'holler ask …' or 'dig …'. It is started and watched: where it prints what was
forged, it has taken it. With --json, 'holler ask' and 'holler dns' also tell what they dropped. Without
COMMAND whoever asks SERVER is attacked, until the count is reached or Ctrl+C.

The forger knows SERVER, the client's address, and the question. It has to guess the client's port, the ID,
and, for holler's protocol, the number of the request, but for what --knows tells it. Only the stranger can
do without root: all others need the capability CAP_NET_RAW, to lie about where they are and to read along.

Examples (with 'holler serve --delay 1s' in another terminal):
  holler forge stranger localhost -- holler ask localhost hello           the chapter's FAKE
  holler forge stranger localhost -- holler ask localhost hello --naive   … and who believes it
  holler forge flood localhost --knows port,number -- holler ask localhost hello --count 10 --json
  holler forge replay localhost --from 127.0.0.2:5000 -- holler ask localhost hello
  holler forge onpath localhost -- holler ask localhost hello             this one wins: nothing is sealed
  holler forge flood localhost:53 --knows port -- dig @127.0.0.1 example.org +notcp
  holler forge spoof localhost --to 127.0.0.1:40000                       somebody's open question

Exit codes:
    0  the attack has come to its end, and no forgery was taken, as far as can be seen
    1  the client took a forgery
    2  the command line makes no sense, or names an address that is not this machine's
    4  local failure: no privilege, no such program; the message says what to do
  130  interrupted)";

/// What need not be guessed.
struct Knowledge {
  bool port = false;
  bool number = false;
};

Parsed<Knowledge> parse_knowledge(std::string_view text) {
  Knowledge known;
  if (text == "port" || text == "port,number" || text == "number,port") known.port = true;
  if (text == "number" || text == "port,number" || text == "number,port") known.number = true;
  if (!known.port && !known.number) {
    return std::unexpected{"'" + std::string{text} +
                           "' is not what can be known; use port, number or port,number"};
  }
  return known;
}

struct Words {
  std::string server;
  std::string client;
  std::string replay_from;
  std::optional<std::string> port;
  Knowledge known{};
};

Parsed<ForgeMode> parse_mode(std::string_view text) {
  for (const ForgeMode mode :
       {ForgeMode::stranger, ForgeMode::spoof, ForgeMode::flood, ForgeMode::replay, ForgeMode::onpath}) {
    if (name_of(mode) == text) return mode;
  }
  return std::unexpected{"'" + std::string{text} +
                         "' is not a MODE; use stranger, spoof, flood, replay or onpath"};
}

Parsed<Dialect> parse_dialect(std::string_view text) {
  for (const Dialect dialect : {Dialect::holler, Dialect::plain, Dialect::dns}) {
    if (name_of(dialect) == text) return dialect;
  }
  return std::unexpected{"'" + std::string{text} +
                         "' is not a protocol that is forged; use holler, plain or dns"};
}

/// Text that reads the same in a JSON string.
Parsed<std::string> parse_say(std::string_view text) {
  const bool simple =
      std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  if (text.empty() || text.size() > 255 || !simple) {
    return std::unexpected{"it must be 1 to 255 characters of ASCII, without quotes and backslashes"};
  }
  return std::string{text};
}

/// One of the addresses of a host, if one of them is this machine's. The port is the host's, or any.
Parsed<Endpoint> own_endpoint(const HostPort& host, const LocalAddresses& local,
                              std::optional<bool> v6 = {}) {
  const auto found = resolve(host.host, host.port.empty() ? std::to_string(kDefaultPort) : host.port);
  if (!found) return std::unexpected{found.error().message()};
  bool other_version = false;
  for (const Endpoint& endpoint : *found) {
    if (!local.contains(endpoint.address)) continue;
    if (v6.value_or(endpoint.address.is_v6()) == endpoint.address.is_v6()) return endpoint;
    other_version = true;
  }
  if (other_version) return std::unexpected{host.host + " and SERVER are addresses of two IP versions"};
  return std::unexpected{
      "refused: " + host.host +
      " is not an address of this machine. Forged datagrams are for trying out one's own programs, so both "
      "ends "
      "have to be here: use 127.0.0.1 or ::1, an address that `ip address` lists, or a network namespace"};
}

ExitCode usage(const std::string& reason) {
  complain(reason + "; see 'holler forge --help'");
  return ExitCode::usage;
}

/// What the words mean; a reason where they mean nothing.
std::optional<std::string> interpret(const Words& words, ForgeSettings& settings) {
  const auto local = LocalAddresses::read();
  if (!local) return local.error().message();
  auto server = split_host_port(words.server, words.port.value_or(std::to_string(kDefaultPort)));
  if (!server) return server.error().message();
  if (server->host.empty()) return "SERVER is empty; say whom the client asks";
  const auto port = parse_peer_port(server->port);
  if (!port) return port.error();
  const auto own = own_endpoint(*server, *local);
  if (!own) return own.error();
  // They come in through the loopback interface, and what is bound to another one never hears them: a client
  // that takes none would prove nothing (seen on Linux 6.18).
  if (own->address.is_link_local() && settings.mode != ForgeMode::stranger) {
    return "SERVER is a link-local address, which belongs to one interface; use another address of this "
           "machine";
  }
  settings.server = *own;
  settings.knows_port = words.known.port;
  settings.knows_number = words.known.number;
  const bool v6 = own->address.is_v6();
  if (!words.client.empty()) {
    const auto host = split_host_port(words.client, "");
    if (!host) return host.error().message();
    const auto client = own_endpoint(*host, *local, v6);
    if (!client) return client.error();
    settings.client = client->address;
    if (!host->port.empty()) {
      settings.client_port = client->port;
      settings.knows_port = true;
    }
  }
  if (!words.replay_from.empty()) {
    const auto host = split_host_port(words.replay_from, "");
    if (!host) return host.error().message();
    if (host->port.empty()) return "--from needs a port";
    const auto from = own_endpoint(*host, *local, v6);
    if (!from) return from.error();
    settings.replay_from = *from;
  }
  if (settings.replay_from && settings.mode != ForgeMode::replay) return "--from is for replay";
  if (settings.delay > Duration::zero() && settings.mode != ForgeMode::replay) return "--delay is for replay";
  return std::nullopt;
}

ExitCode run(const Words& words, ForgeSettings& settings) {
  if (const auto reason = interpret(words, settings)) return usage(*reason);
  // A stranger says FAKE and nothing else; who spoofs a few knows whom.
  if (settings.mode == ForgeMode::stranger && !settings.dialect) settings.dialect = Dialect::plain;
  if (settings.mode == ForgeMode::spoof) settings.knows_port = settings.knows_number = true;
  return ForgeRun{settings}.run();
}

void add_options(CLI::App& command, Words& words, ForgeSettings& settings) {
  add_value(command, "MODE", settings.mode, parse_mode, "stranger, spoof, flood, replay or onpath", "")
      ->required();
  command.add_option("SERVER", words.server, "Whom the client asks, with :PORT where it is not 1060")
      ->required()
      ->type_name("");
  command.add_option("COMMAND", settings.command, "The client, behind --")->type_name("[ARGUMENT]...");
  add_value(command, "-p,--port", words.port, parse_peer_port, "The server's port (default 1060)", "PORT");
  not_empty(command.add_option("--to", words.client, "Attack only this client, with :PORT if that is known"))
      ->type_name("ADDRESS");
  add_value(command, "--knows", words.known, parse_knowledge,
            "What a flood need not guess: port, number, or port,number", "WHAT");
  add_value(command, "--as", settings.dialect, parse_dialect,
            "How forgeries look: holler, plain or dns (default: as the client speaks; a stranger is plain)",
            "PROTOCOL");
  add_value(command, "--say", settings.say, parse_say, "What forged answers say (default FAKE)", "TEXT");
  add_value(command, "--count", settings.count, parse_count,
            "How many: for each port of the client (stranger, spoof: 3), in all (flood: 1000000), of each "
            "datagram (replay: 1), for each question (onpath: 1)",
            "N");
  add_value(command, "--for", settings.time_max, parse_wait, "Attack for so long (default: no limit)",
            "DURATION");
  add_value(command, "--delay", settings.delay, parse_duration, "Replay so much later (default 0)",
            "DURATION");
  not_empty(command.add_option("--from", words.replay_from, "Replay requests from this address and port"))
      ->type_name("ADDRESS:PORT");
  auto* json =
      command.add_flag("--json", settings.json, "The report as one JSON object, behind the client's output");
  command.add_flag("-q,--quiet", settings.quiet, "No report, only the exit code")->excludes(json);
}

}  // namespace

void add_forge(CLI::App& app, ExitCode& exit_code) {
  const auto words = std::make_shared<Words>();
  const auto settings = std::make_shared<ForgeSettings>();
  CLI::App* command = app.add_subcommand("forge", "Forge answers, to see who believes them");
  add_options(*command, *words, *settings);
  command->footer(kFooter);
  command->callback([words, settings, &exit_code] { exit_code = run(*words, *settings); });
}

}  // namespace holler::cli
