#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "holler/responder.hpp"

#include "base/keyed_hash.hpp"
#include "core/admission.hpp"
#include "core/fifo.hpp"
#include "core/reply_cache.hpp"
#include "core/timer_queue.hpp"

namespace holler {

/// One copy of a request: what an answer to it needs to know.
struct RequestCopy {
  const Codec* codec = nullptr;
  bool identified = false;  // what follows means something
  bool bundles = false;     // its asker takes several messages in one datagram
  std::uint8_t attempt = 0;
  std::uint32_t place = 0;  // of its conversation in the memory of replies
  RequestKey key;
  std::uint64_t id = 0;
  Endpoint asker;
  Endpoint asked;  // the address of ours that the answer leaves from
  std::uint32_t channel = 0;
  std::uint32_t interface = 0;
  Timestamp received;
  Timestamp given_up;  // when its asker stops waiting
  std::uint64_t wire_received = 0;
};

/// A request that has been handed out, or anything else that is to be answered.
struct Job {
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

  // responder.cpp
  void handle_timeout(Timestamp now);
  Timestamp next_timeout() const {
    const Timestamp next = std::min(held_.next(), cache_.next_timeout());
    return waiting_.empty() ? next : std::min(next, waiting_.front().not_before);
  }
  std::optional<IncomingRequest> poll_request() { return std::exchange(pending_, std::nullopt); }
  bool reply(Timestamp now, JobHandle handle, Bytes payload, Timestamp not_before);
  bool refuse(Timestamp now, JobHandle handle, std::uint16_t reason);
  bool postpone(Timestamp now, JobHandle handle, Duration retry_after);
  bool ignore(Timestamp now, JobHandle handle);
  std::optional<ResponseTransmit> poll_transmit(Timestamp now, MutableBytes buffer);
  std::size_t reply_bytes_max(JobHandle handle) const noexcept;
  std::size_t reply_bytes_max(const RequestCopy& copy) const noexcept;

  std::size_t jobs() const noexcept { return jobs_.size() - free_.size() - leaving(); }
  std::size_t leaving() const noexcept { return leaving_.size() + waiting_.size(); }
  std::size_t remembered_requests() const noexcept { return cache_.requests(); }
  std::size_t remembered_bytes() const noexcept { return cache_.payload_bytes(); }
  ResponderOccupancy occupancy() const noexcept {
    return {.jobs = jobs(),
            .conversations = cache_.conversations(),
            .places = cache_.places(),
            .payload_bytes = cache_.payload_bytes(),
            .outgoing = leaving()};
  }
  const ResponderStats& stats() const noexcept { return stats_; }

 private:
  /// A message that waits to be sent. The payload of an identified reply stays in the cache until then.
  struct Leaving {
    ReplyKind kind = ReplyKind::reply;
    std::uint16_t reason = 0;
    std::uint32_t job = 0;  // with the copy that it answers
    Duration retry_after{};
    Timestamp not_before;  // it waits for company until then
  };

  // what arrives
  ReceiptResult receive_foreign(Timestamp now, const Incoming& incoming);
  ReceiptResult receive_message(Timestamp now, const Incoming& incoming, const Codec& codec,
                                const RequestView& view);
  static RequestCopy copy_of(Timestamp now, const Incoming& incoming, const Codec& codec,
                             const RequestView& view);
  ReceiptResult drop(DropReason reason);
  ReceiptResult receive_identified(Timestamp now, const RequestView& view, RequestCopy& copy,
                                   Delivery delivery);
  ReceiptResult receive_repeat(const RequestCopy& copy, CachedReply& entry);
  ReceiptResult decline_busy(const RequestCopy& copy, Duration retry_after);
  std::uint32_t open_job(const RequestCopy& copy, Job::State state = Job::State::open);
  void offer(Timestamp now, std::uint32_t job, Bytes payload, Delivery delivery);
  void queue_note(const RequestCopy& copy, ReplyKind kind, Duration retry_after, std::uint16_t reason = 0);
  void send_off(Timestamp now, std::uint32_t slot, ReplyKind kind, Duration retry_after,
                std::uint16_t reason);

  // what leaves
  Job* find_job(JobHandle handle) noexcept;
  const Job* find_job(JobHandle handle) const noexcept;
  void release(Timestamp now, std::uint32_t slot, Bytes payload);
  void close_job(std::uint32_t slot);
  CachedReply* entry_of(const RequestCopy& copy);
  std::optional<ResponseTransmit> encode(Timestamp now, const Leaving& leaving, MutableBytes buffer);
  std::optional<ReplyKind> fitting(ReplyKind kind, const RequestCopy& copy, const CachedReply* entry,
                                   std::size_t payload_bytes);
  bool count_sent(ReplyKind kind, CachedReply* entry);
  void release_waiting(Timestamp now);
  bool has_no_limit(const RequestCopy& copy, const CachedReply* entry) const noexcept;
  bool within_amplification(const RequestCopy& copy, const CachedReply* entry,
                            std::size_t wire) const noexcept;

  // address verification
  KeyedHash::Digest cookie_for(Timestamp now, const Endpoint& peer, std::int64_t epochs_ago) const;
  bool cookie_valid(Timestamp now, const Endpoint& peer, Bytes cookie) const;
  bool shows_address(Timestamp now, const Endpoint& asker, Bytes cookie) const {
    return asker.address.is_loopback() || cookie_valid(now, asker, cookie);
  }

  Duration age(Timestamp now) const noexcept { return std::max(now, born_) - born_; }
  bool may_have_run_before(Timestamp now, const RequestView& view) const {
    return view.life == 0 ? age(now) < options_.strangers_after : view.life != life_;
  }

  std::vector<const Codec*> codecs_;
  ResponderOptions options_;
  std::uint32_t life_;
  Timestamp born_;  // kNever until it is known
  KeyedHash cookie_hash_;
  ReplyCache cache_;
  Admission admission_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> free_;
  TimerQueue held_;
  std::optional<IncomingRequest> pending_;
  Fifo<Leaving> leaving_;
  Fifo<Leaving> waiting_;  // for company, in the order of their times, which are all equally far away
  ResponderStats stats_;
};

/// What a datagram costs on the wire, for the amplification limit.
[[nodiscard]] constexpr std::size_t wire_bytes(const Endpoint& peer, std::size_t payload_bytes) noexcept {
  return payload_bytes + (peer.address.is_v6() ? 48 : 28);  // IP header 40 or 20, UDP header 8
}

}  // namespace holler
