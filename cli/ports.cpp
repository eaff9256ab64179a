#include "holler/ports.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"

namespace holler::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  holler ports                 the ranges, and this system's own pool
  holler ports domain          the number of a service
  holler ports 53 5432 50000   what is known of these ports
  holler ports --json ntp      the same for programs, one object a line
)";

struct Settings {
  std::vector<std::string> asked;
  bool json = false;
};

using PortRange = std::pair<std::uint16_t, std::uint16_t>;

struct PortFacts {
  std::uint16_t number = 0;
  std::optional<std::string> name;
  bool in_pool = false;
  bool privileged = false;
};

PortFacts facts_of(std::uint16_t port, const Result<PortRange>& pool) {
  return {port, service_on(port), pool && port >= pool->first && port <= pool->second,
          port != 0 && port < unprivileged_port_start()};
}

/// Port 0 is in IANA's system range, and no service may have it (RFC 6335 §6 reserves it).
std::string name_shown(const PortFacts& facts) {
  if (facts.number == 0) return "reserved: choose one";
  return facts.name.value_or("-");
}

void print_facts(const std::vector<PortFacts>& list) {
  std::size_t width = 4;
  for (const PortFacts& facts : list) width = std::max(width, name_shown(facts).size());
  std::string text = fmt::format("{:>5}  {:<{}}  {:<20}  {:<15}  {}\n", "PORT", "NAME", width, "IANA CLASS",
                                 "EPHEMERAL HERE", "PRIVILEGED HERE");
  for (const PortFacts& facts : list) {
    text += fmt::format("{:>5}  {:<{}}  {:<20}  {:<15}  {}\n", facts.number, name_shown(facts), width,
                        describe(class_of(facts.number)), facts.in_pool ? "yes" : "no",
                        facts.privileged ? "yes" : "no");
  }
  standard_output().write(text);
}

void print_facts_json(const std::vector<PortFacts>& list) {
  for (const PortFacts& facts : list) {
    Json object;
    object["port"] = facts.number;
    object["name"] = facts.name ? Json(*facts.name) : Json(nullptr);
    object["class"] = describe(class_of(facts.number));
    object["ephemeral"] = facts.in_pool;
    object["privileged"] = facts.privileged;
    print_json(object);
  }
}

constexpr std::array<PortRange, 3> kIanaRanges{{{0, 1023}, {1024, 49151}, {49152, 65535}}};

void print_ranges(const Result<PortRange>& pool) {
  std::string text = "IANA's ranges (RFC 6335)\n";
  for (const auto& [first, last] : kIanaRanges) {
    text += fmt::format("  {:>5} to {:<5}  {}\n", first, last, describe(class_of(first)));
  }
  text += "This system\n";
  if (pool) {
    text +=
        fmt::format("  {:>5} to {:<5}  where a program's port is taken from when it does not choose one\n",
                    pool->first, pool->second);
  }
  const unsigned lowest = unprivileged_port_start();
  text += lowest == 0 ? "  every port may be bound by an ordinary user\n"
                      : fmt::format("  {:>5} to {:<5}  need a privilege to bind\n", 1, lowest - 1);
  standard_output().write(text);
}

void print_ranges_json(const Result<PortRange>& pool) {
  const auto range = [](const PortRange& ends) { return Json{{"first", ends.first}, {"last", ends.second}}; };
  Json object;
  for (const PortRange& ends : kIanaRanges) {
    Json entry = range(ends);
    entry["class"] = describe(class_of(ends.first));
    object["ranges"].push_back(entry);
  }
  object["ephemeral"] = pool ? range(*pool) : Json(nullptr);
  object["unprivileged_port_start"] = unprivileged_port_start();
  print_json(object);
}

ExitCode run(const Settings& settings) {
  const auto pool = ephemeral_port_range();
  if (!pool) complain("warning: " + pool.error().message());
  if (settings.asked.empty()) {
    settings.json ? print_ranges_json(pool) : print_ranges(pool);
    return ExitCode::answered;
  }
  std::vector<PortFacts> list;
  ExitCode exit_code = ExitCode::answered;
  for (const std::string& text : settings.asked) {
    if (const auto port = port_named(text)) {
      list.push_back(facts_of(*port, pool));
    } else {
      complain(port.error().message());
      exit_code = ExitCode::usage;
    }
  }
  if (!list.empty()) settings.json ? print_facts_json(list) : print_facts(list);
  return exit_code;
}

}  // namespace

void add_ports(CLI::App& app, ExitCode& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand(
      "ports", "Show what is known of ports: names, classes, whether ephemeral or privileged here");
  command
      ->add_option("PORT", settings->asked,
                   "Numbers from 0 to 65535, or names of UDP services; none: show the ranges")
      ->type_name("");
  command->add_flag("--json", settings->json, "One JSON object a line");
  command->footer(std::string{kExamples} + "\nExit codes: 0, or 2 where a name or number does not exist.");
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace holler::cli
