#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <memory>
#include <new>

#include "holler/system.hpp"

#include "cli/commands.hpp"
#include "cli/link_options.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/sim_plot.hpp"
#include "cli/sim_report.hpp"
#include "cli/sim_settings.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(The engine itself, between simulated clients and one simulated server, on a network that exists only as numbers:
nothing is sent. The same options and seed print the same, on every machine.

Loss, delay and all that is for each way of the server's line, which everybody shares; so is --rate. A server with
a --server-rate takes a twentieth of a request's time for every datagram that reaches it, also for those that find
its buffer full, two for those it drops after a look, and three for repeats and "busy" notes (docs/overload.md).

--compare fixed runs the same again with askers who repeat themselves every --interval, and with askers whose wait
doubles from --interval on without jitter; both have the deadline of the others, and heed no "busy".

Examples:
  holler sim --clients 100000 --requests 1000000 --loss 20% --delay 40ms --seed 7
  holler sim --preset satellite --compare fixed
  holler sim --burst-loss 2%,25% --delay 10ms --duplicate 5% --reorder 5%,50ms
  holler sim --clients 20000 --preset outage --compare fixed --svg outage.svg
  holler sim --clients 1000000 --preset outage      a million, which takes 3 GB
  holler sim --clients 5000 --arrival 900 --server-rate 1000 --outage 5s@20s --json

)";

constexpr std::uint64_t kEventsAtOnce = 50'000;

/// One line on a terminal, that is written over and over.
class Progress {
 public:
  explicit Progress(bool wanted) : on_{wanted && standard_error().is_terminal()} {}

  void show(const sim::Crowd& crowd) {
    const Timestamp now = monotonic_now();
    if (!on_ || now < next_) return;
    next_ = later(now, std::chrono::milliseconds{200});
    const sim::CrowdCounts totals = crowd.totals();
    const std::uint64_t ended = totals.answered + totals.failed;
    const std::uint64_t part = ended * 100 / std::max<std::uint64_t>(1, crowd.options().requests);
    write(fmt::format("{}: {} of {} questions have ended ({} %), {} of virtual time",
                      name_of(crowd.options().asker), grouped(ended), grouped(crowd.options().requests), part,
                      shown(crowd.elapsed())));
  }
  void clear() {
    if (on_ && columns_ != 0) write("");
  }

 private:
  void write(const std::string& text) {
    std::string line = "\r" + text;
    if (text.size() < columns_) line.append(columns_ - text.size(), ' ');
    columns_ = text.size();
    standard_error().write(text.empty() ? line + "\r" : line);
  }

  bool on_;
  Timestamp next_ = Timestamp::min();
  std::size_t columns_ = 0;
};

ExitCode run_all(const SimSettings& settings, const sim::CrowdOptions& options) {
  const Signals signals;
  Progress progress{!settings.quiet};
  std::vector<SimResult> results;
  for (const sim::Asker asker : sim_askers(settings)) {
    sim::CrowdOptions own = options;
    own.asker = asker;
    sim::Crowd crowd{own};
    while (!signals.stopped() && crowd.run(kEventsAtOnce)) progress.show(crowd);
    progress.clear();
    if (!crowd.faults().empty()) {
      complain("the simulation found a defect in the engine, please report it: " + crowd.faults().front());
      return ExitCode::local_failure;
    }
    results.push_back(result_of(crowd, signals.stopped()));
    if (signals.stopped()) break;
  }
  if (settings.json) {
    print_sim_json(options, results);
  } else {
    standard_output().write(sim_text(options, results));
  }
  if (!settings.svg.empty()) {
    if (const auto written = write_sim_svg(settings.svg, options, results); !written) {
      complain(written.error());
      return ExitCode::local_failure;
    }
  }
  return results.back().interrupted ? ExitCode::interrupted : ExitCode::answered;
}

ExitCode run(const SimSettings& settings) {
  const auto options = crowd_options(settings);
  if (!options) {
    complain(options.error() + "; see 'holler sim --help'");
    return ExitCode::usage;
  }
  try {
    return run_all(settings, *options);
  } catch (const std::bad_alloc&) {
    complain(fmt::format("there is not enough memory for {} clients, which take some 2.5 KB each",
                         options->clients));
    return ExitCode::local_failure;
  }
}

void add_options(CLI::App& command, SimSettings& settings) {
  add_value(command, "--clients", settings.clients, parse_count, "How many ask (default 1000)", "N");
  add_value(command, "--requests", settings.requests, parse_count,
            "Questions of all clients together (default 10000)", "N");
  add_value(command, "--seed", settings.seed, parse_number, "Decides everybody's luck (default 1)", "N");
  command.add_option("--preset", settings.preset, "A network to begin with; see below")
      ->check(CLI::IsMember(sim_preset_names()))
      ->type_name("NAME");
  auto* arrival =
      add_value(command, "--arrival", settings.arrival, parse_count,
                "Questions a second of all clients together, at random moments, answered or not", "N");
  add_value(command, "--think", settings.think, parse_duration,
            "Or else each client asks, waits for the end, thinks for so long on average, and asks again "
            "(default 1s)",
            "DURATION")
      ->excludes(arrival);
  add_value(command, "--deadline", settings.deadline, parse_wait, "For each answer (default 10s)",
            "DURATION");
  add_value(command, "--size", settings.size, parse_count,
            "Bytes of a question, and of its answer (default 32)", "BYTES");
  add_value(command, "--server-rate", settings.server_rate, parse_count,
            "New questions a second that the server can answer (default: any number)", "N");
  add_value(command, "--server-buffer", settings.server_buffer, parse_count,
            "Datagrams that its receive buffer holds (default 5000)", "N");
  add_link_options(command, "", settings.way, false);
  auto* compare = command
                      .add_option("--compare", settings.compare,
                                  "'fixed': beside ours, a fixed interval and doubling without jitter")
                      ->check(CLI::IsMember({"fixed"}))
                      ->type_name("fixed");
  command
      .add_option("--asker", settings.asker,
                  "Who asks: holler (default), fixed (every --interval) or doubling (from --interval on)")
      ->check(CLI::IsMember({"holler", "fixed", "doubling"}))
      ->type_name("NAME")
      ->excludes(compare);
  add_value(command, "--interval", settings.interval, parse_wait, "Of those others (default 1s)", "DURATION");
  not_empty(command.add_option("--svg", settings.svg, "Draw offered load and goodput over time into a file"))
      ->type_name("FILE");
  command.add_flag("--json", settings.json, "One JSON object a line: one for each asker");
  command.add_flag("-q,--quiet", settings.quiet, "No progress on the terminal");
}

}  // namespace

void add_sim(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<SimSettings>();
  CLI::App* command = app.add_subcommand("sim", "Simulate a crowd that asks one server over a bad network");
  add_options(*command, *settings);
  command->footer(
      kFooter + sim_preset_table() +
      "\nExit codes: 0 done, 2 usage, 4 no memory or a file that cannot be written, 130 interrupted "
      "(with a summary so far).");
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
