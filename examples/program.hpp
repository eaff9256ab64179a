#pragma once

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include "holler/error.hpp"
#include "holler/format.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"

/// What the chapter's four programs share: arguments as argparse reads them, exit codes, signals, names.
namespace chapter {

inline constexpr int kDone = 0;
inline constexpr int kNoAnswer = 1;
inline constexpr int kUsage = 2;
inline constexpr int kRefused = 3;
inline constexpr int kLocalFailure = 4;
inline constexpr int kInterrupted = 130;

struct Usage {
  std::string_view program;
  std::string_view description;
  bool role = false;          ///< the first argument is `client` or `server`
  std::string_view host;      ///< what the host argument means; empty: there is none
  std::string_view option{};  ///< one option that the chapter does not have: "--naive", "--seed N"
  std::string_view option_help{};
};

struct Arguments {
  bool server = false;
  std::string host;
  std::uint16_t port = holler::kDefaultPort;
  std::optional<std::string> option;  ///< set where the option was given; holds its value
};

[[nodiscard]] inline std::string usage_line(const Usage& usage) {
  const std::string option = usage.option.empty() ? "" : holler::format(" [{}]", usage.option);
  return holler::format("usage: {} [-h] [-p PORT]{}{}{}\n", usage.program, option,
                        usage.role ? " {client,server}" : "", usage.host.empty() ? "" : " host");
}

[[noreturn]] inline void print_help(const Usage& usage) {
  std::string text = holler::format("{}\n{}\n\n", usage_line(usage), usage.description);
  const auto row = [&](std::string_view name, std::string_view meaning) {
    text += holler::format("  {}{}{}\n", name, std::string(17 - name.size(), ' '), meaning);
  };
  if (usage.role) row("{client,server}", "which role to take");
  if (!usage.host.empty()) row("host", usage.host);
  row("-p PORT", "UDP port, a number or a service name (default 1060)");
  if (!usage.option.empty()) row(usage.option, usage.option_help);
  row("-h, --help", "show this help");
  text +=
      "\nexit codes: 0 done, 1 no answer, 2 usage, 3 connection refused, 4 local failure, 130 interrupted\n";
  std::fputs(text.c_str(), stdout);
  std::exit(kDone);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

[[noreturn]] inline void usage_error(const Usage& usage, std::string_view problem) {
  std::fputs(holler::format("{}{}: error: {}\n", usage_line(usage), usage.program, problem).c_str(), stderr);
  std::exit(kUsage);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

/// Reads the arguments; ends the program for `-h`, and with exit code 2 for what it cannot understand.
[[nodiscard]] inline Arguments read_arguments(const Usage& usage, int count, char** values) {
  Arguments result;
  const std::string_view option_name = usage.option.substr(0, usage.option.find(' '));
  const bool option_takes_value = option_name != usage.option;
  bool need_role = usage.role;
  bool need_host = !usage.host.empty();
  int next = 1;
  const auto value_of = [&](std::string_view option) -> std::string_view {
    if (next == count) usage_error(usage, holler::format("argument {}: expected one argument", option));
    return values[next++];
  };
  while (next < count) {
    const std::string_view word = values[next++];
    const bool looks_like_option = word.size() > 1 && word.starts_with('-');
    if (word == "-h" || word == "--help") print_help(usage);
    if (word.starts_with("-p")) {
      const auto port = holler::port_named(word.size() > 2 ? word.substr(2) : value_of("-p"));
      if (!port) usage_error(usage, holler::format("argument -p: {}", port.error().message()));
      result.port = *port;
    } else if (!option_name.empty() && word == option_name) {
      result.option = option_takes_value ? value_of(option_name) : "";
    } else if (need_role && !looks_like_option) {
      if (word != "client" && word != "server") {
        usage_error(usage, holler::format(
                               "argument role: invalid choice: '{}' (choose from 'client', 'server')", word));
      }
      result.server = word == "server";
      need_role = false;
    } else if (need_host && !looks_like_option) {
      result.host = word;
      need_host = false;
    } else {
      usage_error(usage, holler::format("unrecognized arguments: {}", word));
    }
  }
  if (need_role || need_host) {
    usage_error(usage, holler::format("the following arguments are required: {}{}{}", need_role ? "role" : "",
                                      need_role && need_host ? ", " : "", need_host ? "host" : ""));
  }
  return result;
}

/// What a Python socket means by a host: "" is every address, `<broadcast>` is 255.255.255.255, and
/// names are looked up for IPv4, the only family that the chapter speaks.
[[nodiscard]] inline holler::Result<holler::Endpoint> resolve_ipv4(const std::string& host,
                                                                   std::uint16_t port) {
  const std::string name = host.empty() ? "0.0.0.0" : host == "<broadcast>" ? "255.255.255.255" : host;
  const auto found = holler::resolve(name, std::to_string(port), holler::Family::v4);
  if (!found) return holler::failure(found.error());
  return found->front();
}

/// Says what failed, as Python names it where the system gave a number, and then as the library does.
[[nodiscard]] inline int fail(const holler::Error& error) {
  const bool refused = error.code == holler::ErrorCode::refused;  // learned from ICMP: no call has failed
  const int number = refused ? ECONNREFUSED : error.system_errno;
  if (number != 0) {
    const char* type = refused                                              ? "ConnectionRefusedError"
                       : error.code == holler::ErrorCode::permission_denied ? "PermissionError"
                                                                            : "OSError";
    std::fprintf(stderr, "%s: [Errno %d] %s\n", type, number,
                 std::generic_category().message(number).c_str());
  }
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return refused ? kRefused : kLocalFailure;
}

/// SIGINT and SIGTERM end the program at once, with `status`. Every line is out when it is printed and the
/// kernel frees the port, so there is nothing to tidy up first.
template <int status>
void end_on_signals() {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { _exit(status); });
}

}  // namespace chapter
