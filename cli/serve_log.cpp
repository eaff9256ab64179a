#include "cli/serve_log.hpp"

#include <fmt/core.h>

#include "holler/codecs.hpp"

#include "cli/escape.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

/// What can be said of a datagram without being its server.
struct Glimpse {
  Bytes payload;
  std::uint8_t attempt = 0;  ///< 0 for unknown
};

Glimpse glimpse(Bytes datagram) {
  const RequestView view = holler_codec().decode_request(datagram);
  if (view.drop) return {datagram, 0};
  return {view.payload, view.attempt};
}

Json event_json(std::string_view event, const Endpoint& from, const Endpoint& to) {
  Json object;
  object["event"] = event;
  object["time"] = utc_time();
  object["from"] = from.to_string();
  object["to"] = to.to_string();
  return object;
}

Json attempt_json(std::uint8_t attempt) { return attempt == 0 ? Json(nullptr) : Json(attempt); }

std::string attempt_text(std::uint8_t attempt) {
  return attempt == 0 ? "" : fmt::format("attempt {}", attempt);
}

}  // namespace

ServeLog::ServeLog(Style style, bool quiet) noexcept
    : style_{style},
      quiet_{quiet},
      wants_colour_{style == Style::people && standard_output().wants_colour()} {}

void ServeLog::listening(const Endpoint& endpoint, const Json& settings, const std::string& remark) const {
  if (style_ == Style::json) {
    Json object;
    object["event"] = "listening";
    object["time"] = utc_time();
    object["endpoint"] = endpoint.to_string();
    object["address"] = endpoint.address.to_string();
    object["port"] = endpoint.port;
    object.update(settings);
    print_json(object);
    return;
  }
  standard_output().write(fmt::format("Listening at {}{}\n", endpoint.to_string(), remark));
}

std::string ServeLog::line(std::string_view word, std::string_view colour, const Endpoint& from,
                           std::size_t bytes, std::string_view rest) const {
  const Palette colours = palette(wants_colour_);
  return fmt::format("{}{}{}  {}{:<8}{}  {:<21}  {:>5}  {}\n", colours.dim, time_of_day(), colours.end,
                     colour, word, colour.empty() ? "" : colours.end, from.to_string(), bytes, rest);
}

void ServeLog::request(const Request& request) const {
  if (quiet_) return;
  if (style_ == Style::json) {
    Json object = event_json("request", request.from, request.to);
    object["bytes"] = request.payload.size();
    object["protocol"] = request.identified ? "holler" : "plain";
    object["attempt"] = attempt_json(request.attempt);
    add_payload(object, request.payload);
    print_json(object);
    return;
  }
  std::string rest = quoted(request.text());
  if (!request.identified) rest += "  plain";
  if (request.attempt > 1) rest += "  " + attempt_text(request.attempt);
  standard_output().write(
      line("request", palette(wants_colour_).good, request.from, request.payload.size(), rest));
}

void ServeLog::note(const TraceEvent& event) const {
  if (quiet_) return;
  const bool dropped = event.kind == TraceEvent::Kind::dropped && event.drop.has_value();
  const bool repeated = event.kind == TraceEvent::Kind::received && event.repeat;
  if (event.kind == TraceEvent::Kind::sent) note_denial(event);
  if (!dropped && !repeated) return;

  const Glimpse seen = glimpse(event.datagram);
  if (style_ == Style::json) {
    Json object = event_json(dropped ? "dropped" : "repeat", event.peer, event.local);
    if (dropped) object["reason"] = name_of(*event.drop);
    object["bytes"] = seen.payload.size();
    object["attempt"] = attempt_json(seen.attempt);
    if (dropped) add_payload(object, seen.payload);
    print_json(object);
    return;
  }
  const Palette colours = palette(wants_colour_);
  std::string rest = quoted(text_of(seen.payload), dropped ? 80 : 40);
  if (seen.attempt > 0) rest += "  " + attempt_text(seen.attempt);
  if (dropped) rest += fmt::format("  {}: {}", name_of(*event.drop), describe(*event.drop));
  standard_output().write(line(dropped ? "dropped" : "repeat", dropped ? colours.bad : colours.note,
                               event.peer, seen.payload.size(), rest));
}

void ServeLog::note_denial(const TraceEvent& event) const {
  std::string_view name;
  std::string_view story;
  switch (event.reply_kind.value_or(ReplyKind::reply)) {
    case ReplyKind::busy:
      name = "busy";
      story = "told to come back";
      break;
    case ReplyKind::refused:
      name = "refused";
      story = "told that this will not be done";
      break;
    case ReplyKind::restarted:
      name = "restarted";
      story = "told that the server it knows has been restarted";
      break;
    default: return;
  }
  if (style_ == Style::json) {
    print_json(event_json(name, event.peer, event.local));
    return;
  }
  standard_output().write(line(name, palette(wants_colour_).bad, event.peer, 0, std::string{story}));
}

void ServeLog::summary(const ServerStats& stats, Duration elapsed) const {
  const ResponderStats& counts = stats.responder;
  if (style_ == Style::json) {
    Json object;
    object["event"] = "summary";
    object["time"] = utc_time();
    object["received"] = counts.received;
    object["requests"] = counts.requests;
    object["answered"] = counts.answered;
    object["repeated"] = counts.repeated;
    object["refused"] = counts.refused;
    object["busy"] = counts.busy;
    object["restarted"] = counts.restarted;
    object["bundled"] = counts.bundled;
    object["dropped"] = json_counts(counts.dropped);
    object["kernel_drops"] = stats.kernel_drops;
    object["elapsed_ms"] = json_milliseconds(elapsed);
    print_json(object);
    return;
  }
  std::string text =
      fmt::format("Served {}: received {}, answered {} of {}, {} repeated, dropped {}", shown(elapsed),
                  counted(counts.received, "datagram"), counts.answered, counted(counts.requests, "request"),
                  counts.repeated, counts.dropped.total());
  if (counts.dropped.total() > 0) text += fmt::format(" ({})", shown(counts.dropped));
  if (counts.refused > 0) text += fmt::format(", refused {}", counts.refused);
  if (counts.busy > 0) text += fmt::format(", told busy {}", counts.busy);
  if (counts.restarted > 0) text += fmt::format(", told of a restart {}", counts.restarted);
  text += fmt::format(", lost by the kernel {}\n", stats.kernel_drops);
  standard_output().write(text);
}

}  // namespace holler::cli
