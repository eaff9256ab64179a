#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "holler/client.hpp"
#include "holler/error.hpp"
#include "holler/names.hpp"

#include "cli/values.hpp"

/// Whom to ask, from where and how patiently, as people type it.
namespace holler::cli {

/// HOST[:PORT] with both parts sure to be there, or the reason why not.
/// @param port  of an option of its own
[[nodiscard]] Parsed<HostPort> parse_peer(const std::string& host, const std::optional<std::string>& port);
/// `HOST:PORT`, `[V6]:PORT`.
[[nodiscard]] std::string to_text(const HostPort& peer);
/// An address of this machine, with or without a port, or a port alone; none where `text` is empty.
[[nodiscard]] Result<std::optional<Endpoint>> parse_source(const std::string& text);

/// --first-wait, --max-wait, --deadline and --attempts.
void add_patience_options(CLI::App& command, AskOptions& ask);
/// --source, for `parse_source`, and --interface.
void add_source_options(CLI::App& command, std::string& source, std::string& interface);

}  // namespace holler::cli
