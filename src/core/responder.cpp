#include "holler/responder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "core/responder_engine.hpp"

namespace holler {
namespace {

/// A note is about as large as what it answers. The notes that copies of a request cause come to less than
/// this many times their bytes, also where `amplification_max` asks for less.
constexpr std::uint32_t kNotesAmplification = 3;

std::uint32_t draw_life(RandomSource& random) {
  const auto drawn = static_cast<std::uint32_t>(random.next());
  return drawn != 0 ? drawn : 1;
}

/// A cookie is good for the epoch that it was made in and for the next one.
constexpr Duration kCookieEpoch = std::chrono::minutes{10};

}  // namespace

Responder::Engine::Engine(std::initializer_list<const Codec*> codecs, RandomSource& random,
                          const ResponderOptions& options)
    : codecs_{codecs},
      options_{options},
      life_{options.life != 0 ? options.life : draw_life(random)},
      born_{options.born.value_or(kNever)},
      cookie_hash_{random},
      cache_{{.conversations_max = options.conversations_max,
              .places_max = options.replies_max,
              .payload_bytes_max = options.reply_bytes_max},
             random},
      admission_{options.standing_wait, options.busy_retry} {}

void Responder::Engine::handle_timeout(Timestamp now) {
  while (const auto job = held_.pop_due(now)) {
    const ByteVector payload = std::move(jobs_[*job].payload);
    release(now, *job, payload);
  }
  cache_.handle_timeout(now);
}

bool Responder::Engine::reply(Timestamp now, JobHandle handle, Bytes payload, Timestamp not_before) {
  Job* job = find_job(handle);
  if (job == nullptr || payload.size() > reply_bytes_max(handle)) return false;
  if (not_before > now) {
    job->payload.assign(payload.begin(), payload.end());
    job->state = Job::State::held;
    held_.set(handle.slot, std::min(not_before, later(now, options_.time_left_max)));
    return true;
  }
  release(now, handle.slot, payload);
  return true;
}

/// Lets a reply go: into the memory of replies, and on its way.
void Responder::Engine::release(Timestamp now, std::uint32_t slot, Bytes payload) {
  const RequestCopy& copy = jobs_[slot].copy;
  CachedReply* entry = entry_of(copy);
  if (entry != nullptr) {
    entry->state = CachedReply::State::replied;
    cache_.store(*entry, payload);
  }
  // Without an entry the asker has declared an identified request done, and after its deadline it has
  // given up: nobody waits for this.
  if (now >= copy.given_up) {
    stats_.dropped.add(DropReason::expired);
  } else if (entry != nullptr || !copy.identified) {
    queue_note(copy, ReplyKind::reply, Duration::zero());
    if (!copy.identified) outgoing_.back().payload.assign(payload.begin(), payload.end());
  }
  close_job(slot);
}

bool Responder::Engine::refuse(Timestamp /*now*/, JobHandle handle, std::uint16_t reason) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  if (CachedReply* entry = entry_of(job->copy)) {
    entry->state = CachedReply::State::refused;
    entry->reason = reason;
    queue_note(job->copy, ReplyKind::refused, Duration::zero(), reason);
  }
  ++stats_.refused;
  close_job(handle.slot);
  return true;
}

bool Responder::Engine::postpone(Timestamp /*now*/, JobHandle handle, Duration retry_after) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  if (job->copy.identified) {
    cache_.forget(job->copy.key);
    queue_note(job->copy, ReplyKind::busy, retry_after);
  }
  close_job(handle.slot);
  return true;
}

bool Responder::Engine::ignore(Timestamp /*now*/, JobHandle handle) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  if (CachedReply* entry = entry_of(job->copy)) entry->state = CachedReply::State::ignored;
  close_job(handle.slot);
  return true;
}

CachedReply* Responder::Engine::entry_of(const RequestCopy& copy) {
  CachedReply* entry = copy.identified ? cache_.find(copy.key) : nullptr;
  // The request may have been forgotten, and its number used for another one.
  return entry != nullptr && entry->id == copy.id ? entry : nullptr;
}

std::optional<ResponseTransmit> Responder::Engine::poll_transmit(Timestamp now, MutableBytes buffer) {
  while (!outgoing_.empty()) {
    Outgoing outgoing = outgoing_.pop_front();
    if (auto transmit = encode(now, outgoing, buffer)) return transmit;
  }
  return std::nullopt;
}

std::optional<ResponseTransmit> Responder::Engine::encode(Timestamp now, Outgoing& outgoing,
                                                          MutableBytes buffer) {
  const RequestCopy& copy = outgoing.copy;
  CachedReply* entry = entry_of(copy);
  Bytes payload;
  if (outgoing.kind == ReplyKind::reply) {
    // Declared done since it was queued, or forgotten and handed out again.
    const bool there = entry != nullptr && entry->state == CachedReply::State::replied;
    if (copy.identified && !there) return std::nullopt;
    payload = entry != nullptr ? Bytes{entry->payload} : Bytes{outgoing.payload};
  }
  KeyedHash::Digest cookie{};
  const std::size_t whole = wire_bytes(copy.asker, copy.codec->traits().reply_header_bytes + payload.size());
  if (outgoing.kind == ReplyKind::reply && !within_amplification(copy, entry, whole)) {
    outgoing.kind = ReplyKind::verify;
    payload = {};
    // The reply may have gone out for another copy, and left no room for anything more.
    const std::size_t note = wire_bytes(copy.asker, copy.codec->traits().reply_header_bytes + cookie.size());
    const std::uint64_t most = std::max(options_.amplification_max, kNotesAmplification);
    // Nor is it known what has gone to an address that others have asked from since.
    if (copy.identified &&
        (entry->asker != copy.asker.address || entry->wire_sent + note > entry->wire_received * most)) {
      stats_.dropped.add(DropReason::amplification);
      return std::nullopt;
    }
  }
  if (outgoing.kind == ReplyKind::verify) cookie = cookie_for(now, copy.asker, 0);
  const ReplyStamp stamp{.kind = outgoing.kind,
                         .number = copy.key.number,
                         .id = copy.id,
                         .attempt = copy.attempt,
                         .hold = std::max(now - copy.received, Duration::zero()),
                         .retry_after = outgoing.retry_after,
                         .life = life_,
                         .age = age(now),
                         .reason = outgoing.reason,
                         .cookie = cookie};
  const auto header = copy.codec->encode_reply_header(stamp, buffer);
  if (!header) {  // this format has no such note: a plain reply that is too large for its asker
    if (outgoing.kind == ReplyKind::verify) stats_.dropped.add(DropReason::amplification);
    return std::nullopt;
  }
  HOLLER_CHECK(*header + payload.size() <= buffer.size());
  if (!payload.empty()) std::memcpy(buffer.data() + *header, payload.data(), payload.size());
  const std::size_t bytes = *header + payload.size();
  if (entry != nullptr && entry->asker == copy.asker.address)
    entry->wire_sent += wire_bytes(copy.asker, bytes);
  bool repeat = false;
  switch (outgoing.kind) {
    case ReplyKind::reply:
      // What was held back until its address was verified has not been sent before.
      if (entry != nullptr) repeat = std::exchange(entry->reply_sent, true);
      stats_.answered += repeat ? 0 : 1;
      break;
    case ReplyKind::working: ++stats_.working; break;
    case ReplyKind::busy: ++stats_.busy; break;
    case ReplyKind::restarted: ++stats_.restarted; break;
    default: break;
  }
  return ResponseTransmit{.to = copy.asker,
                          .from = copy.asked,
                          .channel = copy.channel,
                          .interface = copy.interface,
                          .bytes = bytes,
                          .kind = outgoing.kind,
                          .repeat = repeat};
}

bool Responder::Engine::within_amplification(const RequestCopy& copy, const CachedReply* entry,
                                             std::size_t wire) const noexcept {
  if (options_.amplification_max == 0 || copy.asker.address.is_loopback()) return true;
  if (!copy.identified) return wire <= copy.wire_received * options_.amplification_max;
  // Copies have come from another address since: what this one has been sent is no longer known.
  if (entry->asker != copy.asker.address) return false;
  return entry->verified || entry->wire_sent + wire <= entry->wire_received * options_.amplification_max;
}

KeyedHash::Digest Responder::Engine::cookie_for(Timestamp now, const Endpoint& peer,
                                                std::int64_t epochs_ago) const {
  // The address alone, without the port: a NAT may change the port between two datagrams.
  std::array<std::byte, 24> message{};
  ByteWriter writer{message};
  writer.write_bytes(std::as_bytes(std::span{peer.address.bytes()}));
  writer.write(static_cast<std::uint64_t>(now.time_since_epoch() / kCookieEpoch - epochs_ago));
  return cookie_hash_(message);
}

bool Responder::Engine::cookie_valid(Timestamp now, const Endpoint& peer, Bytes cookie) const {
  if (cookie.empty()) return false;
  return same_secret(cookie, cookie_for(now, peer, 0)) || same_secret(cookie, cookie_for(now, peer, 1));
}

Job* Responder::Engine::find_job(JobHandle handle) noexcept {
  return const_cast<Job*>(std::as_const(*this).find_job(handle));
}

const Job* Responder::Engine::find_job(JobHandle handle) const noexcept {
  if (handle.slot >= jobs_.size()) return nullptr;
  const Job& job = jobs_[handle.slot];
  return job.state == Job::State::open && job.generation == handle.generation ? &job : nullptr;
}

void Responder::Engine::close_job(std::uint32_t slot) {
  held_.remove(slot);
  const std::uint32_t generation = jobs_[slot].generation + 1;
  jobs_[slot] = {};
  jobs_[slot].generation = generation;
  free_.push_back(slot);
}

std::size_t Responder::Engine::reply_bytes_max(JobHandle handle) const noexcept {
  const Job* job = find_job(handle);
  if (job == nullptr) return 0;
  const std::size_t datagram =
      std::min(options_.datagram_bytes_max, payload_bytes_max(job->copy.asker.address));
  const std::size_t header = job->copy.codec->traits().reply_header_bytes;
  return datagram - std::min(datagram, header);
}

Responder::Responder(std::initializer_list<const Codec*> codecs, RandomSource& random,
                     const ResponderOptions& options)
    : engine_{std::make_unique<Engine>(codecs, random, options)} {}
Responder::Responder(Responder&&) noexcept = default;
Responder& Responder::operator=(Responder&&) noexcept = default;
Responder::~Responder() = default;

ReceiptResult Responder::handle_datagram(Timestamp now, const Incoming& incoming) {
  return engine_->handle_datagram(now, incoming);
}
void Responder::handle_timeout(Timestamp now) { engine_->handle_timeout(now); }
Timestamp Responder::next_timeout() const noexcept { return engine_->next_timeout(); }
std::optional<IncomingRequest> Responder::poll_request() { return engine_->poll_request(); }
bool Responder::reply(Timestamp now, JobHandle job, Bytes payload, Timestamp not_before) {
  return engine_->reply(now, job, payload, not_before);
}
bool Responder::refuse(Timestamp now, JobHandle job, std::uint16_t reason) {
  return engine_->refuse(now, job, reason);
}
bool Responder::postpone(Timestamp now, JobHandle job, Duration retry_after) {
  return engine_->postpone(now, job, retry_after);
}
bool Responder::ignore(Timestamp now, JobHandle job) { return engine_->ignore(now, job); }
std::optional<ResponseTransmit> Responder::poll_transmit(Timestamp now, MutableBytes buffer) {
  return engine_->poll_transmit(now, buffer);
}
std::size_t Responder::reply_bytes_max(JobHandle job) const noexcept { return engine_->reply_bytes_max(job); }
std::size_t Responder::jobs() const noexcept { return engine_->jobs(); }
std::size_t Responder::remembered_requests() const noexcept { return engine_->remembered_requests(); }
std::size_t Responder::remembered_bytes() const noexcept { return engine_->remembered_bytes(); }
ResponderOccupancy Responder::occupancy() const noexcept { return engine_->occupancy(); }
const ResponderStats& Responder::stats() const noexcept { return engine_->stats(); }

}  // namespace holler
