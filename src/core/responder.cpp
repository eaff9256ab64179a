#include "holler/responder.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "base/check.hpp"
#include "base/small_copy.hpp"
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

/// What waits for company leaves where so much of it has come together.
constexpr std::size_t kCompanyMax = 64;

/// Payload memory that a free place keeps for its next reply.
constexpr std::size_t kReplyBytesKept = 256;

/// A cookie is good for the epoch that it was made in and for the next one.
constexpr Duration kCookieEpoch = std::chrono::minutes{10};

}  // namespace

Responder::Engine::Engine(std::initializer_list<const Codec*> codecs, RandomSource& random,
                          const ResponderOptions& options)
    : options_{options},
      life_{options.life != 0 ? options.life : draw_life(random)},
      born_{options.born.value_or(kNever)},
      cookie_hash_{random},
      cache_{{.conversations_max = options.conversations_max,
              .places_max = options.replies_max,
              .payload_bytes_max = options.reply_bytes_max},
             random},
      admission_{options.standing_wait, options.busy_retry},
      jobs_(1) {
  for (const Codec* codec : codecs) {
    const CodecTraits& traits = codec->traits();
    const auto bytes_max = [&](std::size_t udp_bytes_max) {
      const std::size_t datagram = std::min(options_.datagram_bytes_max, udp_bytes_max);
      return datagram - std::min(datagram, traits.reply_header_bytes);
    };
    formats_.push_back({.codec = codec,
                        .reply_header_bytes = traits.reply_header_bytes,
                        .reply_bytes_max = {bytes_max(kPayloadBytesMaxV4), bytes_max(kPayloadBytesMaxV6)},
                        .bundles = traits.bundles});
  }
  HOLLER_CHECK(!formats_.empty());
  holler_first_ = formats_.front().codec == &HollerCodec::kOne;
}

void Responder::Engine::handle_timeout(Timestamp now) {
  while (const auto job = held_.pop_due(now)) {
    const ByteVector payload = std::exchange(jobs_[*job].payload, {});
    release(now, *job, payload);
  }
  cache_.handle_timeout(now);
}

bool Responder::Engine::reply(Timestamp now, JobHandle handle, Bytes payload, Timestamp not_before) {
  const Job* open = find_job(handle);
  if (open == nullptr || payload.size() > open->copy.origin.reply_bytes_max) return false;
  if (not_before > now) {
    Job& job = jobs_[handle.slot];
    job.payload.assign(payload.begin(), payload.end());
    job.state = Job::State::held;
    held_.set(handle.slot, std::min(not_before, later(now, options_.time_left_max)));
    return true;
  }
  release(now, handle.slot, payload);
  return true;
}

PromptReply Responder::Engine::reply_at_once(Timestamp now, JobHandle handle, Bytes payload,
                                             MutableBytes buffer) {
  Job& job = jobs_[pending_.job.slot];
  const RequestCopy& copy = job.copy;
  // Any other than the last may have come from elsewhere meanwhile, which its owner does not know.
  if (handle != pending_.job || outgoing_ != 0 || waits_for_company(copy)) [[unlikely]] {
    const bool taken = reply(now, handle, payload, Timestamp::min());
    return {.state = taken ? PromptReply::State::taken : PromptReply::State::rejected};
  }
  if (!is_open(job, handle) || payload.size() > copy.origin.reply_bytes_max) [[unlikely]]
    return {};
  CachedReply* entry = entry_of(copy);
  free_job(job, handle.slot);  // what is in it stays there until the next message comes
  if (!remember(now, copy, entry, payload)) [[unlikely]]
    return {.state = PromptReply::State::taken};
  return write_reply(now, copy, {.entry = entry, .its_own = entry != nullptr}, payload, buffer);
}

/// Puts a reply into the memory of replies.
/// @return whether anybody waits for it
inline bool Responder::Engine::remember(Timestamp now, const RequestCopy& copy, CachedReply* entry,
                                        Bytes payload) {
  if (entry != nullptr) [[likely]] {
    entry->state = CachedReply::State::replied;
    cache_.store(*entry, payload);
  }
  if (now >= copy.given_up) [[unlikely]] {
    stats_.dropped.add(DropReason::expired);
    return false;
  }
  // Without an entry the asker has declared an identified request done.
  return entry != nullptr || !copy.identified;
}

/// Lets a reply go: into the memory of replies, and on its way.
void Responder::Engine::release(Timestamp now, std::uint32_t slot, Bytes payload) {
  Job& job = jobs_[slot];
  if (!remember(now, job.copy, entry_of(job.copy), payload)) return close_job(slot);
  if (!job.copy.identified) job.payload.assign(payload.begin(), payload.end());
  send_off(now, slot, {});
}

/// What is to be said to the copy in this slot leaves as soon as it may; then the slot is free.
void Responder::Engine::send_off(Timestamp now, std::uint32_t slot, const Message& message) {
  Job& job = jobs_[slot];
  job.state = Job::State::leaving;
  ++outgoing_;
  const bool waits = waits_for_company(job.copy);
  (waits ? waiting_ : leaving_)
      .push_back(
          {.message = message, .job = slot, .not_before = waits ? later(now, options_.bundle_delay) : now});
}

bool Responder::Engine::refuse(Timestamp now, JobHandle handle, std::uint16_t reason) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  ++stats_.refused;
  if (CachedReply* entry = entry_of(job->copy)) {
    entry->state = CachedReply::State::refused;
    entry->reason = reason;
    send_off(now, handle.slot, {.kind = ReplyKind::refused, .reason = reason});
  } else {
    close_job(handle.slot);
  }
  return true;
}

bool Responder::Engine::postpone(Timestamp now, JobHandle handle, Duration retry_after) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  if (job->copy.identified) {
    cache_.forget(job->copy.key);
    send_off(now, handle.slot, {.kind = ReplyKind::busy, .retry_after = retry_after});
  } else {
    close_job(handle.slot);
  }
  return true;
}

bool Responder::Engine::ignore(Timestamp /*now*/, JobHandle handle) {
  const Job* job = find_job(handle);
  if (job == nullptr) return false;
  if (CachedReply* entry = entry_of(job->copy)) entry->state = CachedReply::State::ignored;
  close_job(handle.slot);
  return true;
}

inline CachedReply* Responder::Engine::entry_of(const RequestCopy& copy) {
  CachedReply* entry = copy.identified ? cache_.find(copy.place, copy.key) : nullptr;
  // The request may have been forgotten, and its number used for another one.
  if (entry == nullptr || entry->id != copy.id) [[unlikely]]
    return nullptr;
  return entry;
}

std::optional<ResponseTransmit> Responder::Engine::poll_transmit(Timestamp now, MutableBytes buffer) {
  if (!waiting_.empty()) release_waiting(now);
  while (!leaving_.empty()) {
    const Leaving leaving = leaving_.pop_front();
    --outgoing_;
    const PromptReply written = write(now, leaving, buffer);
    const Origin to = jobs_[leaving.job].copy.origin;
    close_job(leaving.job);
    if (written.state != PromptReply::State::written) continue;
    return ResponseTransmit{.to = to.asker,
                            .from = to.asked,
                            .channel = to.channel,
                            .interface = to.interface,
                            .bytes = written.bytes,
                            .kind = written.kind,
                            .repeat = written.repeat,
                            .sharing = written.sharing};
  }
  return std::nullopt;
}

/// All that has waited for company leaves when the first of it must, those of one asker side by side.
void Responder::Engine::release_waiting(Timestamp now) {
  if (waiting_.front().not_before > now && waiting_.size() < kCompanyMax) return;
  using Turn = std::pair<std::size_t, Leaving>;
  std::vector<Turn> together;
  together.reserve(waiting_.size());
  while (!waiting_.empty()) together.emplace_back(together.size(), waiting_.pop_front());
  std::ranges::sort(together, {}, [this](const Turn& one) {
    const Origin& origin = jobs_[one.second.job].copy.origin;
    return std::tuple{origin.channel, origin.asker, one.first};
  });
  for (const Turn& one : together) leaving_.push_back(one.second);
}

/// @return `written`, or `taken` where nothing may be said; so do the others that write
PromptReply Responder::Engine::write(Timestamp now, const Leaving& leaving, MutableBytes buffer) {
  const Job& job = jobs_[leaving.job];
  const Account account = account_of(job.copy);
  const CachedReply* entry = account.entry;
  if (leaving.message.kind != ReplyKind::reply) {
    return write_note(now, leaving.message, job.copy, account, buffer);
  }
  // Declared done since it was queued, or forgotten and handed out again.
  const bool there = entry != nullptr && entry->state == CachedReply::State::replied;
  if (job.copy.identified && !there) return {.state = PromptReply::State::taken};
  const Bytes payload = entry != nullptr ? entry->payload.bytes() : Bytes{job.payload};
  return write_reply(now, job.copy, account, payload, buffer);
}

inline PromptReply Responder::Engine::write_reply(Timestamp now, const RequestCopy& copy, Account account,
                                                  Bytes payload, MutableBytes buffer) {
  const std::size_t bytes = copy.origin.reply_header_bytes + payload.size();
  if (has_no_limit(copy, account) ||
      within_amplification(copy, account, wire_bytes(copy.origin.asker, bytes))) [[likely]] {
    return encode(now, {}, copy, account, payload, {}, buffer);
  }
  return write_instead(now, copy, account, buffer);
}

/// What may be said in place of a reply that is too much for an address that may be forged.
PromptReply Responder::Engine::write_instead(Timestamp now, const RequestCopy& copy, Account account,
                                             MutableBytes buffer) {
  // The reply may have gone out for another copy, and left no room for anything more.
  const std::size_t note =
      wire_bytes(copy.origin.asker, copy.origin.reply_header_bytes + sizeof(KeyedHash::Digest));
  const std::uint64_t most = std::max(options_.amplification_max, kNotesAmplification);
  // Nor is it known what has gone to an address that others have asked from since.
  const CachedReply* entry = account.entry;
  const bool nothing =
      copy.identified && (!account.its_own || entry->wire_sent + note > entry->wire_received * most);
  PromptReply result{.state = PromptReply::State::taken};
  if (!nothing) result = write_note(now, {.kind = ReplyKind::verify}, copy, account, buffer);
  // This format may have no such note.
  if (result.state != PromptReply::State::written) stats_.dropped.add(DropReason::amplification);
  return result;
}

PromptReply Responder::Engine::write_note(Timestamp now, const Message& message, const RequestCopy& copy,
                                          Account account, MutableBytes buffer) {
  if (message.kind != ReplyKind::verify) return encode(now, message, copy, account, {}, {}, buffer);
  return encode(now, message, copy, account, {}, cookie_for(now, copy.origin.asker, 0), buffer);
}

inline PromptReply Responder::Engine::encode(Timestamp now, const Message& message, const RequestCopy& copy,
                                             Account account, Bytes payload, Bytes cookie,
                                             MutableBytes buffer) {
  constexpr std::size_t kUnsaid = ~std::size_t{};  // in place of nullopt, which goes through memory
  const std::size_t header = with_codec(*copy.origin.codec, [&] [[gnu::always_inline]] (const auto& codec) {
    return codec
        .encode_reply_header({.kind = message.kind,
                              .number = copy.key.number,
                              .id = copy.id,
                              .attempt = copy.attempt,
                              .hold = std::max(now - copy.origin.received, Duration::zero()),
                              .retry_after = message.retry_after,
                              .life = life_,
                              .age = age(now),
                              .reason = message.reason,
                              .bundles = options_.bundles,
                              .payload_bytes = payload.size(),
                              .cookie = cookie},
                             buffer)
        .value_or(kUnsaid);
  });
  if (header == kUnsaid) [[unlikely]]  // this format has no such note
    return {.state = PromptReply::State::taken};
  const std::size_t bytes = header + payload.size();
  HOLLER_CHECK(bytes <= buffer.size());
  small_copy(buffer.data() + header, payload);
  if (account.its_own) [[likely]]
    account.entry->wire_sent += wire_bytes(copy.origin.asker, bytes);
  return {.state = PromptReply::State::written,
          .kind = message.kind,
          .repeat = count_sent(message.kind, account.entry),
          .sharing = copy.sharing(),
          .bytes = static_cast<std::uint32_t>(bytes)};
}

/// @return whether it is a reply that has been sent before
inline bool Responder::Engine::count_sent(ReplyKind kind, CachedReply* entry) {
  bool repeat = false;
  switch (kind) {
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
  return repeat;
}

inline bool Responder::Engine::has_no_limit(const RequestCopy& copy, Account account) const noexcept {
  if (options_.amplification_max == 0 || copy.origin.loopback) return true;
  return account.its_own && account.entry->verified;
}

bool Responder::Engine::within_amplification(const RequestCopy& copy, Account account,
                                             std::size_t wire) const noexcept {
  if (!copy.identified) return wire <= copy.wire_received * options_.amplification_max;
  // Copies have come from another address since: what this one has been sent is no longer known.
  if (!account.its_own) return false;
  return account.entry->wire_sent + wire <= account.entry->wire_received * options_.amplification_max;
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

void Responder::Engine::close_job(std::uint32_t slot) {
  Job& job = jobs_[slot];
  if (job.state == Job::State::held) held_.remove(slot);
  job.payload.clear();
  if (job.payload.capacity() > kReplyBytesKept) job.payload = {};
  free_job(job, slot);
}

/// A job without a timer and without a payload.
inline void Responder::Engine::free_job(Job& job, std::uint32_t slot) {
  job.state = Job::State::free;
  ++job.generation;
  --taken_;
  if (slot != spare_) [[unlikely]]
    free_.push_back(slot);
}

std::size_t Responder::Engine::reply_bytes_max(JobHandle handle) const noexcept {
  const Job* job = find_job(handle);
  return job == nullptr ? 0 : job->copy.origin.reply_bytes_max;
}

Responder::Responder(std::initializer_list<const Codec*> codecs, RandomSource& random,
                     const ResponderOptions& options)
    : engine_{std::make_unique<Engine>(codecs, random, options)} {}
Responder::Responder(Responder&&) noexcept = default;
Responder& Responder::operator=(Responder&&) noexcept = default;
Responder::~Responder() = default;

void Responder::handle_timeout(Timestamp now) { engine_->handle_timeout(now); }
Timestamp Responder::next_timeout() const { return engine_->next_timeout(); }
std::optional<IncomingRequest> Responder::poll_request() {
  const IncomingRequest* request = engine_->take_request();
  return request != nullptr ? std::optional{*request} : std::nullopt;
}
const IncomingRequest* Responder::take_request() noexcept { return engine_->take_request(); }
bool Responder::reply(Timestamp now, JobHandle job, Bytes payload, Timestamp not_before) {
  return engine_->reply(now, job, payload, not_before);
}
PromptReply Responder::reply_at_once(Timestamp now, JobHandle job, Bytes payload, MutableBytes buffer) {
  return engine_->reply_at_once(now, job, payload, buffer);
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

ResponderStats& ResponderStats::operator+=(const ResponderStats& other) noexcept {
  received += other.received;
  bundled += other.bundled;
  requests += other.requests;
  answered += other.answered;
  repeated += other.repeated;
  working += other.working;
  busy += other.busy;
  refused += other.refused;
  restarted += other.restarted;
  verified += other.verified;
  dropped += other.dropped;
  return *this;
}

}  // namespace holler
