#include "core/reply_cache.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace holler {

CachedReply* ReplyCache::find(const RequestKey& key) {
  const std::uint32_t place = place_of(key.conversation);
  return place != kNowhere ? find(place, key) : nullptr;
}

std::uint32_t ReplyCache::look_up(std::uint64_t conversation) {
  const auto known = index_.find(conversation);
  if (known == index_.end()) return kNowhere;
  return last_place_ = known->second;
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

/// Of a new conversation.
ReplyCache::Lookup ReplyCache::add_first(Timestamp now, const RequestKey& key, std::uint64_t done_below,
                                         std::uint64_t id, const Address& asker, Timestamp keep_until,
                                         std::size_t gap_max) {
  if (payload_bytes_ >= limits_.payload_bytes_max) return {Finding::full, nullptr};
  const std::uint32_t place = open(key.conversation, done_below);
  if (place == kNowhere) return {Finding::full, nullptr};
  const Lookup added = find_or_add(now, key, done_below, id, asker, keep_until, gap_max);
  if (added.finding == Finding::fresh) {
    timers_.set(place, conversations_[place].keep_until);
  } else {
    close(place);
  }
  return added;
}

/// @return kNowhere if there are too many
std::uint32_t ReplyCache::open(std::uint64_t id, std::uint64_t base) {
  if (index_.size() >= limits_.conversations_max) return kNowhere;
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
  return slot;
}

/// @return false if there is no room
bool ReplyCache::widen(Conversation& conversation, std::size_t gap) {
  const std::uint64_t places = conversation.places;
  const std::size_t wanted = std::bit_ceil(gap + 1);
  if (places_ - places + wanted > limits_.places_max) return false;
  auto wider = std::make_unique<CachedReply[]>(wanted);
  for (std::uint64_t i = 0; i < places; ++i) {
    const std::uint64_t moved = conversation.base + i;
    wider[moved & (wanted - 1)] = std::move(at(conversation, moved));
  }
  conversation.entries = std::move(wider);
  conversation.places = wanted;
  last_entry_ = nullptr;
  places_ += wanted - places;
  return true;
}

void ReplyCache::close(std::uint32_t slot) {
  Conversation& conversation = conversations_[slot];
  forget_below(conversation, conversation.base + conversation.places);
  places_ -= conversation.places;
  index_.erase(conversation.id);
  conversation = {};
  timers_.remove(slot);
  free_.push_back(slot);
}

}  // namespace holler
