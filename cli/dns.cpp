#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holler/client.hpp"
#include "holler/system.hpp"

#include "cli/ask_report.hpp"
#include "cli/commands.hpp"
#include "cli/dns_question.hpp"
#include "cli/dns_report.hpp"
#include "cli/journal.hpp"
#include "cli/name_servers.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"

namespace holler::cli {
namespace {

constexpr const char* kFooter =
    R"(Prints the records that answer, one a line: name, TTL, class, type, data. What else there is to say
goes to standard error behind ";;": that the name does not exist, that the reply was truncated, that
datagrams came that were not the answer.

TYPE is A (the default), AAAA, NS, CNAME, SOA, PTR, MX, TXT, SRV, CAA, or any other by its name or as
TYPE65280, whose data are shown in hexadecimal. An address in place of NAME, or behind -x, asks for
its PTR record. Without @SERVER those of /etc/resolv.conf are asked, one after another.

Examples:
  holler dns example.org                         its IPv4 addresses
  holler dns example.org MX @192.0.2.53          ask this server
  holler dns guinness.example @[::1]:5353 --full everything that the server says
  holler dns -x 192.0.2.1 --short                the name of an address, and nothing else
  holler dns example.org TXT --json | jq .answers
  holler dns version.bind TXT CH @192.0.2.53     another class than IN

)";
constexpr const char* kExitNote =
    "\n\nEvery reply of a name server is an answer, NXDOMAIN, SERVFAIL and REFUSED too: exit code 0, and "
    "the\n"
    "status on standard error (and in --full and --json).";

enum class Form : std::uint8_t { columns, brief, full, json };

struct Settings {
  std::vector<std::string> words;
  std::string reverse;
  std::optional<std::string> port;
  AskOptions ask;
  bool brief = false;
  bool full = false;
  bool json = false;
  bool no_recurse = false;
  bool dnssec = false;
  bool no_edns = false;
  bool trace = false;
  bool quiet = false;

  [[nodiscard]] Form form() const noexcept {
    if (json) return Form::json;
    if (full) return Form::full;
    return brief ? Form::brief : Form::columns;
  }
};

ByteVector query_for(const dns::Question& question, const Settings& settings) {
  dns::QueryOptions options;
  options.recursion_desired = !settings.no_recurse;
  if (settings.no_edns) {
    options.edns.reset();
  } else {
    options.edns->dnssec_ok = settings.dnssec;
  }
  return dns::encode_query(question, options);
}

/// One run of `holler dns`: one question, to one server after another until one answers.
class Lookup {
 public:
  Lookup(const Settings& settings, DnsQuestion asked, std::vector<std::string> servers)
      : settings_{settings},
        asked_{std::move(asked)},
        servers_{std::move(servers)},
        journal_{settings.trace                    ? Telling::everything
                 : settings.quiet || settings.json ? Telling::nothing
                                                   : Telling::repeats,
                 standard_error().wants_colour()} {}

  ExitCode run() {
    auto client = Client::open(
        {.codec = &dns_codec(), .tracer = [this](const TraceEvent& event) { journal_.note(event); }});
    if (!client) {
      complain(client.error().message());
      return exit_code_for(client.error().code);
    }
    const ByteVector query = query_for(asked_.question, settings_);
    start_ = monotonic_now();
    std::optional<Error> failure;
    std::string story;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const Timestamp start = monotonic_now();
      const auto reply = ask(*client, servers_[i], query, servers_.size() - i);
      if (reply) return print(*reply);
      const Error& error = reply.error();
      story = failure_text(error, {servers_[i], query.size(), monotonic_now() - start, journal_});
      complain(story);
      // "No answer" leaves the most open: what one server refuses, a silent one might have said.
      const bool cancelled = error.code == ErrorCode::cancelled;
      if (!failure || cancelled || failure->code != ErrorCode::no_answer) failure = error;
      if (cancelled) break;
    }
    sound_alarm();
    if (settings_.json) print_failure_json(*failure, story);
    return exit_code_for(failure->code);
  }

 private:
  [[nodiscard]] Duration elapsed() const { return monotonic_now() - start_; }

  /// Each of the servers that are left gets an equal part of the time that is left.
  Result<Reply> ask(Client& client, const std::string& server, const ByteVector& query, std::size_t left) {
    AskOptions options = settings_.ask;
    options.deadline =
        std::max(Duration{1}, (options.deadline - elapsed()) / static_cast<std::int64_t>(left));
    options.stop = signals_.token();
    journal_.begin(monotonic_now());
    auto reply = client.ask(server, text_of(query), options);
    attempts_ += journal_.attempts();
    dropped_ += journal_.dropped();
    alarms_ = client.stats().alarms;
    return reply;
  }

  ExitCode print(const Reply& reply) {
    sound_alarm();
    auto message = dns::decode_message(reply.payload);
    if (!message) {
      complain(reply.peer.to_string() + " sent a malformed reply");
      return ExitCode::no_answer;
    }
    const DnsAnswer answer{
        asked_.question, !settings_.no_edns, *std::move(message), reply, attempts_, elapsed(), dropped_,
        alarms_};
    switch (settings_.form()) {
      case Form::json: print_json(answer_json(answer)); break;
      case Form::full: standard_output().write(full_text(answer)); break;
      case Form::brief: standard_output().write(short_text(answer.message)); break;
      case Form::columns: standard_output().write(answers_text(answer.message)); break;
    }
    const bool remarks_are_printed = settings_.json || settings_.full;
    if (!remarks_are_printed && !settings_.quiet) standard_error().write(remarks_text(answer));
    return ExitCode::answered;
  }

  void sound_alarm() const {
    if (alarms_ > 0) complain(alarm_text(dropped_));
  }

  void print_failure_json(const Error& error, const std::string& story) const {
    Json object;
    object["outcome"] = name_of(error.code);
    object["question"] = question_json(asked_.question);
    object["server"] = journal_.peer() ? Json(journal_.peer()->to_string()) : Json(nullptr);
    object["attempts"] = attempts_;
    object["elapsed_ms"] = json_milliseconds(elapsed());
    object["dropped"] = json_counts(dropped_);
    object["alarms"] = alarms_;
    object["error"] = story;
    print_json(object);
  }

  const Settings& settings_;
  DnsQuestion asked_;
  std::vector<std::string> servers_;
  Timestamp start_;
  std::uint32_t attempts_ = 0;  // to all servers together
  DropCounts dropped_;
  std::uint64_t alarms_ = 0;
  Signals signals_;
  Journal journal_;
};

ExitCode usage(const std::string& reason) {
  complain(reason + "; see 'holler dns --help'");
  return ExitCode::usage;
}

ExitCode run(const Settings& settings) {
  auto asked = read_dns_question(settings.words, settings.reverse);
  if (!asked) return usage(asked.error());
  auto servers = name_servers(asked->server, settings.port);
  if (!servers) return usage(servers.error());
  return Lookup{settings, *std::move(asked), *std::move(servers)}.run();
}

void add_options(CLI::App& command, Settings& settings) {
  command.add_option("NAME", settings.words, "What to ask for, then TYPE and CLASS, and @SERVER anywhere")
      ->type_name("[TYPE] [CLASS] [@SERVER]");
  command.add_option("-x,--reverse", settings.reverse, "Ask for the name of this address")
      ->type_name("ADDRESS");
  add_value(command, "-p,--port", settings.port, parse_peer_port, "The server's port (default 53)", "PORT");
  auto* brief = command.add_flag("--short", settings.brief, "The data of the records alone");
  auto* full = command.add_flag("--full", settings.full, "Everything that the server says")->excludes(brief);
  command.add_flag("--json", settings.json, "One JSON object")->excludes(brief)->excludes(full);
  add_value(command, "--first-wait", settings.ask.first_wait, parse_wait,
            "Before the first repeat (default 1s)", "DURATION");
  add_value(command, "--deadline", settings.ask.deadline, parse_wait,
            "Until no answer is no answer, all servers together (default 10s)", "DURATION");
  add_value(command, "--attempts", settings.ask.attempts_max, parse_count,
            "Ask each server at most this often (default: as the deadline allows)", "N");
  command.add_flag("--no-recurse", settings.no_recurse, "Only what the server itself knows");
  auto* dnssec = command.add_flag("--dnssec", settings.dnssec, "Also the signatures (EDNS's DO bit)");
  command.add_flag("--no-edns", settings.no_edns, "Nothing newer than 1987: replies up to 512 bytes")
      ->excludes(dnssec);
  auto* trace = command.add_flag("--trace", settings.trace, "Show every datagram sent, received and dropped");
  command.add_flag("-q,--quiet", settings.quiet, "Only answers and complaints")->excludes(trace);
}

}  // namespace

void add_dns(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("dns", "Ask a name server");
  add_options(*command, *settings);
  command->footer(kFooter + exit_code_table() + kExitNote);
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
