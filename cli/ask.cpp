#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "holler/client.hpp"
#include "holler/system.hpp"

#include "cli/ask_report.hpp"
#include "cli/commands.hpp"
#include "cli/escape.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/peer.hpp"
#include "cli/round_trips.hpp"
#include "cli/signals.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(The reply's bytes go to standard output as they are (a terminal gets control characters escaped), all
else to standard error.

Examples:
  holler ask localhost "This is a message"               ask 127.0.0.1:1060
  holler ask guinness:5000 --trace < question.txt        show every datagram on the way
  holler ask '[fe80::1%eth0]' hello --deadline 2s        IPv6, with an interface
  holler ask 192.0.2.7 ping --count 10 --interval 200ms  how fast, how lossy
  holler ask 192.0.2.7:7 hello --as plain                a peer that does not speak holler's protocol
  holler ask localhost hello --json | jq .rtt_ms         for programs

With --count, the exit code is that of the first question that was not answered.

)";

struct Settings {
  std::string host;
  std::optional<std::string> message;
  std::optional<std::string> port;
  const Codec* codec = &holler_codec();
  AskOptions ask;
  std::uint32_t count = 1;
  Duration interval = std::chrono::seconds{1};
  std::string source;
  std::string interface;
  bool trace = false;
  bool json = false;
  bool quiet = false;
};

Parsed<const Codec*> parse_protocol(std::string_view text) {
  if (text == "holler") return &holler_codec();
  if (text == "plain") return &plain_codec();
  return std::unexpected{"'" + std::string{text} +
                         "' is not a protocol of this command; use holler or plain"};
}

ExitCode usage(const std::string& reason) {
  complain(reason + "; see 'holler ask --help'");
  return ExitCode::usage;
}

/// One run of `holler ask`: the same question, once or several times.
class Asking {
 public:
  Asking(const Settings& settings, std::string peer)
      : settings_{settings},
        peer_{std::move(peer)},
        journal_{settings.trace                    ? Telling::everything
                 : settings.quiet || settings.json ? Telling::nothing
                                                   : Telling::repeats,
                 standard_error().wants_colour()} {}

  ExitCode run() {
    const auto message = read_message();
    if (!message) return message.error();
    const auto source = parse_source(settings_.source);
    if (!source) return give_up(source.error());
    auto client = Client::open({.codec = settings_.codec,
                                .source = *source,
                                .interface = settings_.interface,
                                .tracer = [this](const TraceEvent& event) { journal_.note(event); }});
    if (!client) return give_up(client.error());
    return settings_.count == 1 ? ask(*client, *message) : ask_repeatedly(*client, *message);
  }

 private:
  /// A failure before anything was asked.
  ExitCode give_up(const Error& error) {
    const Ending ending{peer_, 0, Duration::zero(), journal_};
    if (settings_.json) print_json(ending_json(failure(error), ending));
    complain(failure_text(error, ending));
    return exit_code_for(error.code);
  }

  std::expected<std::string, ExitCode> read_message() {
    if (settings_.message && *settings_.message != "-") return *settings_.message;
    if (standard_input_is_terminal() && !settings_.quiet) {
      standard_error().write("reading the message from standard input; end it with Ctrl+D\n");
    }
    auto text = read_standard_input(kMessageBytesMax, signals_.descriptor());
    if (text) return *text;
    const bool interrupted = text.error() == ECANCELED;
    return std::unexpected{give_up({.code = interrupted ? ErrorCode::cancelled : ErrorCode::system,
                                    .system_errno = interrupted ? 0 : text.error(),
                                    .attempted = "read the message from standard input",
                                    .endpoint = {},
                                    .advice = {},
                                    .payload_bytes_max = {}})};
  }

  ExitCode ask(Client& client, const std::string& message) {
    AskOptions options = settings_.ask;
    options.stop = signals_.token();
    const Timestamp start = monotonic_now();
    journal_.begin(start);
    const std::uint64_t alarms_before = client.stats().alarms;
    const auto result = client.ask(peer_, message, options);
    const Ending ending{peer_, message.size(), monotonic_now() - start, journal_,
                        client.stats().alarms - alarms_before};
    statistics_.add({.answered = result.has_value(),
                     .attempts = journal_.attempts(),
                     .rtt = result ? result->rtt : std::nullopt,
                     .dropped = journal_.dropped(),
                     .alarms = ending.alarms});
    if (ending.alarms > 0) complain(alarm_text(journal_.dropped()));

    if (settings_.json) print_json(ending_json(result, ending));
    if (result) {
      if (!settings_.json) print_reply(*result);
      if (!settings_.json && !settings_.quiet) standard_error().write(success_text(*result, ending) + "\n");
      return ExitCode::answered;
    }
    complain(failure_text(result.error(), ending));
    return exit_code_for(result.error().code);
  }

  ExitCode ask_repeatedly(Client& client, const std::string& message) {
    const Timestamp start = monotonic_now();
    ExitCode worst = ExitCode::answered;
    for (std::uint32_t i = 0; i < settings_.count; ++i) {
      const Timestamp turn = later(start, scaled(settings_.interval, i));
      if (!signals_.sleep(turn - monotonic_now())) worst = ExitCode::interrupted;
      if (worst == ExitCode::interrupted) break;
      const ExitCode exit_code = ask(client, message);
      if (worst == ExitCode::answered || exit_code == ExitCode::interrupted) worst = exit_code;
      // What fails here before anything has left will fail again.
      const bool hopeless = exit_code == ExitCode::usage || exit_code == ExitCode::local_failure ||
                            exit_code == ExitCode::too_large || standard_output().failure() != 0;
      if (hopeless) break;
    }
    const Duration elapsed = monotonic_now() - start;
    if (settings_.json) {
      print_json(statistics_.to_json(elapsed));
    } else if (!settings_.quiet) {
      standard_error().write(statistics_.to_text(peer_, elapsed));
    }
    return worst;
  }

  static void print_reply(const Reply& reply) {
    std::string text{reply.text()};
    if (standard_output().is_terminal()) {
      text = printable(text);
      if (!text.ends_with('\n')) text += '\n';
    }
    standard_output().write(text);
  }

  const Settings& settings_;
  std::string peer_;
  Signals signals_;
  Journal journal_;
  RoundTrips statistics_;
};

ExitCode run(const Settings& settings) {
  const auto peer = parse_peer(settings.host, settings.port);
  if (!peer) return usage(peer.error());
  return Asking{settings, to_text(*peer)}.run();
}

void add_options(CLI::App& command, Settings& settings) {
  command
      .add_option("HOST", settings.host,
                  "Whom to ask: NAME, ADDRESS or [IPV6], with :PORT where it is not 1060")
      ->required()
      ->type_name("");
  command.add_option("MESSAGE", settings.message, "What to ask; from standard input where it is - or absent")
      ->type_name("");
  add_value(command, "-p,--port", settings.port, parse_peer_port,
            "Port number or service name (default 1060)", "PORT");
  add_value(command, "--as", settings.codec, parse_protocol,
            "The protocol to speak: holler, or plain for peers that speak none: the message is the datagram, "
            "and what "
            "comes back is the answer (default holler)",
            "PROTOCOL");
  add_patience_options(command, settings.ask);
  add_value(command, "--count", settings.count, parse_count, "Ask so many times, with statistics at the end",
            "N");
  add_value(command, "--interval", settings.interval, parse_duration,
            "From one question to the next (default 1s)", "DURATION");
  add_source_options(command, settings.source, settings.interface);
  command.add_flag("--repeatable", settings.ask.repeatable,
                   "It may be done twice: where the server is restarted meanwhile, ask the new one");
  command.add_flag("--naive", settings.ask.promiscuous,
                   "Take anything from anyone as the answer: the danger that is otherwise guarded against");
  auto* trace = command.add_flag("--trace", settings.trace, "Show every datagram sent, received and dropped");
  command.add_flag("--json", settings.json, "One JSON object instead of the reply");
  command.add_flag("-q,--quiet", settings.quiet, "No story, only the reply and complaints")->excludes(trace);
}

}  // namespace

void add_ask(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("ask", "Ask a question and print the answer");
  add_options(*command, *settings);
  command->footer(kFooter + exit_code_table());
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
