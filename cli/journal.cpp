#include "cli/journal.hpp"

#include <fmt/core.h>
#include <string>
#include <system_error>

#include "cli/output.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

std::string_view words_for(ReplyKind kind) noexcept {
  switch (kind) {
    case ReplyKind::reply: return "the reply";
    case ReplyKind::working: return "it is working on it";
    case ReplyKind::busy: return "it is busy";
    case ReplyKind::refused: return "it will not do this";
    case ReplyKind::verify: return "it wants proof of our address";
    case ReplyKind::restarted: return "it has been restarted since we heard of it";
    case ReplyKind::dropped: break;
  }
  return "";
}

std::string detail_of_sent(const TraceEvent& event, bool with_local) {
  std::string text = event.attempt == 0 ? "" : fmt::format("attempt {}", event.attempt);
  if (with_local) text += fmt::format(" from {}", event.local.to_string());
  if (event.wait > Duration::zero()) text += fmt::format(", wait up to {}", shown(event.wait));
  return text;
}

std::string detail_of(const TraceEvent& event, bool with_local) {
  switch (event.kind) {
    case TraceEvent::Kind::sent: return detail_of_sent(event, with_local);
    case TraceEvent::Kind::received: return std::string{event.reply_kind ? words_for(*event.reply_kind) : ""};
    case TraceEvent::Kind::dropped:
      return event.drop ? fmt::format("{}: {}", name_of(*event.drop), describe(*event.drop)) : "";
    case TraceEvent::Kind::icmp: return std::generic_category().message(event.system_errno);
  }
  return "";
}

struct Look {
  std::string_view word;
  std::string_view colour;
};

Look look_of(TraceEvent::Kind kind, const Palette& colours) noexcept {
  switch (kind) {
    case TraceEvent::Kind::sent: return {"sent", ""};
    case TraceEvent::Kind::received: return {"received", colours.good};
    case TraceEvent::Kind::dropped: return {"dropped", colours.note};
    case TraceEvent::Kind::icmp: return {"icmp", colours.bad};
  }
  return {};
}

}  // namespace

Journal::Journal(Telling telling, bool wants_colour) noexcept
    : telling_{telling}, wants_colour_{wants_colour} {}

void Journal::begin(Timestamp now) {
  if (!origin_) origin_ = now;
  attempts_ = 0;
  peer_.reset();
  local_.reset();
  dropped_ = {};
  heard_working_ = false;
  heard_busy_ = false;
  heard_restarted_ = false;
  icmp_errno_ = 0;
}

void Journal::note(const TraceEvent& event) {
  const bool new_local = event.kind == TraceEvent::Kind::sent && local_ != event.local;
  if (event.kind == TraceEvent::Kind::sent) {
    ++attempts_;
    peer_ = event.peer;
    local_ = event.local;
  }
  if (event.kind == TraceEvent::Kind::dropped && event.drop) dropped_.add(*event.drop);
  if (event.kind == TraceEvent::Kind::icmp) icmp_errno_ = event.system_errno;
  if (event.reply_kind == ReplyKind::working) heard_working_ = true;
  if (event.reply_kind == ReplyKind::busy) heard_busy_ = true;
  if (event.reply_kind == ReplyKind::restarted) heard_restarted_ = true;

  if (telling_ == Telling::everything) print(event, new_local);
  if (telling_ == Telling::repeats && event.kind == TraceEvent::Kind::sent && event.attempt > 1) {
    const Palette colours = palette(wants_colour_);
    const std::string why = heard_restarted_
                                ? fmt::format("{} has been restarted", event.peer.to_string())
                                : fmt::format("nothing heard from {} yet", event.peer.to_string());
    standard_error().write(
        fmt::format("{}{}, asking again: {}{}\n", colours.dim, why, detail_of(event, false), colours.end));
  }
}

void Journal::print(const TraceEvent& event, bool new_local) {
  const Palette colours = palette(wants_colour_);
  std::string text;
  if (!printed_heading_) {
    printed_heading_ = true;
    text = fmt::format("{}{:>10}  {:<8}  {:<23}  {:>5}  {}{}\n", colours.dim, "MS", "EVENT", "PEER", "BYTES",
                       "DETAIL", colours.end);
  }
  const double milliseconds =
      std::chrono::duration<double, std::milli>(event.when - origin_.value_or(event.when)).count();
  const Look look = look_of(event.kind, colours);
  text += fmt::format("{:>10.3f}  {}{:<8}{}  {:<23}  {:>5}  {}\n", milliseconds, look.colour, look.word,
                      look.colour.empty() ? "" : colours.end, event.peer.to_string(), event.bytes,
                      detail_of(event, new_local));
  standard_error().write(text);
}

}  // namespace holler::cli
