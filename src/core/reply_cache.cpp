#include "core/reply_cache.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace holler {
namespace {

constexpr std::size_t kSparseness = 8;

}  // namespace

ReplyCache::Lookup ReplyCache::find_or_add(Timestamp now, const RequestKey& key, std::uint64_t done_below,
                                           std::uint64_t id, const Address& asker, Timestamp keep_until,
                                           std::size_t gap_max) {
  const auto known = place_of(key.conversation);
  Conversation* conversation = nullptr;
  if (known) {
    conversation = &conversations_[*known];
    if (key.number < conversation->base) return {Finding::done, nullptr};
    advance(*conversation, done_below);
    if (key.number - conversation->base < conversation->entries.size()) {
      CachedReply& entry = at(*conversation, key.number);
      if (entry.state != CachedReply::State::absent) {
        if (entry.id != id) return {Finding::wrong_id, nullptr};
        conversation->keep_until = std::max(conversation->keep_until, keep_until);
        return {Finding::known, &entry, *known};
      }
    }
  }
  if (payload_bytes_ >= limits_.payload_bytes_max) return {Finding::full, nullptr};
  const bool opened = conversation == nullptr;
  if (opened) conversation = open(key.conversation, done_below);
  if (conversation == nullptr) return {Finding::full, nullptr};
  const auto slot = static_cast<std::uint32_t>(conversation - conversations_.data());
  if (!make_room(*conversation, key.number, gap_max)) {
    if (opened) close(slot);
    return {Finding::full, nullptr};
  }
  conversation->keep_until = std::max({conversation->keep_until, keep_until, now});
  if (opened) timers_.set(slot, conversation->keep_until);
  CachedReply& entry = at(*conversation, key.number);
  entry.state = CachedReply::State::at_work;
  entry.verified = entry.reply_sent = false;
  entry.id = id;
  entry.asker = asker;
  entry.wire_received = entry.wire_sent = 0;
  ++conversation->count;
  ++requests_;
  return {Finding::fresh, &entry, slot};
}

CachedReply* ReplyCache::find(const RequestKey& key) {
  const auto known = place_of(key.conversation);
  return known ? find(*known, key) : nullptr;
}

std::optional<std::uint32_t> ReplyCache::place_of(std::uint64_t conversation) {
  const auto is_it = [&](std::uint32_t place) {
    return conversations_[place].open && conversations_[place].id == conversation;
  };
  if (last_place_ < conversations_.size() && is_it(last_place_)) return last_place_;
  const auto known = index_.find(conversation);
  if (known == index_.end()) return std::nullopt;
  return last_place_ = known->second;
}

CachedReply* ReplyCache::find(std::uint32_t place, const RequestKey& key) noexcept {
  if (place >= conversations_.size()) return nullptr;
  Conversation& conversation = conversations_[place];
  if (!conversation.open || conversation.id != key.conversation) return nullptr;
  if (key.number < conversation.base || key.number - conversation.base >= conversation.entries.size()) {
    return nullptr;
  }
  CachedReply& entry = at(conversation, key.number);
  return entry.state == CachedReply::State::absent ? nullptr : &entry;
}

void ReplyCache::forget(const RequestKey& key) {
  CachedReply* entry = find(key);
  if (entry != nullptr) clear(conversations_[index_.at(key.conversation)], *entry);
}

void ReplyCache::handle_timeout(Timestamp now) {
  while (const auto slot = timers_.pop_due(now)) {
    if (conversations_[*slot].keep_until > now) {
      timers_.set(*slot, conversations_[*slot].keep_until);
    } else {
      close(*slot);
    }
  }
}

ReplyCache::Conversation* ReplyCache::open(std::uint64_t id, std::uint64_t base) {
  if (index_.size() >= limits_.conversations_max) return nullptr;
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(conversations_.size());
    conversations_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Conversation& conversation = conversations_[slot];
  conversation.id = id;
  conversation.open = true;
  conversation.base = base;
  conversation.keep_until = Timestamp::min();
  index_.emplace(id, slot);
  return &conversation;
}

/// Forgets everything below `base`, on the word of the asker.
void ReplyCache::advance(Conversation& conversation, std::uint64_t base) {
  if (base <= conversation.base) return;
  const std::uint64_t places = std::min<std::uint64_t>(base - conversation.base, conversation.entries.size());
  for (std::uint64_t i = 0; i < places; ++i) clear(conversation, at(conversation, conversation.base + i));
  conversation.base = base;
}

bool ReplyCache::make_room(Conversation& conversation, std::uint64_t number, std::size_t gap_max) {
  const std::uint64_t gap = number - conversation.base;
  if (gap > gap_max + kSparseness * conversation.count) return false;
  const std::size_t places = conversation.entries.size();
  if (gap < places) return true;
  const std::size_t wanted = std::bit_ceil(static_cast<std::size_t>(gap + 1));
  if (places_ - places + wanted > limits_.places_max) return false;
  std::vector<CachedReply> wider(wanted);
  for (std::uint64_t i = 0; i < places; ++i) {
    const std::uint64_t moved = conversation.base + i;
    wider[moved & (wanted - 1)] = std::move(at(conversation, moved));
  }
  conversation.entries = std::move(wider);
  places_ += wanted - places;
  return true;
}

void ReplyCache::clear(Conversation& conversation, CachedReply& entry) {
  if (entry.state == CachedReply::State::absent) return;
  payload_bytes_ -= entry.payload.size();
  --requests_;
  --conversation.count;
  entry.state = CachedReply::State::absent;
  entry.payload.clear();
}

void ReplyCache::close(std::uint32_t slot) {
  Conversation& conversation = conversations_[slot];
  for (CachedReply& entry : conversation.entries) clear(conversation, entry);
  places_ -= conversation.entries.size();
  index_.erase(conversation.id);
  conversation = {};
  timers_.remove(slot);
  free_.push_back(slot);
}

}  // namespace holler
