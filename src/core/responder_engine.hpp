#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "holler/responder.hpp"

#include "base/keyed_hash.hpp"
#include "core/admission.hpp"
#include "core/fifo.hpp"
#include "core/reply_cache.hpp"
#include "core/timer_queue.hpp"
#include "wire/holler_codec.hpp"

namespace holler {

/// A format, with what is asked of it for every message.
struct Format {
  const Codec* codec;
  std::size_t reply_header_bytes;
  std::array<std::size_t, 2> reply_bytes_max;  // over IPv4 and IPv6
  bool bundles;
};

/// What all messages of a datagram have in common.
struct Origin {
  Endpoint asker;
  Endpoint asked;  // the address of ours that the answer leaves from
  std::uint32_t channel = 0;
  std::uint32_t interface = 0;
  Timestamp received;
  // Of the format of the last message, which hardly ever changes within a datagram:
  const Codec* codec = nullptr;
  std::size_t reply_header_bytes = 0;
  std::size_t reply_bytes_max = 0;
  bool loopback = false;  // the asker's address needs no proof
};

/// One copy of a request: what an answer to it needs to know.
struct RequestCopy {
  Origin origin;
  RequestKey key;
  Timestamp given_up;  // when its asker stops waiting
  std::uint64_t id = 0;
  std::uint64_t wire_received = 0;
  std::uint32_t place = 0;  // of its conversation in the memory of replies
  bool identified = false;  // key, ID and place mean something
  bool bundles = false;     // its asker takes several messages in one datagram
  std::uint8_t attempt = 0;

  [[nodiscard]] Sharing sharing() const noexcept { return sharing_of_attempt(bundles, attempt); }
};

/// A request that has been handed out, or anything else that is to be answered: three lines of the
/// processor's cache.
struct alignas(64) Job {
  enum class State : std::uint8_t {
    free,
    open,     // the handler has it
    held,     // answered, and held back until its timer
    leaving,  // its answer waits to be sent
  };
  State state = State::free;
  std::uint32_t generation = 0;
  RequestCopy copy;    // the one that arrived last: a NAT may have moved the asker since the first
  ByteVector payload;  // of a held reply, and of one that nobody remembers
};

class Responder::Engine {
 public:
  Engine(std::initializer_list<const Codec*> codecs, RandomSource& random, const ResponderOptions& options);

  // responder_receive.cpp
  ReceiptResult handle_datagram(Timestamp now, const Incoming& incoming);
  [[gnu::always_inline]] ReceiptResult handle_rest(Timestamp now);

  // responder.cpp
  void handle_timeout(Timestamp now);
  Timestamp next_timeout() const {
    const Timestamp next = std::min(held_.next(), cache_.next_timeout());
    return waiting_.empty() ? next : std::min(next, waiting_.front().not_before);
  }
  const IncomingRequest* take_request() noexcept {
    return std::exchange(is_pending_, false) ? &pending_ : nullptr;
  }
  bool reply(Timestamp now, JobHandle handle, Bytes payload, Timestamp not_before);
  PromptReply reply_at_once(Timestamp now, JobHandle handle, Bytes payload, MutableBytes buffer);
  bool refuse(Timestamp now, JobHandle handle, std::uint16_t reason);
  bool postpone(Timestamp now, JobHandle handle, Duration retry_after);
  bool ignore(Timestamp now, JobHandle handle);
  std::optional<ResponseTransmit> poll_transmit(Timestamp now, MutableBytes buffer);
  std::size_t reply_bytes_max(JobHandle handle) const noexcept;

  std::size_t jobs() const noexcept { return taken_ - outgoing_; }
  std::size_t remembered_requests() const noexcept { return cache_.requests(); }
  std::size_t remembered_bytes() const noexcept { return cache_.payload_bytes(); }
  ResponderOccupancy occupancy() const noexcept {
    return {.jobs = jobs(),
            .conversations = cache_.conversations(),
            .places = cache_.places(),
            .payload_bytes = cache_.payload_bytes(),
            .outgoing = outgoing_};
  }
  const ResponderStats& stats() const noexcept { return stats_; }

 private:
  /// What is to be said to the asker of a request.
  struct Message {
    ReplyKind kind = ReplyKind::reply;
    std::uint16_t reason = 0;
    Duration retry_after{};
  };
  /// What is remembered of a request, for a copy of it.
  struct Account {
    CachedReply* entry = nullptr;  // nullptr: nothing
    bool its_own = false;          // the copy has come from the address that the entry tells of
  };
  /// A message that waits to be sent. The payload of an identified reply stays in the cache until then.
  struct Leaving {
    Message message;
    std::uint32_t job = 0;  // with the copy that it answers
    Timestamp not_before;   // it waits for company until then
  };

  // What arrives. Its copy stands in the spare job, which is one of the others once the next message comes.
  [[gnu::always_inline]] ReceiptResult receive(Timestamp now);
  [[gnu::noinline]] ReceiptResult receive_other(Timestamp now, Bytes bytes);
  [[gnu::always_inline]] ReceiptResult receive_message(Timestamp now, const Format& format,
                                                       const RequestView& view, Bytes bytes, Job& job);
  [[gnu::noinline]] ReceiptResult not_taken(ReplyCache::Finding finding);
  [[gnu::noinline]] Job* find_spare();
  [[gnu::noinline]] void meet_format(const Format& format);
  [[gnu::noinline]] ReceiptResult drop(DropReason reason);
  [[gnu::always_inline]] ReceiptResult receive_identified(Timestamp now, const RequestView& view, Job& job);
  [[gnu::noinline]] ReceiptResult receive_repeat(CachedReply& entry);
  [[gnu::noinline]] ReceiptResult decline(const Message& note);
  [[gnu::noinline]] ReceiptResult decline_busy(Duration retry_after);
  [[gnu::noinline]] std::optional<Message> objection(Timestamp now, bool stranger, Duration time_left,
                                                     Bytes cookie);
  [[gnu::noinline]] ReplyCache::Lookup add_far_ahead(Timestamp now, std::uint64_t done_below,
                                                     Timestamp keep_until, Bytes cookie);
  RequestCopy& arriving() noexcept { return jobs_[spare_].copy; }
  [[gnu::always_inline]] void offer(Timestamp now, const RequestView& view, Job& job);

  // what leaves
  static bool is_open(const Job& job, JobHandle handle) noexcept {
    return job.state == Job::State::open && job.generation == handle.generation;
  }
  const Job* find_job(JobHandle handle) const noexcept {
    return handle.slot < jobs_.size() && is_open(jobs_[handle.slot], handle) ? &jobs_[handle.slot] : nullptr;
  }
  [[gnu::always_inline]] bool remember(Timestamp now, const RequestCopy& copy, CachedReply* entry,
                                       Bytes payload);
  [[gnu::noinline]] void release(Timestamp now, std::uint32_t slot, Bytes payload);
  bool waits_for_company(const RequestCopy& copy) const noexcept {
    return options_.bundle_delay > Duration::zero() && copy.sharing() != Sharing::alone;
  }
  void send_off(Timestamp now, std::uint32_t slot, const Message& message);
  void close_job(std::uint32_t slot);
  [[gnu::always_inline]] void free_job(Job& job, std::uint32_t slot);
  [[gnu::always_inline]] CachedReply* entry_of(const RequestCopy& copy);
  Account account_of(const RequestCopy& copy) {
    CachedReply* entry = entry_of(copy);
    return {.entry = entry, .its_own = entry != nullptr && entry->asker == copy.origin.asker.address};
  }
  PromptReply write(Timestamp now, const Leaving& leaving, MutableBytes buffer);
  [[gnu::always_inline]] PromptReply write_reply(Timestamp now, const RequestCopy& copy, Account account,
                                                 Bytes payload, MutableBytes buffer);
  [[gnu::noinline]] PromptReply write_instead(Timestamp now, const RequestCopy& copy, Account account,
                                              MutableBytes buffer);
  [[gnu::noinline]] PromptReply write_note(Timestamp now, const Message& message, const RequestCopy& copy,
                                           Account account, MutableBytes buffer);
  [[gnu::always_inline]] PromptReply encode(Timestamp now, const Message& message, const RequestCopy& copy,
                                            Account account, Bytes payload, Bytes cookie,
                                            MutableBytes buffer);
  [[gnu::always_inline]] bool count_sent(ReplyKind kind, CachedReply* entry);
  void release_waiting(Timestamp now);
  [[gnu::always_inline]] bool has_no_limit(const RequestCopy& copy, Account account) const noexcept;
  bool within_amplification(const RequestCopy& copy, Account account, std::size_t wire) const noexcept;

  // address verification
  KeyedHash::Digest cookie_for(Timestamp now, const Endpoint& peer, std::int64_t epochs_ago) const;
  bool cookie_valid(Timestamp now, const Endpoint& peer, Bytes cookie) const;
  bool shows_address(Timestamp now, Bytes cookie) const {
    return origin_.loopback || cookie_valid(now, origin_.asker, cookie);
  }

  Duration age(Timestamp now) const noexcept { return std::max(now, born_) - born_; }
  bool may_have_run_before(Timestamp now, std::uint32_t life) const {
    return life == 0 ? age(now) < options_.strangers_after : life != life_;
  }

  std::vector<Format> formats_;
  bool holler_first_ = false;  // of them
  ResponderOptions options_;
  std::uint32_t life_;
  Timestamp born_;  // kNever until it is known
  KeyedHash cookie_hash_;
  ReplyCache cache_;
  Admission admission_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> free_;
  std::uint32_t spare_ = 0;  // a job beside the free ones, with the message that has arrived last
  std::size_t taken_ = 0;    // jobs that are not free
  TimerQueue held_;
  Origin origin_;                  // of the last datagram
  Bytes rest_;                     // of it
  std::size_t headers_bytes_ = 0;  // IP's and UDP's, where its next message is the first
  bool is_pending_ = false;
  IncomingRequest pending_;  // where it came from is that of the last datagram; no job once a copy has come
  Fifo<Leaving> leaving_;
  Fifo<Leaving> waiting_;     // for company, in the order of their times, which are all equally far away
  std::size_t outgoing_ = 0;  // in both
  ResponderStats stats_;
};

/// What a datagram costs on the wire beside its payload, for the amplification limit.
[[nodiscard]] constexpr std::size_t headers_bytes(const Endpoint& peer) noexcept {
  return peer.address.is_v6() ? 48 : 28;  // IP header 40 or 20, UDP header 8
}
[[nodiscard]] constexpr std::size_t wire_bytes(const Endpoint& peer, std::size_t payload_bytes) noexcept {
  return payload_bytes + headers_bytes(peer);
}

}  // namespace holler
