#include <algorithm>
#include <span>

#include "base/check.hpp"
#include "core/responder_engine.hpp"

namespace holler {
namespace {

/// Messages that wait to be sent, at most: one batch of arrivals makes far fewer, so that this is reached
/// only where the owner never polls.
constexpr std::size_t kLeavingMax = 1U << 16U;

}  // namespace

ReceiptResult Responder::Engine::handle_datagram(Timestamp now, const Incoming& incoming) {
  ++(incoming.continued ? stats_.bundled : stats_.received);
  admission_.on_read(now, incoming.waited);
  born_ = std::min(born_, now);
  HOLLER_CHECK(!pending_);  // the owner polls each request before it hands in the next datagram
  if (incoming.truncated) return drop(DropReason::truncated);
  if (incoming.from.port == 0) return drop(DropReason::malformed);  // RFC 8085 §5.1: nowhere to answer to
  // Somebody wants this server to talk to itself for ever ("loop DoS", CVE-2024-2169): a plain answer would
  // come back as the next request.
  if (incoming.from == incoming.to) return drop(DropReason::wrong_source);
  if (incoming.delivery != Delivery::unicast && !options_.answer_broadcast)
    return drop(DropReason::not_unicast);
  // The first codec is asked alone: what is its own, which is nearly all, is not moved about.
  const RequestView view = codecs_.front()->decode_request(incoming.bytes);
  if (view.drop == DropReason::foreign) return receive_foreign(now, incoming);
  ReceiptResult result = receive_message(now, incoming, *codecs_.front(), view);
  result.rest = view.rest;
  return result;
}

/// What the first codec does not know.
ReceiptResult Responder::Engine::receive_foreign(Timestamp now, const Incoming& incoming) {
  for (const Codec* codec : std::span{codecs_}.subspan(1)) {
    // What follows a message that tells where it ends is not plain text.
    if (incoming.continued && !codec->traits().bundles) continue;
    const RequestView view = codec->decode_request(incoming.bytes);
    if (view.drop == DropReason::foreign) continue;
    ReceiptResult result = receive_message(now, incoming, *codec, view);
    result.rest = view.rest;
    return result;
  }
  return drop(DropReason::foreign);
}

ReceiptResult Responder::Engine::receive_message(Timestamp now, const Incoming& incoming, const Codec& codec,
                                                 const RequestView& view) {
  if (view.drop) return drop(*view.drop);
  if (view.time_left != kForever && view.time_left <= incoming.waited) {
    return drop(DropReason::expired);
  }
  if (leaving() >= kLeavingMax) return drop(DropReason::over_limit);
  RequestCopy copy = copy_of(now, incoming, codec, view);
  if (copy.identified) return receive_identified(now, view, copy, incoming.delivery);
  if (jobs() >= options_.jobs_max) return decline_busy(copy, options_.busy_retry);
  offer(now, open_job(copy), view.payload, incoming.delivery);
  return {.receipt = Receipt::request};
}

ReceiptResult Responder::Engine::drop(DropReason reason) {
  stats_.dropped.add(reason);
  return {.receipt = Receipt::dropped, .drop = reason};
}

RequestCopy Responder::Engine::copy_of(Timestamp now, const Incoming& incoming, const Codec& codec,
                                       const RequestView& view) {
  const Timestamp received = now - incoming.waited;
  const std::size_t bytes = incoming.bytes.size() - view.rest.size();
  return {.codec = &codec,
          .identified = view.identified,
          .bundles = view.bundles,
          .attempt = view.attempt,
          .key = {view.conversation, view.number},
          .id = view.id,
          .asker = incoming.from,
          .asked = incoming.to,
          .channel = incoming.channel,
          .interface = incoming.interface,
          .received = received,
          .given_up = later(received, view.time_left),
          .wire_received = incoming.continued ? bytes : wire_bytes(incoming.from, bytes)};
}

ReceiptResult Responder::Engine::receive_identified(Timestamp now, const RequestView& view, RequestCopy& copy,
                                                    Delivery delivery) {
  if (may_have_run_before(now, view) && !cache_.find(copy.key)) {
    queue_note(copy, ReplyKind::restarted, Duration::zero());
    return {.receipt = Receipt::declined};
  }
  // What cannot be served, or may be invented, leaves no trace in the memory of requests.
  const bool full = jobs() >= options_.jobs_max;
  const bool unproven = cache_.crowded() && !shows_address(now, copy.asker, view.cookie);
  if ((full || unproven || admission_.overloaded()) && !cache_.find(copy.key)) {
    if (full) return decline_busy(copy, options_.busy_retry);
    if (admission_.refuses()) return decline_busy(copy, admission_.rest(now, view.time_left));
    if (unproven) {
      queue_note(copy, ReplyKind::verify, Duration::zero());
      return {.receipt = Receipt::declined};
    }
  }
  const Duration left = std::min(view.time_left, options_.time_left_max);
  const Timestamp keep_until = later(later(now, left), options_.datagram_lifetime);
  auto lookup = cache_.find_or_add(now, copy.key, view.done_below, view.id, keep_until);
  if (lookup.finding == ReplyCache::Finding::full && shows_address(now, copy.asker, view.cookie)) {
    // A large bundle may have been lost: numbers far apart are believed of those whom answers reach.
    lookup = cache_.find_or_add(now, copy.key, view.done_below, view.id, keep_until, ReplyCache::kGapTrusted);
  }
  const auto [finding, entry, place] = lookup;
  copy.place = place;
  switch (finding) {
    case ReplyCache::Finding::done: return drop(DropReason::already_done);
    case ReplyCache::Finding::wrong_id: return drop(DropReason::wrong_id);
    case ReplyCache::Finding::full: return decline_busy(copy, options_.busy_retry);
    case ReplyCache::Finding::known:
    case ReplyCache::Finding::fresh: break;
  }
  if (entry->asker != copy.asker.address) {
    // One asker that has shown its address, or has sent much, must not be able to spend that on another's.
    entry->asker = copy.asker.address;
    entry->verified = false;
    entry->wire_received = entry->wire_sent = 0;
  }
  entry->wire_received += copy.wire_received;
  if (!entry->verified && cookie_valid(now, copy.asker, view.cookie)) {
    entry->verified = true;
    ++stats_.verified;
  }
  if (finding == ReplyCache::Finding::known) return receive_repeat(copy, *entry);
  entry->job = open_job(copy);
  offer(now, entry->job, view.payload, delivery);
  return {.receipt = Receipt::request};
}

ReceiptResult Responder::Engine::receive_repeat(const RequestCopy& copy, CachedReply& entry) {
  ++stats_.repeated;
  switch (entry.state) {
    case CachedReply::State::at_work:
      jobs_[entry.job].copy = copy;
      queue_note(copy, ReplyKind::working, options_.working_retry);
      return {.receipt = Receipt::repeat_working};
    case CachedReply::State::replied: queue_note(copy, ReplyKind::reply, Duration::zero()); break;
    case CachedReply::State::refused:
      queue_note(copy, ReplyKind::refused, Duration::zero(), entry.reason);
      break;
    case CachedReply::State::ignored:
    case CachedReply::State::absent: break;
  }
  return {.receipt = Receipt::repeat_answered};
}

ReceiptResult Responder::Engine::decline_busy(const RequestCopy& copy, Duration retry_after) {
  if (!copy.identified) return drop(DropReason::over_limit);  // it has no way to say "busy"
  queue_note(copy, ReplyKind::busy, retry_after);
  return {.receipt = Receipt::declined};
}

void Responder::Engine::queue_note(const RequestCopy& copy, ReplyKind kind, Duration retry_after,
                                   std::uint16_t reason) {
  send_off(copy.received, open_job(copy, Job::State::leaving), kind, retry_after, reason);
}

std::uint32_t Responder::Engine::open_job(const RequestCopy& copy, Job::State state) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(jobs_.size());
    jobs_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  jobs_[slot].state = state;
  jobs_[slot].copy = copy;
  return slot;
}

void Responder::Engine::offer(Timestamp now, std::uint32_t job, Bytes payload, Delivery delivery) {
  ++stats_.requests;
  admission_.on_admitted();
  const RequestCopy& copy = jobs_[job].copy;
  pending_ = IncomingRequest{.job = {job, jobs_[job].generation},
                             .from = copy.asker,
                             .to = copy.asked,
                             .channel = copy.channel,
                             .delivery = delivery,
                             .codec = copy.codec,
                             .attempt = copy.attempt,
                             .time_left = copy.given_up == kNever ? kForever : copy.given_up - now,
                             .payload = payload};
}

}  // namespace holler
