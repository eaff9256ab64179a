#include <algorithm>
#include <utility>

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
  headers_bytes_ = incoming.continued ? 0 : headers_bytes(incoming.from);
  find_spare();
  pending_.from = incoming.from;
  pending_.to = incoming.to;
  pending_.channel = incoming.channel;
  pending_.delivery = incoming.delivery;
  rest_ = incoming.bytes;
  return receive(now);
}

inline ReceiptResult Responder::Engine::handle_rest(Timestamp now) {
  HOLLER_CHECK(!rest_.empty() && !is_pending_);
  ++stats_.bundled;
  headers_bytes_ = 0;
  return receive(now);
}

/// The first message of `rest_`.
inline ReceiptResult Responder::Engine::receive(Timestamp now) {
  Job* job = &jobs_[spare_];
  if (job->state != Job::State::free) [[unlikely]]
    job = find_spare();
  // Nearly all that comes, of which nothing is moved about.
  if (holler_first_ && HollerCodec::holds_request(rest_)) [[likely]]
    return receive_message(now, formats_.front(), HollerCodec::read_request(rest_), rest_, *job);
  return receive_other(now, std::exchange(rest_, {}));
}

/// Whatever it may be.
ReceiptResult Responder::Engine::receive_other(Timestamp now, Bytes bytes) {
  for (const Format& format : formats_) {
    // What follows a message that tells where it ends is not plain text.
    if (headers_bytes_ == 0 && !format.bundles) continue;
    const RequestView view = format.codec->decode_request(bytes);
    if (view.drop != DropReason::foreign) return receive_message(now, format, view, bytes, jobs_[spare_]);
  }
  return drop(DropReason::foreign);
}

inline ReceiptResult Responder::Engine::receive_message(Timestamp now, const Format& format,
                                                        const RequestView& view, Bytes bytes, Job& job) {
  rest_ = view.rest;
  if (view.drop) [[unlikely]]
    return drop(*view.drop);
  const Timestamp given_up = later(origin_.received, view.time_left);
  if (given_up <= now) [[unlikely]]
    return drop(DropReason::expired);
  if (outgoing_ >= kLeavingMax) [[unlikely]]
    return drop(DropReason::over_limit);
  if (origin_.codec != format.codec) [[unlikely]]
    meet_format(format);
  pending_.payload = view.payload;
  RequestCopy& copy = job.copy;
  copy.key = {view.conversation, view.number};
  copy.id = view.id;
  copy.given_up = given_up;
  copy.wire_received = bytes.size() - view.rest.size() + headers_bytes_;
  copy.identified = view.identified;
  copy.bundles = view.bundles;
  copy.attempt = view.attempt;
  if (view.identified) [[likely]]
    return receive_identified(now, view, job);
  if (jobs() >= options_.jobs_max) return decline_busy(options_.busy_retry);
  offer(now, view, job);
  return {.receipt = Receipt::request, .rest = rest_};
}

ReceiptResult Responder::Engine::drop(DropReason reason) {
  stats_.dropped.add(reason);
  return {.receipt = Receipt::dropped, .drop = reason, .rest = rest_};
}

/// Leaves the spare job alone if it is one no more, and begins another with what is known of the datagram.
Job* Responder::Engine::find_spare() {
  if (jobs_[spare_].state != Job::State::free) {
    if (free_.empty()) {
      spare_ = static_cast<std::uint32_t>(jobs_.size());
      jobs_.emplace_back();
    } else {
      spare_ = free_.back();
      free_.pop_back();
    }
  }
  jobs_[spare_].copy.origin = origin_;
  return &jobs_[spare_];
}

/// A message of another format than the one before it, or the first of a datagram.
void Responder::Engine::meet_format(const Format& format) {
  pending_.codec = origin_.codec = format.codec;
  origin_.reply_header_bytes = format.reply_header_bytes;
  pending_.reply_bytes_max = origin_.reply_bytes_max =
      format.reply_bytes_max[origin_.asker.address.is_v6() ? 1 : 0];
  jobs_[spare_].copy.origin = origin_;
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
  // Copies: a reference to a part of it, or a part handed on, would keep all of the view in memory.
  const Bytes cookie{view.cookie.data(), view.cookie.size()};
  const Duration time_left = view.time_left;
  const bool stranger = may_have_run_before(now, view.life);
  if (stranger || jobs() >= options_.jobs_max || cache_.crowded() || admission_.overloaded()) [[unlikely]] {
    if (const auto note = objection(now, stranger, time_left, cookie)) return decline(*note);
  }
  RequestCopy& copy = job.copy;
  const Address& asker = origin_.asker.address;
  const Duration left = std::min(time_left, options_.time_left_max);
  const Timestamp keep_until = later(later(now, left), options_.datagram_lifetime);
  auto lookup = cache_.find_or_add(now, copy.key, view.done_below, view.id, asker, keep_until);
  if (lookup.finding == ReplyCache::Finding::full) [[unlikely]]
    lookup = add_far_ahead(now, view.done_below, keep_until, cookie);
  const auto [finding, entry, place] = lookup;
  if (entry == nullptr) [[unlikely]]
    return not_taken(finding);
  copy.place = place;
  const bool known = finding == ReplyCache::Finding::known;
  if (known && entry->asker != asker) [[unlikely]] {
    // One asker that has shown its address, or has sent much, must not be able to spend that on another's.
    entry->asker = asker;
    entry->verified = false;
    entry->wire_received = entry->wire_sent = 0;
  }
  entry->wire_received += copy.wire_received;
  if (!cookie.empty() && !entry->verified && cookie_valid(now, origin_.asker, cookie)) [[unlikely]] {
    entry->verified = true;
    ++stats_.verified;
  }
  if (known) [[unlikely]]
    return receive_repeat(*entry);
  entry->job = spare_;
  offer(now, view, job);
  return {.receipt = Receipt::request, .rest = rest_};
}

/// What the memory of requests does not take.
ReceiptResult Responder::Engine::not_taken(ReplyCache::Finding finding) {
  switch (finding) {
    case ReplyCache::Finding::done: return drop(DropReason::already_done);
    case ReplyCache::Finding::wrong_id: return drop(DropReason::wrong_id);
    default: return decline_busy(options_.busy_retry);
  }
}

ReceiptResult Responder::Engine::receive_repeat(CachedReply& entry) {
  ++stats_.repeated;
  Message note;
  switch (entry.state) {
    case CachedReply::State::at_work:
      jobs_[entry.job].copy = arriving();
      pending_.job = {.slot = 0, .generation = jobs_.front().generation - 1};  // none that is open
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
  ++taken_;
  send_off(origin_.received, spare_, note);
  return {.receipt = Receipt::declined, .rest = rest_};
}

/// Makes a request of what has arrived.
inline void Responder::Engine::offer(Timestamp now, const RequestView& view, Job& job) {
  ++stats_.requests;
  admission_.on_admitted();
  is_pending_ = true;
  pending_.job = {.slot = spare_, .generation = job.generation};
  pending_.identified = view.identified;
  pending_.attempt = view.attempt;
  pending_.time_left = job.copy.given_up == kNever ? kForever : job.copy.given_up - now;
  job.state = Job::State::open;
  ++taken_;
}

ReceiptResult Responder::handle_datagram(Timestamp now, const Incoming& incoming) {
  return engine_->handle_datagram(now, incoming);
}
ReceiptResult Responder::handle_rest(Timestamp now) { return engine_->handle_rest(now); }

}  // namespace holler
