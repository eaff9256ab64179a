#pragma once

#include "cli/exit_code.hpp"

namespace CLI {
class App;
}

/// The subcommands. Each adds itself to the command line, and leaves in `exit_code` how its run ended.
namespace holler::cli {

void add_serve(CLI::App& app, ExitCode& exit_code);
void add_ask(CLI::App& app, ExitCode& exit_code);
void add_bench(CLI::App& app, ExitCode& exit_code);
void add_impair(CLI::App& app, ExitCode& exit_code);
void add_dns(CLI::App& app, ExitCode& exit_code);
void add_ports(CLI::App& app, ExitCode& exit_code);
void add_forge(CLI::App& app, ExitCode& exit_code);
void add_sim(CLI::App& app, ExitCode& exit_code);

}  // namespace holler::cli
