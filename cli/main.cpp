#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"

namespace holler::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  holler serve                                 answer on 127.0.0.1:1060
  holler ask localhost "This is a message"     ask there
  holler serve "" --drop 50%                   on every address, deaf to half of what comes
  holler ask localhost hello --trace           watch it get through all the same
  holler bench localhost --rate 1000           how long answers take, at this load
  holler dns example.org AAAA                  ask a name server
  holler ports domain 5432                     what is known of these ports
  holler impair :5300 localhost:53 --loss 20%  a bad network in front of any UDP server
  holler sim --clients 100000 --loss 20%       a crowd on a simulated network

'holler COMMAND --help' shows more examples, and every option.

)";

/// CLI11's way out: help and version are not errors, everything else is a usage error.
ExitCode explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    std::ostringstream text;
    std::ostringstream unused;
    app.exit(error, text, unused);
    standard_output().write(text.str());
    return ExitCode::answered;
  }
  std::string reason = error.what();
  const auto used = app.get_subcommands();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    // CLI11 lists what it cannot use backwards, with the "--" that may stand in front of it.
    auto extras = used.empty() ? app.remaining() : used.front()->remaining();
    std::erase(extras, "--");
    reason = "not understood: " + CLI::detail::join(extras, " ");
  }
  const std::string command = used.empty() ? "holler" : "holler " + used.front()->get_name();
  complain(reason + "; see '" + command + " --help'");
  return ExitCode::usage;
}

ExitCode run(int argc, char** argv) {
  ExitCode exit_code = ExitCode::answered;
  CLI::App app{
      "Asks questions over UDP and gets the one right answer, through loss, delay, duplicates and "
      "strangers."};
  app.name("holler");
  app.set_version_flag("--version", "holler " HOLLER_VERSION, "Show the version");
  app.set_help_flag("-h,--help", "Show this help");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kExamples + exit_code_table());
  app.require_subcommand(0, 1);
  add_serve(app, exit_code);
  add_ask(app, exit_code);
  add_bench(app, exit_code);
  add_dns(app, exit_code);
  add_ports(app, exit_code);
  add_forge(app, exit_code);
  add_impair(app, exit_code);
  add_sim(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  if (app.get_subcommands().empty()) {
    complain(
        "say what to do: serve, ask, bench, dns, ports, forge, impair or sim; 'holler --help' shows how");
    return ExitCode::usage;
  }
  return exit_code;
}

/// The whole program but for its name.
int command(int argc, char** argv) {
  occupy_standard_descriptors();
  // A reader who goes away is an error of write(2), which is reported; it must not end a server's children
  // or cut a summary short.
  (void)std::signal(SIGPIPE, SIG_IGN);
  ExitCode exit_code = ExitCode::local_failure;
  try {
    exit_code = run(argc, argv);
  } catch (const std::bad_alloc&) {
    complain("out of memory; allow more (ulimit -v, or the control group's limit), or do less at once");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  if (const int failure = standard_output().failure(); failure != 0) {
    complain("cannot write to standard output: " + std::generic_category().message(failure));
    exit_code = ExitCode::local_failure;
  }
  if (standard_error().failure() != 0) exit_code = ExitCode::local_failure;
  return static_cast<int>(exit_code);
}

}  // namespace
}  // namespace holler::cli

int main(int argc, char** argv) { return holler::cli::command(argc, argv); }
