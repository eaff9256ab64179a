#include <algorithm>

#include "base/check.hpp"
#include "core/responder_engine.hpp"

namespace holler {
namespace {

/// Datagrams that wait to be sent, at most: one batch of arrivals makes far fewer, so that this is reached
/// only where the owner never polls.
constexpr std::size_t kOutgoingMax = 1U << 16U;

}  // namespace

ReceiptResult Responder::Engine::handle_datagram(Timestamp now, const Incoming& incoming) {
  ++stats_.received;
  HOLLER_CHECK(!pending_);  // the owner polls each request before it hands in the next datagram
  if (incoming.truncated) return drop(DropReason::truncated);
  if (incoming.from.port == 0) return drop(DropReason::malformed);  // RFC 8085 §5.1: nowhere to answer to
  if (incoming.delivery != Delivery::unicast && !options_.answer_broadcast)
    return drop(DropReason::not_unicast);
  const Decoded decoded = decode(incoming.bytes);
  if (decoded.view.drop) return drop(*decoded.view.drop);
  if (decoded.view.time_left != kForever && decoded.view.time_left <= incoming.waited) {
    return drop(DropReason::expired);
  }
  if (outgoing_.size() >= kOutgoingMax) return drop(DropReason::over_limit);
  if (decoded.view.identified) return receive_identified(now, incoming, decoded);
  if (jobs() >= options_.jobs_max) return decline_busy(now, incoming, decoded);
  offer(open_job(now, incoming, decoded), incoming, decoded);
  return {.receipt = Receipt::request};
}

Responder::Engine::Decoded Responder::Engine::decode(Bytes datagram) const {
  for (const Codec* codec : codecs_) {
    Decoded decoded{.codec = codec, .view = codec->decode_request(datagram)};
    if (decoded.view.drop != DropReason::foreign) return decoded;
  }
  return {.codec = nullptr, .view = {.drop = DropReason::foreign}};
}

ReceiptResult Responder::Engine::drop(DropReason reason) {
  stats_.dropped.add(reason);
  return {.receipt = Receipt::dropped, .drop = reason};
}

ReceiptResult Responder::Engine::receive_identified(Timestamp now, const Incoming& incoming,
                                                    const Decoded& decoded) {
  const RequestView& view = decoded.view;
  const RequestKey key{view.conversation, view.number};
  // What cannot be served, or may be invented, leaves no trace in the memory of requests.
  const bool full = jobs() >= options_.jobs_max;
  if ((full || (cache_.crowded() && !shows_address(now, incoming, view.cookie))) && !cache_.find(key)) {
    if (full) return decline_busy(now, incoming, decoded);
    queue_note(now, incoming, decoded, ReplyKind::verify, Duration::zero());
    return {.receipt = Receipt::declined};
  }
  const Duration left = std::min(view.time_left, options_.time_left_max);
  const Timestamp keep_until = later(later(now, left), options_.datagram_lifetime);
  const auto [finding, entry] = cache_.find_or_add(now, key, view.done_below, view.id, keep_until);
  switch (finding) {
    case ReplyCache::Finding::done: return drop(DropReason::already_done);
    case ReplyCache::Finding::wrong_id: return drop(DropReason::wrong_id);
    case ReplyCache::Finding::full: return decline_busy(now, incoming, decoded);
    case ReplyCache::Finding::known:
    case ReplyCache::Finding::fresh: break;
  }
  if (entry->asker != incoming.from.address) {
    // One asker that has shown its address, or has sent much, must not be able to spend that on another's.
    entry->asker = incoming.from.address;
    entry->verified = false;
    entry->wire_received = entry->wire_sent = 0;
  }
  entry->wire_received += wire_bytes(incoming.from, incoming.bytes.size());
  if (!entry->verified && cookie_valid(now, incoming.from, view.cookie)) {
    entry->verified = true;
    ++stats_.verified;
  }
  if (finding == ReplyCache::Finding::known) return receive_repeat(now, incoming, decoded, *entry);
  entry->job = open_job(now, incoming, decoded);
  offer(entry->job, incoming, decoded);
  return {.receipt = Receipt::request};
}

ReceiptResult Responder::Engine::receive_repeat(Timestamp now, const Incoming& incoming,
                                                const Decoded& decoded, CachedReply& entry) {
  ++stats_.repeated;
  switch (entry.state) {
    case CachedReply::State::at_work: {
      // The answer goes to where the last copy came from: a NAT may have moved the asker meanwhile.
      Job& job = jobs_[entry.job];
      job.from = incoming.from;
      job.to = incoming.to;
      job.channel = incoming.channel;
      job.interface = incoming.interface;
      job.attempt = decoded.view.attempt;
      job.received = now - incoming.waited;
      job.given_up = later(job.received, decoded.view.time_left);
      queue_note(now, incoming, decoded, ReplyKind::working, options_.working_retry);
      return {.receipt = Receipt::repeat_working};
    }
    case CachedReply::State::replied:
      outgoing_.push_back(answer_to(now, incoming, decoded, ReplyKind::reply));
      outgoing_.back().repeat = true;
      break;
    case CachedReply::State::refused:
      queue_note(now, incoming, decoded, ReplyKind::refused, Duration::zero(), entry.reason);
      break;
    case CachedReply::State::ignored:
    case CachedReply::State::absent: break;
  }
  return {.receipt = Receipt::repeat_answered};
}

ReceiptResult Responder::Engine::decline_busy(Timestamp now, const Incoming& incoming,
                                              const Decoded& decoded) {
  if (!decoded.view.identified) return drop(DropReason::over_limit);  // it has no way to say "busy"
  queue_note(now, incoming, decoded, ReplyKind::busy, options_.busy_retry);
  return {.receipt = Receipt::declined};
}

void Responder::Engine::queue_note(Timestamp now, const Incoming& incoming, const Decoded& decoded,
                                   ReplyKind kind, Duration retry_after, std::uint16_t reason) {
  outgoing_.push_back(answer_to(now, incoming, decoded, kind));
  outgoing_.back().retry_after = retry_after;
  outgoing_.back().reason = reason;
}

Responder::Engine::Outgoing Responder::Engine::answer_to(Timestamp now, const Incoming& incoming,
                                                         const Decoded& decoded, ReplyKind kind) const {
  return {.kind = kind,
          .identified = decoded.view.identified,
          .attempt = decoded.view.attempt,
          .codec = decoded.codec,
          .key = {decoded.view.conversation, decoded.view.number},
          .id = decoded.view.id,
          .to = incoming.from,
          .from = incoming.to,
          .channel = incoming.channel,
          .interface = incoming.interface,
          .received = now - incoming.waited,
          .wire_received = wire_bytes(incoming.from, incoming.bytes.size())};
}

std::uint32_t Responder::Engine::open_job(Timestamp now, const Incoming& incoming, const Decoded& decoded) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(jobs_.size());
    jobs_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Job& job = jobs_[slot];
  job.state = Job::State::open;
  job.identified = decoded.view.identified;
  job.attempt = decoded.view.attempt;
  job.codec = decoded.codec;
  job.key = {decoded.view.conversation, decoded.view.number};
  job.id = decoded.view.id;
  job.from = incoming.from;
  job.to = incoming.to;
  job.channel = incoming.channel;
  job.interface = incoming.interface;
  job.received = now - incoming.waited;
  job.given_up = later(job.received, decoded.view.time_left);
  job.wire_received = wire_bytes(incoming.from, incoming.bytes.size());
  return slot;
}

void Responder::Engine::offer(std::uint32_t job, const Incoming& incoming, const Decoded& decoded) {
  ++stats_.requests;
  const RequestView& view = decoded.view;
  pending_ =
      IncomingRequest{.job = {job, jobs_[job].generation},
                      .from = incoming.from,
                      .to = incoming.to,
                      .channel = incoming.channel,
                      .delivery = incoming.delivery,
                      .codec = decoded.codec,
                      .attempt = view.attempt,
                      .time_left = view.time_left == kForever ? kForever : view.time_left - incoming.waited,
                      .payload = view.payload};
}

}  // namespace holler
