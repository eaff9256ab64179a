#include <algorithm>
#include <span>

#include "base/check.hpp"
#include "core/responder_engine.hpp"

namespace holler {
namespace {

/// Messages that wait to be sent, at most: one batch of arrivals makes far fewer, so that this is reached
/// only where the owner never polls.
constexpr std::size_t kLeavingMax = 1U << 16U;

/// The slot of no job.
constexpr std::uint32_t kNobody = 0xffffffff;

}  // namespace

ReceiptResult Responder::Engine::handle_datagram(Timestamp now, const Incoming& incoming) {
  ++(incoming.continued ? stats_.bundled : stats_.received);
  admission_.on_read(now, incoming.waited);
  born_ = std::min(born_, now);
  HOLLER_CHECK(!is_pending_);  // the owner takes each request before it hands in what comes next
  rest_ = {};
  if (incoming.truncated) return drop(DropReason::truncated);
  if (incoming.from.port == 0) return drop(DropReason::malformed);  // RFC 8085 §5.1: nowhere to answer to
  // Somebody wants this server to talk to itself for ever ("loop DoS", CVE-2024-2169): a plain answer would
  // come back as the next request.
  if (incoming.from == incoming.to) return drop(DropReason::wrong_source);
  if (incoming.delivery != Delivery::unicast && !options_.answer_broadcast)
    return drop(DropReason::not_unicast);
  origin_ = {.asker = incoming.from,
             .asked = incoming.to,
             .channel = incoming.channel,
             .interface = incoming.interface,
             .received = now - incoming.waited,
             .loopback = incoming.from.address.is_loopback()};
  pending_.from = incoming.from;
  pending_.to = incoming.to;
  pending_.channel = incoming.channel;
  pending_.delivery = incoming.delivery;
  return receive(now, incoming.bytes, incoming.continued);
}

ReceiptResult Responder::Engine::handle_rest(Timestamp now) {
  HOLLER_CHECK(!rest_.empty() && !is_pending_);
  ++stats_.bundled;
  return receive(now, rest_, true);
}

ReceiptResult Responder::Engine::receive(Timestamp now, Bytes bytes, bool continued) {
  // The first format is asked alone: what is its own, which is nearly all, is not moved about.
  const Format& format = formats_.front();
  return with_codec(*format.codec, [&] [[gnu::always_inline]] (const auto& codec) {
    const RequestView view = codec.decode_request(bytes);
    if (view.drop == DropReason::foreign) [[unlikely]]
      return receive_foreign(now, bytes, continued);
    return receive_message(now, format, view, bytes, continued);
  });
}

/// What the first format does not know.
ReceiptResult Responder::Engine::receive_foreign(Timestamp now, Bytes bytes, bool continued) {
  rest_ = {};
  for (const Format& format : std::span{formats_}.subspan(1)) {
    // What follows a message that tells where it ends is not plain text.
    if (continued && !format.bundles) continue;
    const RequestView view = format.codec->decode_request(bytes);
    if (view.drop != DropReason::foreign) return receive_message(now, format, view, bytes, continued);
  }
  return drop(DropReason::foreign);
}

inline ReceiptResult Responder::Engine::receive_message(Timestamp now, const Format& format,
                                                        const RequestView& view, Bytes bytes,
                                                        bool continued) {
  rest_ = view.rest;
  if (view.drop) return drop(*view.drop);
  if (view.time_left != kForever && view.time_left <= now - origin_.received) {
    return drop(DropReason::expired);
  }
  if (outgoing_ >= kLeavingMax) return drop(DropReason::over_limit);
  Job& job = jobs_[spare_];
  note_arriving(job.copy, format, view, bytes, continued);
  if (view.identified) return receive_identified(now, view, job);
  if (jobs() >= options_.jobs_max) return decline_busy(options_.busy_retry);
  offer(now, view, job);
  return {.receipt = Receipt::request, .rest = rest_};
}

ReceiptResult Responder::Engine::drop(DropReason reason) {
  stats_.dropped.add(reason);
  return {.receipt = Receipt::dropped, .drop = reason, .rest = rest_};
}

inline void Responder::Engine::note_arriving(RequestCopy& copy, const Format& format, const RequestView& view,
                                             Bytes bytes, bool continued) const {
  const std::size_t size = bytes.size() - view.rest.size();
  copy.origin = origin_;
  copy.format = &format;
  copy.key = {view.conversation, view.number};
  copy.id = view.id;
  copy.given_up = later(origin_.received, view.time_left);
  copy.wire_received = continued ? size : wire_bytes(origin_.asker, size);
  copy.identified = view.identified;
  copy.bundles = view.bundles;
  copy.attempt = view.attempt;
}

/// What is said in place of taking a request on that is not known; nullopt where nothing speaks against it.
/// What cannot be served, or may be invented, leaves no trace in the memory of requests.
std::optional<Responder::Engine::Message> Responder::Engine::objection(Timestamp now, bool stranger,
                                                                       Duration time_left, Bytes cookie) {
  if (cache_.find(arriving().key) != nullptr) return std::nullopt;
  if (stranger) return Message{.kind = ReplyKind::restarted};
  const bool full = jobs() >= options_.jobs_max;
  const bool unproven = cache_.crowded() && !shows_address(now, cookie);
  if (!full && !unproven && !admission_.overloaded()) return std::nullopt;
  if (full) return Message{.kind = ReplyKind::busy, .retry_after = options_.busy_retry};
  if (admission_.refuses()) {
    return Message{.kind = ReplyKind::busy, .retry_after = admission_.rest(now, time_left)};
  }
  return unproven ? std::optional{Message{.kind = ReplyKind::verify}} : std::nullopt;
}

/// A large bundle may have been lost: numbers far apart are believed of those whom answers reach.
ReplyCache::Lookup Responder::Engine::add_far_ahead(Timestamp now, std::uint64_t done_below,
                                                    Timestamp keep_until, Bytes cookie) {
  if (!shows_address(now, cookie)) return {ReplyCache::Finding::full, nullptr};
  const RequestCopy& copy = arriving();
  return cache_.find_or_add(now, copy.key, done_below, copy.id, origin_.asker.address, keep_until,
                            ReplyCache::kGapTrusted);
}

inline ReceiptResult Responder::Engine::receive_identified(Timestamp now, const RequestView& view, Job& job) {
  const bool stranger = may_have_run_before(now, view.life);
  if (stranger || jobs() >= options_.jobs_max || cache_.crowded() || admission_.overloaded()) [[unlikely]] {
    if (const auto note = objection(now, stranger, view.time_left, view.cookie)) return decline(*note);
  }
  RequestCopy& copy = job.copy;
  const Address& asker = origin_.asker.address;
  const Duration left = std::min(view.time_left, options_.time_left_max);
  const Timestamp keep_until = later(later(now, left), options_.datagram_lifetime);
  auto lookup = cache_.find_or_add(now, copy.key, view.done_below, view.id, asker, keep_until);
  if (lookup.finding == ReplyCache::Finding::full) [[unlikely]]
    lookup = add_far_ahead(now, view.done_below, keep_until, view.cookie);
  const auto [finding, entry, place] = lookup;
  switch (finding) {
    case ReplyCache::Finding::done: return drop(DropReason::already_done);
    case ReplyCache::Finding::wrong_id: return drop(DropReason::wrong_id);
    case ReplyCache::Finding::full: return decline_busy(options_.busy_retry);
    case ReplyCache::Finding::known:
    case ReplyCache::Finding::fresh: break;
  }
  copy.place = place;
  const bool known = finding == ReplyCache::Finding::known;
  if (known && entry->asker != asker) {
    // One asker that has shown its address, or has sent much, must not be able to spend that on another's.
    entry->asker = asker;
    entry->verified = false;
    entry->wire_received = entry->wire_sent = 0;
  }
  entry->wire_received += copy.wire_received;
  if (!entry->verified && !view.cookie.empty() && cookie_valid(now, origin_.asker, view.cookie)) {
    entry->verified = true;
    ++stats_.verified;
  }
  if (known) return receive_repeat(*entry);
  entry->job = spare_;
  offer(now, view, job);
  return {.receipt = Receipt::request, .rest = rest_};
}

ReceiptResult Responder::Engine::receive_repeat(CachedReply& entry) {
  ++stats_.repeated;
  Message note;
  switch (entry.state) {
    case CachedReply::State::at_work:
      jobs_[entry.job].copy = arriving();
      pending_.job = {.slot = kNobody};
      decline({.kind = ReplyKind::working, .retry_after = options_.working_retry});
      return {.receipt = Receipt::repeat_working, .rest = rest_};
    case CachedReply::State::replied: note.kind = ReplyKind::reply; break;
    case CachedReply::State::refused: note = {.kind = ReplyKind::refused, .reason = entry.reason}; break;
    case CachedReply::State::ignored:
    case CachedReply::State::absent: return {.receipt = Receipt::repeat_answered, .rest = rest_};
  }
  decline(note);
  return {.receipt = Receipt::repeat_answered, .rest = rest_};
}

ReceiptResult Responder::Engine::decline_busy(Duration retry_after) {
  if (!arriving().identified) return drop(DropReason::over_limit);  // it has no way to say "busy"
  return decline({.kind = ReplyKind::busy, .retry_after = retry_after});
}

/// What has arrived is answered without being handed out.
ReceiptResult Responder::Engine::decline(const Message& note) {
  const std::uint32_t slot = spare_;
  take_spare(jobs_[slot], Job::State::leaving);
  send_off(origin_.received, slot, note);
  return {.receipt = Receipt::declined, .rest = rest_};
}

/// The spare job is one no more, and another one is. `job` is not to be used any more.
inline void Responder::Engine::take_spare(Job& job, Job::State state) {
  job.state = state;
  ++taken_;
  if (free_.empty()) [[unlikely]] {
    spare_ = new_job();
  } else {
    spare_ = free_.back();
    free_.pop_back();
  }
}

std::uint32_t Responder::Engine::new_job() {
  jobs_.emplace_back();
  return static_cast<std::uint32_t>(jobs_.size() - 1);
}

/// Makes a request of what has arrived.
inline void Responder::Engine::offer(Timestamp now, const RequestView& view, Job& job) {
  ++stats_.requests;
  admission_.on_admitted();
  is_pending_ = true;
  pending_.job = {spare_, job.generation};
  pending_.codec = job.copy.format->codec;
  pending_.identified = view.identified;
  pending_.attempt = view.attempt;
  pending_.time_left = job.copy.given_up == kNever ? kForever : job.copy.given_up - now;
  pending_.payload = view.payload;
  pending_.reply_bytes_max = reply_bytes_max(job.copy);
  take_spare(job, Job::State::open);
}

}  // namespace holler
