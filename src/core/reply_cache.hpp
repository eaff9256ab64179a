#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

#include "core/reply_payload.hpp"
#include "core/timer_queue.hpp"

namespace holler {

/// What is remembered of one request.
struct CachedReply {
  enum class State : std::uint8_t {
    absent,   // no such request: nothing else means anything
    at_work,  // handed out, not answered
    replied,  // `payload` is the reply
    refused,  // for `reason`
    ignored,  // ended without an answer
  };
  State state = State::absent;
  bool verified = false;    // `asker` has shown that the address is its own
  bool reply_sent = false;  // at least once
  std::uint16_t reason = 0;
  std::uint32_t job = 0;  // while at work
  std::uint64_t id = 0;
  Address asker;                    // where the last copy came from; what follows is about this address
  std::uint64_t wire_received = 0;  // bytes of its copies, headers included
  std::uint64_t wire_sent = 0;      // bytes sent back for it, headers included
  ReplyPayload payload;
};

/// Which request it is: a random conversation, and a number in it.
struct RequestKey {
  std::uint64_t conversation = 0;
  std::uint64_t number = 0;
  friend constexpr bool operator==(const RequestKey&, const RequestKey&) noexcept = default;
};

/// The memory that makes "at most once" true: every request from the first of its conversation that its
/// asker has not yet declared done (RIFL, SOSP 2015, §3.3), with its reply. A conversation is forgotten
/// when its last request can have no copy left in the network. At its bounds it takes no new requests,
/// and never forgets an old one to make room.
class ReplyCache {
 public:
  struct Limits {
    std::size_t conversations_max;
    std::size_t places_max;  // for requests; a conversation has up to twice as many as it uses
    std::size_t payload_bytes_max;
  };
  /// Numbers may be missing because their datagrams are lost or late, but an asker's numbers are dense: so
  /// many may be missing, and 8 more for each that has been seen, so that a single datagram cannot claim a
  /// large array. As many as the largest bundles hold are believed of askers that have shown their address.
  static constexpr std::size_t kGapStranger = 64;
  static constexpr std::size_t kGapTrusted = 4096;
  enum class Finding : std::uint8_t {
    fresh,     // new: the entry is now there, at work
    known,     // seen before
    done,      // its asker has declared it finished
    full,      // a bound is reached
    wrong_id,  // the number is known, with another ID
  };
  struct Lookup {
    Finding finding;
    CachedReply* entry;       // for fresh and known; valid until the next call
    std::uint32_t place = 0;  // of the conversation, for fresh and known
  };

  ReplyCache(const Limits& limits, RandomSource& random)
      : limits_{limits},
        halves_{limits.conversations_max / 2, limits.places_max / 2, limits.payload_bytes_max / 2},
        conversations_(1),
        index_{0, Hash{random.next() | 1U}} {}

  /// @param asker       where this copy has come from; a new entry begins with it
  /// @param keep_until  when the last copy of this request can have arrived
  [[nodiscard]] [[gnu::always_inline]] inline Lookup find_or_add(Timestamp now, const RequestKey& key,
                                                                 std::uint64_t done_below, std::uint64_t id,
                                                                 const Address& asker, Timestamp keep_until,
                                                                 std::size_t gap_max = kGapStranger);
  /// @return nullptr if it is not remembered
  [[nodiscard]] CachedReply* find(const RequestKey& key);
  /// The same where the place of the conversation is known, which saves a search; all of it where the request
  /// is the one that was added last.
  [[nodiscard]] inline CachedReply* find(std::uint32_t place, const RequestKey& key) noexcept;
  void store(CachedReply& entry, Bytes payload) {
    payload_bytes_ += payload.size() - entry.payload.size();
    entry.payload.assign(payload);
  }
  /// Forgets one request, so that a copy of it counts as new.
  void forget(const RequestKey& key);

  /// More than half of a bound is used. From here on a request from an address that has not been shown to
  /// be its asker's should not be added: a flood of invented askers could fill the rest.
  [[nodiscard]] bool crowded() const noexcept {
    return index_.size() > halves_.conversations_max || places_ > halves_.places_max ||
           payload_bytes_ > halves_.payload_bytes_max;
  }

  [[nodiscard]] Timestamp next_timeout() const { return timers_.next(); }
  void handle_timeout(Timestamp now);

  [[nodiscard]] std::size_t conversations() const noexcept { return index_.size(); }
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }
  [[nodiscard]] std::size_t places() const noexcept { return places_; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_bytes_; }

 private:
  /// Askers choose their conversations: without a secret in the hash they could choose one bucket for all.
  struct Hash {
    using is_avalanching = void;  // for the map: all bits of the value count, and it need not mix them again
    std::uint64_t secret;
    std::size_t operator()(std::uint64_t value) const noexcept {
      std::uint64_t mixed = (value ^ secret) * 0x9e3779b97f4a7c15U;
      mixed = (mixed ^ mixed >> 32U) * secret;
      return mixed ^ mixed >> 29U;
    }
  };
  struct alignas(64) Conversation {  // one line of the processor's cache: among a million each costs a look
    std::uint64_t id = 0;
    std::uint64_t base = 0;  // every number below is done
    std::unique_ptr<CachedReply[]> entries;
    std::uint64_t places = 0;  // entries: a power of two of them, or none; by number modulo their count
    Timestamp keep_until;
    std::uint32_t count = 0;  // entries that are not absent
    bool open = false;
  };

  static CachedReply& at(Conversation& conversation, std::uint64_t number) noexcept {
    return conversation.entries[number & (conversation.places - 1)];
  }
  bool is_at(std::uint32_t place, std::uint64_t conversation) const noexcept {
    return conversations_[place].open && conversations_[place].id == conversation;
  }
  /// @return kNowhere if it is not known
  [[nodiscard]] std::uint32_t place_of(std::uint64_t conversation) {
    return is_at(last_place_, conversation) ? last_place_ : look_up(conversation);
  }
  [[nodiscard]] std::uint32_t look_up(std::uint64_t conversation);
  [[nodiscard]] std::uint32_t open(std::uint64_t id, std::uint64_t base);
  [[nodiscard]] [[gnu::noinline]] Lookup add_first(Timestamp now, const RequestKey& key,
                                                   std::uint64_t done_below, std::uint64_t id,
                                                   const Address& asker, Timestamp keep_until,
                                                   std::size_t gap_max);
  [[gnu::always_inline]] inline void forget_below(Conversation& conversation, std::uint64_t base);
  /// For one more request, so far beyond the first.
  bool has_room(const Conversation& conversation, std::uint64_t gap, std::size_t gap_max) const noexcept {
    return payload_bytes_ < limits_.payload_bytes_max &&
           (gap <= gap_max || gap <= gap_max + kSparseness * conversation.count);
  }
  [[nodiscard]] bool widen(Conversation& conversation, std::size_t gap);
  [[gnu::always_inline]] inline void clear(Conversation& conversation, CachedReply& entry);
  void close(std::uint32_t slot);

  static constexpr std::uint32_t kNowhere = 0;
  static constexpr std::size_t kSparseness = 8;

  Limits limits_;
  Limits halves_;                            // of them
  std::vector<Conversation> conversations_;  // by place; the first is never open
  std::vector<std::uint32_t> free_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t, Hash> index_;
  TimerQueue timers_;                    // when a conversation may be forgotten; looked at again then
  std::uint32_t last_place_ = kNowhere;  // most requests belong to the conversation of the one before
  RequestKey last_key_;                  // of the request that was added last, and its entry;
  CachedReply* last_entry_ = nullptr;    // nullptr where entries have gone or moved since
  std::size_t requests_ = 0;
  std::size_t places_ = 0;
  std::size_t payload_bytes_ = 0;
};

ReplyCache::Lookup ReplyCache::find_or_add(Timestamp now, const RequestKey& key, std::uint64_t done_below,
                                           std::uint64_t id, const Address& asker, Timestamp keep_until,
                                           std::size_t gap_max) {
  const std::uint32_t place = place_of(key.conversation);
  if (place == kNowhere) [[unlikely]]
    return add_first(now, key, done_below, id, asker, keep_until, gap_max);
  Conversation& conversation = conversations_[place];
  if (key.number < conversation.base) [[unlikely]]
    return {Finding::done, nullptr};
  if (done_below > conversation.base) forget_below(conversation, done_below);
  const std::uint64_t gap = key.number - conversation.base;
  if (gap >= conversation.places && !(has_room(conversation, gap, gap_max) && widen(conversation, gap)))
      [[unlikely]] {
    return {Finding::full, nullptr};
  }
  CachedReply& entry = at(conversation, key.number);
  if (entry.state != CachedReply::State::absent) [[unlikely]] {
    if (entry.id != id) return {Finding::wrong_id, nullptr};
    if (conversation.keep_until < keep_until) conversation.keep_until = keep_until;
    return {Finding::known, &entry, place};
  }
  if (!has_room(conversation, gap, gap_max)) [[unlikely]]
    return {Finding::full, nullptr};
  if (keep_until < now) keep_until = now;
  if (conversation.keep_until < keep_until) conversation.keep_until = keep_until;
  last_key_ = key;
  last_entry_ = &entry;
  ++conversation.count;
  ++requests_;
  entry.state = CachedReply::State::at_work;
  entry.verified = entry.reply_sent = false;
  entry.id = id;
  entry.asker = asker;
  entry.wire_received = entry.wire_sent = 0;
  return {Finding::fresh, &entry, place};
}

CachedReply* ReplyCache::find(std::uint32_t place, const RequestKey& key) noexcept {
  if (last_entry_ != nullptr && last_key_ == key) [[likely]]
    return last_entry_;
  if (!is_at(place, key.conversation)) return nullptr;
  Conversation& conversation = conversations_[place];
  // Below the base it wraps round, and is far beyond.
  if (key.number - conversation.base >= conversation.places) return nullptr;
  CachedReply& entry = at(conversation, key.number);
  return entry.state == CachedReply::State::absent ? nullptr : &entry;
}

/// On the word of the asker.
void ReplyCache::forget_below(Conversation& conversation, std::uint64_t base) {
  const std::uint64_t places = std::min(base - conversation.base, conversation.places);
  for (std::uint64_t i = 0; i < places; ++i) clear(conversation, at(conversation, conversation.base + i));
  conversation.base = base;
}

void ReplyCache::clear(Conversation& conversation, CachedReply& entry) {
  if (entry.state == CachedReply::State::absent) return;
  last_entry_ = nullptr;
  payload_bytes_ -= entry.payload.size();
  --requests_;
  --conversation.count;
  entry.state = CachedReply::State::absent;
  entry.payload.clear();
}

}  // namespace holler
