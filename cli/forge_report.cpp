#include "cli/forge_report.hpp"

#include <algorithm>
#include <fmt/core.h>

#include "holler/ports.hpp"

#include "cli/text.hpp"

namespace holler::cli {
namespace {

bool guesses(ForgeMode mode) noexcept { return mode == ForgeMode::spoof || mode == ForgeMode::flood; }

/// How many different datagrams the attacker has to choose from, of which one is right.
double choices(const ForgeField& field) {
  double count = field.forgery.guesses();
  const auto range = ephemeral_port_range();
  if (field.client && field.client->port == 0 && range) count *= range->second - range->first + 1;
  return count;
}

/// The probability that at least one was right, and no more than that: for a client that asks anew all the
/// time, and for one whose one question the guesses run through.
double chance(const ForgeField& field) {
  return std::min(1.0, static_cast<double>(field.sent) / choices(field));
}

std::string shown_count(double count) {
  return count < 1e7 ? grouped(static_cast<std::uint64_t>(count)) : fmt::format("{:.2g}", count);
}

std::string guessed_parts(const ForgeField& field) {
  std::string parts;
  const auto add = [&parts](std::string_view part) {
    parts += (parts.empty() ? "" : ", ") + std::string{part};
  };
  if (field.client && field.client->port == 0) add("port");
  if (field.forgery.dialect() == Dialect::holler && !field.settings.knows_number) add("number");
  if (field.forgery.dialect() == Dialect::holler) add("64-bit ID");
  if (field.forgery.dialect() == Dialect::dns) add("16-bit ID");
  return parts.empty() ? "nothing: this protocol has no ID" : parts;
}

std::string whom(const ForgeField& field) {
  if (!field.client) return "nobody";
  return field.client->port == 0 ? field.client->address.to_string() : field.client->to_string();
}

std::string sent_text(const ForgeOutcome& outcome) {
  const ForgeField& field = outcome.field;
  if (field.sent == 0 && field.settings.client_port) {
    return fmt::format("forge {}: sent nothing\n", name_of(field.settings.mode));
  }
  if (field.sent == 0) {
    return fmt::format("forge {}: sent nothing: nobody was seen asking {}\n", name_of(field.settings.mode),
                       field.settings.server.to_string());
  }
  std::string text =
      fmt::format("forge {}: sent {} forged {} in {}", name_of(field.settings.mode), grouped(field.sent),
                  field.sent == 1 ? "datagram" : "datagrams", shown(outcome.elapsed));
  switch (field.settings.mode) {
    case ForgeMode::stranger: text += fmt::format(" from an address of its own to {}", whom(field)); break;
    case ForgeMode::replay:
      text += fmt::format(": {} to {}, {} to the client", grouped(field.to_server),
                          field.settings.server.to_string(), grouped(field.sent - field.to_server));
      break;
    default: text += fmt::format(" as {} to {}", field.settings.server.to_string(), whom(field)); break;
  }
  return text + "\n";
}

std::string odds_text(const ForgeField& field) {
  if (!guesses(field.settings.mode) || field.sent == 0) return "";
  return fmt::format(
      "it guessed {}; each was right with a chance of 1 in {}, one of them with {:.2g} at most\n",
      guessed_parts(field), shown_count(choices(field)), chance(field));
}

std::string taken_text(const ForgeOutcome& outcome) {
  if (outcome.victim == nullptr) {
    return "what the client took only the client knows; run it as COMMAND to have it counted\n";
  }
  const VictimOutput& output = outcome.victim->output();
  std::string text = taken(outcome) == 0 ? "the client took none of them"
                                         : fmt::format("the client TOOK {} of them", grouped(taken(outcome)));
  if (output.asked() > 0) {
    text += fmt::format("; {} asked, {} answered", counted(output.asked(), "question"),
                        grouped(output.answered()));
  }
  text += "\n";
  std::string dropped;
  for (const auto& [reason, count] : output.dropped()) {
    dropped += fmt::format("{}{} {}", dropped.empty() ? "" : ", ", reason, grouped(count));
  }
  if (!dropped.empty()) text += "the client dropped: " + dropped + "\n";
  if (output.alarms() > 0)
    text += fmt::format("the client raised the alarm: {}\n", counted(output.alarms(), "time"));
  return text;
}

Json victim_json(const Victim& victim) {
  const VictimOutput& output = victim.output();
  Json object;
  object["exit_code"] = victim.status() ? Json(*victim.status()) : Json(nullptr);
  object["asked"] = output.asked();
  object["answered"] = output.answered();
  object["alarms"] = output.alarms();
  object["dropped"] = Json::object();
  for (const auto& [reason, count] : output.dropped()) object["dropped"][reason] = count;
  return object;
}

}  // namespace

std::uint64_t taken(const ForgeOutcome& outcome) {
  return outcome.victim == nullptr ? 0 : std::min(outcome.victim->output().taken(), outcome.field.sent);
}

std::string forge_text(const ForgeOutcome& outcome) {
  std::string text = sent_text(outcome) + odds_text(outcome.field);
  if (outcome.unseen > 0)
    text += fmt::format("{} passed too fast to be seen\n", counted(outcome.unseen, "datagram"));
  return text + taken_text(outcome);
}

Json forge_json(const ForgeOutcome& outcome) {
  const ForgeField& field = outcome.field;
  const bool guessed = guesses(field.settings.mode) && field.sent > 0;
  Json object;
  object["mode"] = name_of(field.settings.mode);
  object["server"] = field.settings.server.to_string();
  object["client"] = field.client ? Json(whom(field)) : Json(nullptr);
  object["protocol"] = name_of(field.forgery.dialect());
  object["sent"] = field.sent;
  object["sent_to_server"] = field.to_server;
  object["taken"] = outcome.victim != nullptr ? Json(taken(outcome)) : Json(nullptr);
  object["choices"] = guessed ? Json(choices(field)) : Json(nullptr);
  object["chance"] = guessed ? Json(chance(field)) : Json(nullptr);
  object["elapsed_ms"] = json_milliseconds(outcome.elapsed);
  object["unseen"] = outcome.unseen;
  object["victim"] = outcome.victim != nullptr ? victim_json(*outcome.victim) : Json(nullptr);
  return Json{{"forge", object}};
}

}  // namespace holler::cli
