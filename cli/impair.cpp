#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "holler/impairer.hpp"
#include "holler/names.hpp"
#include "holler/system.hpp"

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/impair_report.hpp"
#include "cli/link_options.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(A relay: whoever asks LISTEN is answered by TARGET, over a network as bad as the options say. It works with
every UDP program, needs no privileges, and each client has a socket of its own toward the target.

Each option from --loss to --delay-step is one for both directions. With --up-… (toward the target) or --down-… (back)
it is for one, and replaces the general one there: --loss 10% --down-loss 0%. Outages add up.

Examples:
  holler impair :5300 192.0.2.53:53 --loss 20% --seed 7       the same datagrams are lost each time
  holler impair 127.0.0.1:0 localhost --delay 50ms --jitter 10ms
  holler impair :5300 localhost:53 --burst-loss 2%,25%        bursts of 4 datagrams, 7.4 % in all
  holler impair :5300 localhost:53 --up-rate 2mbit --up-queue 100
  holler impair :5300 localhost:53 --duplicate 5%,2ms --reorder 5%,50ms
  holler impair :5300 localhost:53 --outage 5s@20s --outage 1s@60s --json
  holler impair :5300 localhost:53 --delay 50ms --delay-step 200ms@10s --delay-step 50ms@20s

Above UDP, corruption that a checksum sees cannot be told from loss. So --corrupt alters payloads in a way that no
checksum sees, as bad memory in a router does: a protocol without a check of its own will believe them.
The rate and the MTU count packets with IP and UDP headers; what exceeds the MTU vanishes, as behind a firewall that
drops ICMP. A port where nobody listens is counted, but clients hear nothing: a relay cannot send ICMP.

Meanwhile a terminal on standard error shows a live line of counters; anything else gets them there as JSON lines.

Exit codes: 0 ended by a signal or --for, 2 usage, 4 cannot listen there or reach the target.)";

constexpr Duration kLiveEvery = std::chrono::milliseconds{250};

struct Settings {
  std::string listen;
  std::string target;
  LinkChoices both;
  LinkChoices up;
  LinkChoices down;
  std::optional<std::uint64_t> seed;
  Duration idle_max = ImpairerOptions{}.idle_max;
  std::uint32_t clients_max = static_cast<std::uint32_t>(ImpairerOptions{}.clients_max);
  std::optional<Duration> length;
  Duration interval = std::chrono::seconds{1};
  bool json = false;
  bool quiet = false;
};

ExitCode usage(const std::string& reason) {
  complain(reason + "; see 'holler impair --help'");
  return ExitCode::usage;
}

ExitCode fail(const Error& error) {
  complain(error.message());
  return exit_code_for(error.code);
}

/// HOST[:PORT], with both parts sure to be there, or the reason why not.
Parsed<HostPort> parse_place(const std::string& text, Parsed<std::string> (*read_port)(std::string_view)) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::unexpected{"'" + text + "' is no address; write :" + text + " for a port"};
  }
  HostPort place;
  if (!text.empty()) {
    const auto split = split_host_port(text, std::to_string(kDefaultPort));
    if (!split) return std::unexpected{split.error().message()};
    place = *split;
  }
  const auto port = read_port(place.port.empty() ? std::to_string(kDefaultPort) : place.port);
  if (!port) return std::unexpected{port.error()};
  place.port = *port;
  return place;
}

std::optional<std::string> objection(const Settings& settings) {
  const auto rated = [](const LinkChoices& way) { return way.rate.has_value(); };
  const bool queue_without_rate =
      (settings.both.queue && !rated(settings.both) && !rated(settings.up) && !rated(settings.down)) ||
      (settings.up.queue && !rated(settings.up) && !rated(settings.both)) ||
      (settings.down.queue && !rated(settings.down) && !rated(settings.both));
  if (queue_without_rate) return "a queue is what waits for a rate: --queue needs --rate";
  return std::nullopt;
}

ImpairerOptions impairer_options(const Settings& settings) {
  ImpairerOptions options;
  for (const auto& [way, own] : {std::pair{&options.up, &settings.up}, {&options.down, &settings.down}}) {
    for (const LinkChoices* said : {&settings.both, own}) {
      said->apply(way->link);
      way->outages.insert(way->outages.end(), said->outages.begin(), said->outages.end());
      if (!said->delay_steps.empty()) way->delay_steps = said->delay_steps;
    }
  }
  options.idle_max = settings.idle_max;
  options.clients_max = settings.clients_max;
  return options;
}

/// The first of the target's addresses that can be reached from here.
Result<Impairer> open(ImpairerOptions& options, const std::vector<Endpoint>& targets) {
  auto relay = Result<Impairer>{failure({.attempted = "relay", .endpoint = {}, .advice = {}})};
  for (const Endpoint& target : targets) {
    options.target = target;
    relay = Impairer::open(options);
    if (relay || relay.error().code != ErrorCode::unreachable) break;
  }
  return relay;
}

/// Reports until it is time to stop, while the relay runs in a thread.
ExitCode relay_until_stopped(Impairer& relay, const Settings& settings, ImpairReport& report,
                             Signals& signals) {
  std::optional<Error> failed;
  const Timestamp start = monotonic_now();
  const Timestamp end = later(start, settings.length.value_or(kForever));
  std::jthread relaying{[&](const std::stop_token& stop) {
    if (const auto ran = relay.run(stop); !ran) {
      failed = ran.error();
      signals.stop();
    }
  }};
  const Duration interval = report.live() ? kLiveEvery : settings.interval;
  for (std::int64_t tick = 1;; ++tick) {
    const Timestamp turn = report.wants_progress() ? later(start, scaled(interval, tick)) : kNever;
    if (!signals.sleep(std::min(turn, end) - monotonic_now()) || turn >= end) break;
    report.progress(relay.stats(), monotonic_now() - start);
    // Turns that were missed, while it was stopped or its reader slept, are not made up for.
    tick = std::max(tick, (monotonic_now() - start) / interval);
    if (standard_output().failure() != 0) break;
  }
  relaying.request_stop();
  relaying.join();
  report.summary(relay.stats(), monotonic_now() - start);
  return failed ? fail(*failed) : ExitCode::answered;
}

ExitCode run(const Settings& settings) {
  const auto listen = parse_place(settings.listen, parse_port);
  if (!listen) return usage("LISTEN: " + listen.error());
  const auto target = parse_place(settings.target, parse_peer_port);
  if (!target) return usage("TARGET: " + target.error());
  if (target->host.empty()) return usage("TARGET: it has no host; say where to relay to");
  if (const auto wrong = objection(settings)) return usage(*wrong);

  Signals signals;
  ImpairerOptions options = impairer_options(settings);
  options.seed = settings.seed.value_or(SystemRandom{}.below(1'000'000'000));
  const auto local = resolve_local(listen->host, listen->port);
  if (!local) return fail(local.error());
  options.listen = *local;
  const auto targets = resolve(target->host, target->port);
  if (!targets) return fail(targets.error());
  auto relay = open(options, *targets);
  if (!relay) return fail(relay.error());

  ImpairReport report{settings.json, settings.quiet};
  report.listening(relay->local_address(), options.target, options.seed);
  return relay_until_stopped(*relay, settings, report, signals);
}

void add_options(CLI::App& command, Settings& settings) {
  command
      .add_option(
          "LISTEN", settings.listen,
          "Where clients ask: [ADDRESS]:PORT, as :5300 (every address); port 0 for the system's choice")
      ->required()
      ->type_name("");
  command.add_option("TARGET", settings.target, "Who answers them: HOST, with :PORT where it is not 1060")
      ->required()
      ->type_name("");
  add_link_options(command, "", settings.both, true);
  for (const auto& [which, way] : {std::pair{"up-", &settings.up}, {"down-", &settings.down}}) {
    // The footer says that they are there: 22 more lines would hide the others.
    for (CLI::Option* option : add_link_options(command, which, *way, true)) option->group(kUnlisted);
  }
  add_value(command, "--seed", settings.seed, parse_number,
            "Decides the datagrams' luck (default: random, and shown)", "N");
  add_value(command, "--idle", settings.idle_max, parse_wait,
            "Close a client's socket when it has been idle for so long (default 1m)", "DURATION");
  add_value(command, "--clients", settings.clients_max, parse_count,
            "At one time, at most (default 1000); the one idle for longest makes room", "N");
  add_value(command, "--for", settings.length, parse_wait, "End after this", "DURATION");
  add_value(command, "--interval", settings.interval, parse_wait,
            "Between counters, where no line is live (default 1s)", "DURATION");
  command.add_flag("--json", settings.json, "One JSON object a line: listening, counters, summary");
  command.add_flag("-q,--quiet", settings.quiet, "No counters on standard error");
}

}  // namespace

void add_impair(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("impair", "Put a bad network in front of any UDP server");
  add_options(*command, *settings);
  command->footer(kFooter);
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
