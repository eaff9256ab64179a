#include "runtime/ask_result.hpp"

#include <cerrno>
#include <string>

#include "holler/names.hpp"

#include "base/small_copy.hpp"
#include "runtime/reply_writer.hpp"

namespace holler {
namespace {

Error ask_error(ErrorCode code, const Endpoint& peer, std::string advice) {
  return {.code = code,
          .system_errno = 0,
          .attempted = "ask",
          .endpoint = peer,
          .advice = std::move(advice),
          .payload_bytes_max = {}};
}

std::string advice_on_silence(const RequestEvent& event) {
  if (event.attempts == 0) {
    return "it was never sent: there was no time, or too many questions are waiting";
  }
  if (event.heard) return "the server said that it is working on it: allow more time";
  std::string advice = "asked " + std::to_string(event.attempts) + (event.attempts == 1 ? " time" : " times");
  if (event.soft_error)
    return advice + "; a host on the way says that the peer cannot be reached at the moment";
  return advice + "; slow, down or cut off look alike from here";
}

/// Whether a request that has ended without a reply may have been run.
bool maybe_done(const RequestEvent& event) {
  switch (event.outcome) {
    case Outcome::refused: return event.attempts > 1 || event.heard;
    // holler's own reasons say that the handler has begun.
    case Outcome::declined: return event.maybe_repeated || event.reason >= kReplyAbandoned;
    default: return event.attempts > 0;
  }
}

Error error_of(ErrorCode code, const RequestEvent& event, std::string advice) {
  Error error = ask_error(code, event.peer, std::move(advice));
  error.maybe_done = maybe_done(event);
  return error;
}

Unreachable kind_of(int system_errno) {
  switch (system_errno) {
    case ECONNREFUSED: return Unreachable::refused;
    case EMSGSIZE: return Unreachable::too_large;
    case EPERM:
    case EACCES: return Unreachable::forbidden;
    default: return Unreachable::soft;
  }
}

/// RFC 1812 §5.2.7.1 and RFC 4443 §3.1: some filter on the way says no.
bool is_filtered(const SocketError& error) {
  if (error.destination.address.is_v6()) return error.icmp_type == 1 && error.icmp_code == 1;
  return error.icmp_type == 3 && (error.icmp_code == 9 || error.icmp_code == 10 || error.icmp_code == 13);
}

}  // namespace

Error start_error(StartStatus status, const Endpoint& peer, std::size_t payload_bytes_max) {
  switch (status) {
    case StartStatus::too_large: {
      Error error = ask_error(ErrorCode::too_large, peer, "send less, or use TCP");
      error.payload_bytes_max = payload_bytes_max;
      return error;
    }
    case StartStatus::not_encodable:
      return ask_error(ErrorCode::invalid_argument, peer, "the payload is not a request of this protocol");
    case StartStatus::bad_peer:
      return ask_error(ErrorCode::invalid_argument, peer, "port 0 and wildcard addresses cannot be asked");
    case StartStatus::channel_taken:
    case StartStatus::table_full:
    case StartStatus::started: break;
  }
  return ask_error(ErrorCode::out_of_resources, peer,
                   "too many questions are outstanding: wait for some to end");
}

void write_reply(const RequestEvent& event, const Endpoint& local, Reply& reply) {
  if (reply.payload.size() != event.payload.size()) reply.payload.resize(event.payload.size());
  small_copy(reply.payload.data(), event.payload);
  reply.peer = event.from;
  reply.local = local;
  reply.attempts = event.attempts;
  reply.rtt = event.rtt;
  reply.hold = event.hold;
  reply.elapsed = event.elapsed;
  reply.mismatches = event.mismatches;
  reply.maybe_repeated = event.maybe_repeated;
}

Result<Reply> result_of(const RequestEvent& event, const Endpoint& local) {
  switch (event.outcome) {
    case Outcome::answered: {
      Result<Reply> result;
      write_reply(event, local, *result);
      return result;
    }
    case Outcome::no_answer: return failure(error_of(ErrorCode::no_answer, event, advice_on_silence(event)));
    case Outcome::refused:
      return failure(error_of(ErrorCode::refused, event,
                              maybe_done(event) ? "a server that has ended since may have done this or not"
                                                : "check the port, and that the server runs"));
    case Outcome::declined:
      return failure(error_of(ErrorCode::declined, event,
                              "its reason is " + std::to_string(event.reason) +
                                  (event.maybe_repeated ? "; an earlier server may have done this" : "")));
    case Outcome::busy: return failure(error_of(ErrorCode::busy, event, "try again later"));
    case Outcome::forbidden:
      return failure(
          error_of(ErrorCode::permission_denied, event, "a firewall here or on the way forbids it"));
    case Outcome::too_large: {
      Error error = error_of(ErrorCode::too_large, event, "send less, or use TCP");
      const std::uint32_t headers = event.peer.address.is_v6() ? 48 : 28;
      if (event.path_mtu_bytes > headers) error.payload_bytes_max = event.path_mtu_bytes - headers;
      return failure(std::move(error));
    }
    case Outcome::unknown:
      return failure(error_of(ErrorCode::unknown, event,
                              "it may have done this or not: find out, or ask again if it does no harm"));
    case Outcome::cancelled: break;
  }
  return failure(error_of(ErrorCode::cancelled, event, {}));
}

Unreachability news_of(const SocketError& error, std::uint32_t channel) {
  return {.kind = is_filtered(error) ? Unreachable::forbidden : kind_of(error.system_errno),
          .peer = error.destination,
          .channel = channel,
          .quote = error.quote,
          .path_mtu_bytes = error.local ? 0 : error.path_mtu_bytes};
}

Unreachability news_of(const Error& error, const Endpoint& peer, std::uint32_t channel, Bytes datagram) {
  return {.kind = kind_of(error.system_errno), .peer = peer, .channel = channel, .quote = datagram};
}

RequestOptions request_options(const AskOptions& options, std::uint32_t channel) {
  return {.deadline = options.deadline,
          .first_wait = options.first_wait,
          .attempts_max = options.attempts_max,
          .backoff_max = options.backoff_max,
          .jitter = options.jitter,
          .channel = channel,
          .repeatable = options.repeatable,
          .promiscuous = options.promiscuous};
}

SocketOptions socket_options(const ClientOptions& options) {
  return {.interface = options.interface,
          .dual_stack = false,
          .receive_buffer_bytes = options.receive_buffer_bytes,
          .coalesce = true,
          .tell_waits = false};
}

Result<Endpoint> source_for(const ClientOptions& options, const Endpoint& peer) {
  const bool v6 = peer.address.is_v6();
  const Endpoint source = options.source.value_or(Endpoint{});
  if (source.address.is_wildcard()) return Endpoint{v6 ? Address::any_v6() : Address::any_v4(), source.port};
  if (source.address.is_v6() == v6) return source;
  return failure(ask_error(ErrorCode::invalid_argument, peer,
                           "the source " + source.address.to_string() + " is of the other IP version"));
}

Endpoint on_interface(const ClientOptions& options, const Endpoint& peer) {
  if (options.interface.empty() || !peer.address.is_v6() || peer.address.scope() != 0) return peer;
  // Address keeps a scope only where it means something; elsewhere this changes nothing.
  const auto index = interface_index(options.interface);
  return index ? Endpoint{Address::v6(peer.address.bytes(), *index), peer.port} : peer;
}

}  // namespace holler
