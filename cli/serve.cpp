#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "holler/names.hpp"
#include "holler/ports.hpp"
#include "holler/server.hpp"
#include "holler/system.hpp"

#include "cli/child.hpp"
#include "cli/command_pool.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/reply_template.hpp"
#include "cli/serve_log.hpp"
#include "cli/signals.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(It answers askers of holler's own protocol and plain datagrams alike, each request once: a repeat gets the
same reply again, and the command of --exec does not run again. Ctrl+C ends it, with a summary.

Examples:
  holler serve                                   on 127.0.0.1:1060
  holler serve "" -p 5000                        on every address, IPv4 and IPv6
  holler serve --drop 50% --seed 1               deaf to half of the datagrams, the same ones each time
  holler serve 0.0.0.0 --allow 192.0.2.0/24      only for these askers
  holler serve --exec 'tr a-z A-Z'               reply with what a command makes of the request
  holler serve --reply 'Hello {from}: {text}'    reply with a text
  holler serve -p 0 --json | jq .                for programs: the first object has the port

What --exec runs finds HOLLER_FROM, HOLLER_FROM_ADDRESS, HOLLER_FROM_PORT, HOLLER_TO and HOLLER_BYTES in its
environment. 8 commands run at once and 256 requests wait; further askers are told "busy". A status that is not 0,
a reply too large and a command too slow are refusals.

Exit codes: 0 ended by a signal, 2 usage, 4 cannot serve there (the message says why and what to do).)";

struct Settings {
  std::string address = "127.0.0.1";
  std::optional<std::string> port;
  std::optional<ReplyTemplate> reply;
  bool echo = false;
  std::string command;
  Duration command_time_max = std::chrono::minutes{1};
  std::string drop_text;
  Ratio drop{};
  Duration delay{};
  std::optional<std::uint64_t> seed;
  std::string interface;
  std::uint32_t receive_buffer_bytes = 4U << 20U;
  std::uint32_t threads = 1;
  std::optional<Duration> spin;
  std::vector<Subnet> allowed;
  bool json = false;
  bool quiet = false;
};

/// What a server does with a datagram before looking at it: who may ask, and which ones get lost on purpose.
std::function<std::optional<DropReason>(const Incoming&)> make_filter(const Settings& settings,
                                                                      std::uint64_t seed) {
  if (settings.allowed.empty() && settings.drop.part == 0) return {};
  struct Luck {
    explicit Luck(std::uint64_t seed) : random{seed} {}
    std::mutex mutex;
    SeededRandom random;
  };
  return [allowed = settings.allowed, drop = settings.drop,
          luck = std::make_shared<Luck>(seed)](const Incoming& incoming) -> std::optional<DropReason> {
    const auto has_asker = [&](const Subnet& block) { return block.contains(incoming.from.address); };
    if (!allowed.empty() && std::none_of(allowed.begin(), allowed.end(), has_asker))
      return DropReason::not_allowed;
    const std::scoped_lock lock{luck->mutex};  // several threads may serve
    if (luck->random.chance(drop)) return DropReason::simulated_loss;
    return std::nullopt;
  };
}

/// Someone who serves where another service is expected should know (RFC 6335 §8.1.1 lists what can go
/// wrong).
void warn_of_another_service(const Settings& settings, std::uint16_t port) {
  const auto name = service_on(port);
  if (!name || port == kDefaultPort || settings.quiet) return;
  complain(fmt::format(
      "warning: port {} is registered for {}; its clients may come here, and both cannot run at once", port,
      *name));
}

std::string remark_for(const Settings& settings, const Endpoint& local, std::uint64_t seed) {
  std::string text;
  if (local.address.is_wildcard()) text += local.address.is_v6() ? ", every address" : ", every IPv4 address";
  if (settings.drop.part > 0) {
    text += fmt::format(", dropping {} of the datagrams (--seed {} drops the same ones again)",
                        settings.drop_text, seed);
  }
  if (settings.delay > Duration::zero()) text += fmt::format(", answering after {}", shown(settings.delay));
  return text;
}

Json settings_json(const Settings& settings, std::uint64_t seed) {
  Json object = Json::object();
  const bool drops = settings.drop.part > 0;
  object["drop"] = drops ? static_cast<double>(settings.drop.part) / settings.drop.whole : 0.0;
  object["seed"] = drops ? Json(seed) : Json(nullptr);
  object["delay_ms"] = json_milliseconds(settings.delay);
  return object;
}

Server::Handler make_handler(const Settings& settings, const ServeLog& log, CommandPool* pool) {
  return [&settings, &log, pool](const Request& request, ReplyWriter& reply) {
    log.request(request);
    if (pool != nullptr) {
      pool->handle(request, reply);
      return;
    }
    if (settings.echo) {
      reply.append(request.payload);
    } else if (settings.reply) {
      reply.append(settings.reply->fill(request.text(), request.from.to_string()));
    } else {
      reply.print("Your data was {} bytes long", request.payload.size());
    }
    if (settings.delay > Duration::zero()) reply.hold_back(settings.delay);
  };
}

/// Short enough to be typed again.
std::uint64_t random_seed() { return SystemRandom{}.below(1'000'000'000); }

ExitCode fail(const Error& error) {
  complain(error.message());
  return exit_code_for(error.code);
}

/// ADDRESS[:PORT], with both parts sure to be there, or the reason why not.
Parsed<HostPort> parse_place(const Settings& settings) {
  HostPort place{.host = settings.address, .port = {}};
  if (!settings.address.empty()) {
    const auto split = split_host_port(settings.address, "");
    if (!split) return std::unexpected{split.error().message()};
    place = *split;
  }
  if (!place.port.empty() && settings.port) {
    return std::unexpected{"the port is given twice, in '" + settings.address + "' and with --port"};
  }
  const auto port =
      parse_port(place.port.empty() ? settings.port.value_or(std::to_string(kDefaultPort)) : place.port);
  if (!port) return std::unexpected{port.error()};
  place.port = *port;
  return place;
}

ExitCode run(const Settings& settings) {
  const auto place = parse_place(settings);
  if (!place) {
    complain(place.error() + "; see 'holler serve --help'");
    return ExitCode::usage;
  }
  Signals signals;
  signals.before_second(&kill_children);
  const ServeLog log{settings.json ? ServeLog::Style::json : ServeLog::Style::people, settings.quiet};
  const std::uint64_t seed = settings.seed.value_or(random_seed());
  const auto stop_if_unheard = [&signals] {
    if (standard_output().failure() != 0) signals.stop();
  };
  auto server = Server::bind({.host = place->host,
                              .port = place->port,
                              .interface = settings.interface,
                              .receive_buffer_bytes = settings.receive_buffer_bytes,
                              .threads = settings.threads,
                              .spin = settings.spin,
                              .filter = make_filter(settings, seed),
                              .tracer = [&](const TraceEvent& event) {
                                log.note(event);
                                stop_if_unheard();
                              }});
  if (!server) return fail(server.error());
  const Endpoint local = server->local_address();
  warn_of_another_service(settings, local.port);
  log.listening(local, settings_json(settings, seed), remark_for(settings, local, seed));
  stop_if_unheard();

  const Timestamp start = monotonic_now();
  std::optional<CommandPool> pool;
  if (!settings.command.empty()) pool.emplace(settings.command, settings.command_time_max, signals);
  const auto served = server->serve(make_handler(settings, log, pool ? &*pool : nullptr), signals.token());
  pool.reset();
  log.summary(server->stats(), monotonic_now() - start);
  return served ? ExitCode::answered : fail(served.error());
}

void add_reply_options(CLI::App& command, Settings& settings) {
  auto* reply = add_value(
      command, "--reply", settings.reply, &ReplyTemplate::parse,
      "Reply with this; {bytes}, {text} and {from} stand for the request's size, payload and asker", "TEXT");
  auto* echo = command.add_flag("--echo", settings.echo, "Reply with the request's own payload");
  auto* exec = not_empty(command.add_option(
                             "--exec", settings.command,
                             "Reply with what this says (sh -c); the payload is its standard input. Runs "
                             "once for each request, however often it is repeated"))
                   ->type_name("COMMAND");
  add_value(command, "--exec-limit", settings.command_time_max, parse_wait,
            "End a command after this (default 1m)", "DURATION")
      ->needs(exec);
  add_value(command, "--delay", settings.delay, parse_duration, "Hold each reply back for so long",
            "DURATION")
      ->excludes(exec);
  reply->excludes(echo)->excludes(exec);
  echo->excludes(exec);
}

void add_options(CLI::App& command, Settings& settings) {
  command
      .add_option(
          "ADDRESS", settings.address,
          "Where to serve: an address or host name of this machine, with :PORT where it is not 1060; \"\", * "
          "and :: are every address, 0.0.0.0 every IPv4 address (default 127.0.0.1)")
      ->type_name("");
  add_value(command, "-p,--port", settings.port, parse_port,
            "Port number or service name; 0 for the system's choice (default 1060)", "PORT");
  add_reply_options(command, settings);
  const auto read_drop = [&settings](const std::string& text) {
    const auto ratio = parse_ratio(text);
    if (!ratio) throw CLI::ValidationError{"--drop", ratio.error()};
    settings.drop = *ratio;
    settings.drop_text = text;
  };
  auto* drop = command
                   .add_option_function<std::string>("--drop", read_drop,
                                                     "Drop this share of the datagrams unheard, such as 50%")
                   ->type_name("SHARE");
  add_value(command, "--seed", settings.seed, parse_number,
            "Decides which datagrams are dropped (default: random, and shown)", "N")
      ->needs(drop);
  not_empty(
      command.add_option("--interface", settings.interface, "Serve what comes through this interface only"))
      ->type_name("NAME");
  add_value(command, "--receive-buffer", settings.receive_buffer_bytes, parse_count,
            "Ask the kernel for so much room for datagrams that wait to be read (default 4194304)", "BYTES");
  add_value(command, "--threads", settings.threads, parse_count,
            "Serve in so many threads, each with a socket of its own; an asker stays with one (default 1)",
            "N");
  add_value(command, "--spin", settings.spin, parse_duration,
            "After a datagram, look for the next for so long before going to sleep: quicker answers, a busy "
            "processor (default: up to 100us, where that has paid lately)",
            "DURATION");
  const auto read_block = [&settings](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const auto block = parse_block(text);
      if (!block) throw CLI::ValidationError{"--allow", block.error()};
      settings.allowed.push_back(*block);
    }
  };
  command
      .add_option_function<std::vector<std::string>>(
          "--allow", read_block, "Hear only askers in this block of addresses; may be repeated")
      ->type_name("CIDR")
      ->allow_extra_args(false);
  command.add_flag("--json", settings.json, "One JSON object a line");
  command.add_flag("-q,--quiet", settings.quiet, "Only the first line and the summary");
}

}  // namespace

void add_serve(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("serve", "Answer questions, each once, until Ctrl+C");
  add_options(*command, *settings);
  command->footer(kFooter);
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
