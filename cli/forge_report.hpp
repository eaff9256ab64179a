#pragma once

#include <string>

#include "holler/time.hpp"

#include "cli/forge_attack.hpp"
#include "cli/json.hpp"
#include "cli/victim.hpp"

/// What an attack came to, in words and in JSON.
namespace holler::cli {

struct ForgeOutcome {
  const ForgeField& field;
  Duration elapsed{};              ///< from the first look to the last datagram
  std::uint64_t unseen = 0;        ///< datagrams that passed too fast to be seen
  const Victim* victim = nullptr;  ///< null where no COMMAND was given
};

/// Some lines, each with its end.
/// How many forgeries the victim took, as far as its output tells: no more than there were.
[[nodiscard]] std::uint64_t taken(const ForgeOutcome& outcome);
[[nodiscard]] std::string forge_text(const ForgeOutcome& outcome);
[[nodiscard]] Json forge_json(const ForgeOutcome& outcome);

}  // namespace holler::cli
