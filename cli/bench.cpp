#include <CLI/CLI.hpp>
#include <cerrno>
#include <fmt/core.h>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "holler/client.hpp"
#include "holler/names.hpp"
#include "holler/system.hpp"

#include "cli/ask_report.hpp"
#include "cli/bench_report.hpp"
#include "cli/bench_run.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/peer.hpp"
#include "cli/signals.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(A closed loop (--outstanding N) asks as fast as it is answered: N questions are outstanding at any time. It
finds out how much a server can do; but a server that stalls is not asked meanwhile, and hardly anybody is seen
to wait. An open loop (--rate R) asks at its times, whatever becomes of earlier questions, as strangers do; and
latency counts from when a question was due, so that a stall shows in full. To know what users would see, take
an open loop at the rate that they will have.

The first question, which is not counted, finds out which of the host's addresses can be asked. Latencies are of
answered questions alone: look at what was lost beside them. Retransmissions, late replies and drops are counted
from the end of the warm-up. After a refusal, or where nothing can be sent, the next question waits for 1 ms.

Meanwhile a terminal on standard error shows a live line of the last second.

Examples:
  holler bench localhost                                    one at a time: how fast is an answer
  holler bench localhost --outstanding 256                  how many in a second
  holler bench localhost --rate 20000 --duration 30s        what 20,000 a second would see
  holler bench 192.0.2.7:5000 "a question" --count 1000     a message of your own
  holler bench localhost --rate 500 --json | jq .latency_ms
  holler bench localhost --outstanding 64 --svg latency.svg

The exit code is 0 if anything was answered; otherwise it is that of the first question.

)";

/// What the question that looks for the right address waits for: a refusal takes a round trip.
constexpr Duration kFirstQuestion = std::chrono::seconds{1};

constexpr std::size_t kBytesDefault = 32;

struct Settings {
  std::string host;
  std::optional<std::string> message;
  std::optional<std::string> port;
  std::optional<std::uint32_t> bytes;
  BenchPlan plan;
  std::string source;
  std::string interface;
  std::string svg;
  std::optional<Duration> spin;
  bool json = false;
  bool quiet = false;
};

Parsed<std::uint32_t> parse_bytes(std::string_view text) {
  if (text == "0") return 0;
  return parse_count(text);
}

Parsed<std::uint32_t> parse_outstanding(std::string_view text) {
  const std::size_t most = bench_outstanding_max(0);
  auto count = parse_count(text);
  if (count && *count > most) {
    return std::unexpected{fmt::format("'{}' is too many; {} is the most", text, most)};
  }
  return count;
}

ExitCode usage(const std::string& reason) {
  complain(reason + "; see 'holler bench --help'");
  return ExitCode::usage;
}

/// One byte more than any message may have, where it has more.
std::string payload_of(const Settings& settings) {
  if (settings.message) return *settings.message;
  std::string payload;
  payload.resize(std::min<std::size_t>(settings.bytes.value_or(kBytesDefault), kMessageBytesMax + 1), '.');
  return payload;
}

std::optional<std::string> objection(const Settings& settings) {
  const BenchPlan& plan = settings.plan;
  const std::size_t most = bench_outstanding_max(plan.payload.size());
  if (plan.outstanding > most) {
    return fmt::format("{} questions of {} bytes at one time are too many; {} is the most", plan.outstanding,
                       plan.payload.size(), most);
  }
  const double due = std::chrono::duration<double>(plan.duration).count() * plan.rate;
  if (plan.rate != 0 && due < 1) {
    return fmt::format("at --rate {} no question may be due within --duration {}; give it {}", plan.rate,
                       shown(plan.duration), shown(Duration{std::chrono::seconds{1}} / plan.rate));
  }
  return std::nullopt;
}

/// One run of `holler bench`.
class Benching {
 public:
  Benching(const Settings& settings, HostPort peer) : settings_{settings}, peer_{std::move(peer)} {}

  ExitCode run() {
    if (!settings_.svg.empty()) {  // before all the time that a run takes
      errno = 0;
      svg_.open(settings_.svg, std::ios::binary);
      if (svg_.fail()) return cannot_write(errno);
    }
    const auto endpoints = resolve(peer_.host, peer_.port);
    if (!endpoints) return give_up(endpoints.error());
    const auto source = parse_source(settings_.source);
    if (!source) return give_up(source.error());
    auto client =
        Client::open({.source = *source,
                      .interface = settings_.interface,
                      .requester = {.outstanding_max = bench_outstanding_max(settings_.plan.payload.size())},
                      .spin = settings_.spin});
    if (!client) return give_up(client.error());
    const auto peer = reachable(*client, *endpoints);
    if (!peer) return give_up(peer.error());
    answered_by_ = peer->to_string();

    BenchRun bench{settings_.plan, std::move(*client), *peer, signals_};
    std::optional<BenchProgress> progress;
    if (standard_error().is_terminal() && !settings_.quiet) progress.emplace(bench);
    const BenchEnd end = bench.run();
    progress.reset();
    return report(bench.tally(), end);
  }

 private:
  /// The first address that neither refuses nor is out of reach. Whether it answers is another question.
  Result<Endpoint> reachable(Client& client, const std::vector<Endpoint>& endpoints) {
    AskOptions options = settings_.plan.ask;
    options.deadline = std::min(options.deadline, kFirstQuestion);
    options.stop = signals_.token();
    std::optional<Error> why_not;
    for (const Endpoint& endpoint : endpoints) {
      const auto reply = client.ask(endpoint, bytes_of(settings_.plan.payload), options);
      if (reply) return endpoint;
      switch (reply.error().code) {
        case ErrorCode::no_answer:
        case ErrorCode::busy:
        case ErrorCode::declined:
        case ErrorCode::unknown: return endpoint;
        case ErrorCode::refused:
        case ErrorCode::unreachable: break;
        default: return failure(reply.error());
      }
      if (!why_not) why_not = reply.error();
    }
    return failure(std::move(*why_not));
  }

  /// A failure before anything was measured.
  ExitCode give_up(const Error& error) {
    const Journal journal{Telling::nothing, false};
    const Ending ending{to_text(peer_), settings_.plan.payload.size(), Duration::zero(), journal};
    const std::string reason = failure_text(error, ending);
    complain(reason);
    const BenchTally nothing;
    BenchEnd end;
    end.interrupted = error.code == ErrorCode::cancelled;
    if (settings_.json)
      print_json(bench_json({to_text(peer_), answered_by_, settings_.plan, nothing, end, reason}));
    return exit_code_for(error.code);
  }

  ExitCode report(const BenchTally& tally, const BenchEnd& end) {
    const bool answered = tally.latencies.count() > 0;
    std::string error;
    if (!answered && end.first_failure) error = end.first_failure->message();
    const BenchStory story{to_text(peer_), answered_by_, settings_.plan, tally, end, error};
    if (settings_.json) {
      print_json(bench_json(story));
    } else {
      standard_output().write(bench_text(story));
    }
    if (!error.empty()) complain(error);
    if (svg_.is_open()) {
      errno = 0;
      svg_ << bench_svg(story);
      svg_.close();
      if (svg_.fail()) return cannot_write(errno);
    }
    if (end.interrupted) return ExitCode::interrupted;
    if (answered) return ExitCode::answered;
    return end.first_failure ? exit_code_for(end.first_failure->code) : ExitCode::no_answer;
  }

  ExitCode cannot_write(int system_errno) const {
    complain("cannot write '" + settings_.svg + "': " + std::generic_category().message(system_errno));
    return ExitCode::local_failure;
  }

  const Settings& settings_;
  HostPort peer_;
  std::string answered_by_;
  std::ofstream svg_;
  Signals signals_;
};

ExitCode run(Settings& settings) {
  const auto peer = parse_peer(settings.host, settings.port);
  if (!peer) return usage(peer.error());
  settings.plan.payload = payload_of(settings);
  if (settings.plan.payload.size() <= kMessageBytesMax) {
    if (const auto wrong = objection(settings)) return usage(*wrong);
  }
  return Benching{settings, *peer}.run();
}

void add_load_options(CLI::App& command, Settings& settings) {
  BenchPlan& plan = settings.plan;
  auto* outstanding = add_value(command, "--outstanding", plan.outstanding, parse_outstanding,
                                "Closed loop: so many questions at any time (default 1)", "N");
  add_value(command, "--rate", plan.rate, parse_count, "Open loop: so many questions a second", "R")
      ->excludes(outstanding);
  add_value(command, "--duration", plan.duration, parse_wait, "Ask for so long (default 10s)", "DURATION");
  add_value(command, "--warmup", plan.warmup, parse_duration,
            "And so long before that, which is not counted (default 1s)", "DURATION");
  add_value(command, "--count", plan.count, parse_count, "Stop after so many questions", "N");
  add_value(command, "--bytes", settings.bytes, parse_bytes, "Ask with so many bytes (default 32)", "N")
      ->excludes(command.get_option("MESSAGE"));
}

void add_options(CLI::App& command, Settings& settings) {
  command
      .add_option("HOST", settings.host,
                  "Whom to ask: NAME, ADDRESS or [IPV6], with :PORT where it is not 1060")
      ->required()
      ->type_name("");
  command.add_option("MESSAGE", settings.message, "What to ask, in place of --bytes")->type_name("");
  add_value(command, "-p,--port", settings.port, parse_peer_port,
            "Port number or service name (default 1060)", "PORT");
  add_load_options(command, settings);
  AskOptions& ask = settings.plan.ask;
  add_patience_options(command, ask);
  add_source_options(command, settings.source, settings.interface);
  add_value(
      command, "--spin", settings.spin, parse_duration,
      "Look for an answer for so long before going to sleep: a busy processor, shorter latencies (default: "
      "up to 100us, where that has paid lately)",
      "DURATION");
  command.add_flag("--repeatable", ask.repeatable,
                   "It may be done twice: where the server is restarted meanwhile, ask the new one");
  not_empty(command.add_option("--svg", settings.svg, "Draw the latencies into a file"))->type_name("FILE");
  command.add_flag("--json", settings.json, "One JSON object instead of the report");
  command.add_flag("-q,--quiet", settings.quiet, "No progress on the terminal");
}

}  // namespace

void add_bench(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("bench", "Ask as often as a server can take it, and measure");
  add_options(*command, *settings);
  command->footer(kFooter + exit_code_table());
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
