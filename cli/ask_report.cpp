#include "cli/ask_report.hpp"

#include <cerrno>
#include <fmt/core.h>
#include <system_error>

#include "cli/text.hpp"

namespace holler::cli {
namespace {

Json endpoint_json(const std::optional<Endpoint>& endpoint) {
  return endpoint ? Json(endpoint->to_string()) : Json(nullptr);
}

/// The peer as asked, with its address where that says more.
std::string peer_shown(const Ending& ending) {
  const auto& endpoint = ending.journal.peer();
  if (!endpoint || endpoint->to_string() == ending.peer) return ending.peer;
  return fmt::format("{} ({})", ending.peer, endpoint->to_string());
}

std::string effort(const Ending& ending) {
  return fmt::format("{} ({})", shown(ending.elapsed), counted(ending.journal.attempts(), "attempt"));
}

/// Of a peer that has not answered.
std::string what_is_known(const Journal& journal) {
  if (journal.heard_working()) return "it said that it was working on it";
  if (journal.icmp_errno() == EHOSTUNREACH || journal.icmp_errno() == ENETUNREACH) {
    return fmt::format("a host on the way says that it cannot be reached at the moment ({})",
                       std::generic_category().message(journal.icmp_errno()));
  }
  return "whether it is down, slow or cut off cannot be told";
}

std::string dropped_clause(const DropCounts& dropped) {
  return dropped.total() == 0 ? "" : "; dropped: " + shown(dropped);
}

/// An echo server sends our own request back, and nc whatever is typed: neither is holler's format.
std::string hint_at_plain(const DropCounts& dropped) {
  const bool other_protocol = dropped[DropReason::foreign] + dropped[DropReason::unknown_type] > 0;
  return other_protocol ? "; if it does not speak holler's protocol, ask with --as plain" : "";
}

}  // namespace

std::string success_text(const Reply& reply, const Ending& ending) {
  std::string parts = counted(reply.attempts, "attempt");
  if (reply.rtt) parts += fmt::format(", network {}", shown(*reply.rtt));
  if (reply.hold) parts += fmt::format(", server {}", shown(*reply.hold));
  // Of a server that is only milliseconds old, and was sent one copy, this is true only if the network made
  // another of it: --json tells that as well.
  return fmt::format("{} answered in {} ({}){}{}", reply.peer.to_string(), shown(reply.elapsed), parts,
                     dropped_clause(ending.journal.dropped()),
                     reply.maybe_repeated && reply.attempts > 1
                         ? "; it was started while it was being asked: an earlier server there "
                           "may have done this too"
                         : "");
}

std::string alarm_text(const DropCounts& dropped) {
  const std::uint64_t mismatches =
      dropped[DropReason::wrong_source] + dropped[DropReason::wrong_id] + dropped[DropReason::wrong_question];
  return fmt::format(
      "alarm: too many datagrams that only pretend to be the answer ({} for this question); somebody may be "
      "forging it",
      grouped(mismatches));
}

std::string failure_text(const Error& error, const Ending& ending) {
  const std::string dropped = dropped_clause(ending.journal.dropped());
  switch (error.code) {
    case ErrorCode::no_answer:
      return fmt::format("no answer from {} within {}; {}{}{}", peer_shown(ending), effort(ending),
                         what_is_known(ending.journal), dropped, hint_at_plain(ending.journal.dropped()));
    case ErrorCode::busy:
      return fmt::format("{} is busy, and had no answer within {}; ask again later{}", peer_shown(ending),
                         effort(ending), dropped);
    case ErrorCode::refused:
      return fmt::format("refused: nobody listens on {}, says its host; {}", peer_shown(ending),
                         error.maybe_done ? "a server that has ended since may have done this or not"
                                          : "start the server, or check the port");
    case ErrorCode::unknown:
      return fmt::format(
          "unknown outcome: {} has been restarted since it was first asked, and may have done this or not; "
          "find "
          "out, or ask with --repeatable if it does no harm twice",
          peer_shown(ending));
    case ErrorCode::cancelled:
      if (ending.journal.attempts() == 0) return "interrupted before anything was asked" + dropped;
      return fmt::format("interrupted after {}, without an answer from {}{}", effort(ending),
                         peer_shown(ending), dropped);
    case ErrorCode::too_large:
      if (!error.payload_bytes_max) break;
      return fmt::format(
          "the message has {} bytes, and a datagram to {} takes {} at most; send less, or use TCP",
          ending.message_bytes > kMessageBytesMax ? fmt::format("more than {}", kMessageBytesMax)
                                                  : std::to_string(ending.message_bytes),
          peer_shown(ending), *error.payload_bytes_max);
    default: break;
  }
  return error.message();
}

Json ending_json(const Result<Reply>& result, const Ending& ending) {
  const Journal& journal = ending.journal;
  Json object;
  object["outcome"] = result ? "answered" : name_of(result.error().code);
  object["peer"] = result ? Json(result->peer.to_string()) : endpoint_json(journal.peer());
  object["local"] = result ? Json(result->local.to_string()) : endpoint_json(journal.local());
  object["attempts"] = result ? result->attempts : journal.attempts();
  object["rtt_ms"] = json_milliseconds(result ? result->rtt : std::nullopt);
  object["server_ms"] = json_milliseconds(result ? result->hold : std::nullopt);
  object["maybe_repeated"] = result && result->maybe_repeated;
  object["maybe_done"] = result ? true : result.error().maybe_done;
  object["elapsed_ms"] = json_milliseconds(result ? result->elapsed : ending.elapsed);
  if (result) {
    add_payload(object, result->payload);
  } else {
    object["payload"] = nullptr;
    object["payload_base64"] = nullptr;
  }
  object["dropped"] = json_counts(journal.dropped());
  object["alarms"] = ending.alarms;
  if (!result) object["error"] = failure_text(result.error(), ending);
  return object;
}

}  // namespace holler::cli
