#include "core/peer_table.hpp"

namespace holler {

std::uint32_t PeerTable::search(const Endpoint& endpoint) const {
  if (index_.empty()) {
    for (std::uint32_t index = 0; index < peers_.size(); ++index) {
      if (peers_[index].endpoint == endpoint) return last_ = index;
    }
    return kNone;
  }
  const auto found = index_.find(endpoint);
  return found == index_.end() ? kNone : last_ = found->second;
}

std::uint32_t PeerTable::find_or_add(const Endpoint& endpoint, std::uint64_t new_conversation) {
  std::uint32_t index = find(endpoint);
  if (index != kNone) return index;
  if (peers_.size() < peers_max_) {
    index = static_cast<std::uint32_t>(peers_.size());
    peers_.emplace_back();
  } else if (idle_.head != kNone) {
    index = idle_.head;
    mark_busy(index);
    if (!index_.empty()) index_.erase(peers_[index].endpoint);
    // A peer may still stand in the queue of those to send to; the place keeps that, nothing else.
    const bool queued = peers_[index].queued;
    peers_[index] = {};
    peers_[index].queued = queued;
  } else {
    return kNone;
  }
  peers_[index].endpoint = endpoint;
  peers_[index].conversation = new_conversation;
  if (!index_.empty()) {
    index_.emplace(endpoint, index);
  } else if (peers_.size() > kSearchedMax) {
    for (std::uint32_t known = 0; known < peers_.size(); ++known)
      index_.emplace(peers_[known].endpoint, known);
  }
  mark_idle(index);
  return index;
}

void PeerTable::mark_idle(std::uint32_t index) {
  Peer& peer = peers_[index];
  if (peer.idle) return;
  peer.idle = true;
  peer.idle_before = idle_.tail;
  peer.idle_after = kNone;
  (idle_.tail == kNone ? idle_.head : peers_[idle_.tail].idle_after) = index;
  idle_.tail = index;
}

void PeerTable::mark_busy(std::uint32_t index) {
  Peer& peer = peers_[index];
  if (!peer.idle) return;
  peer.idle = false;
  (peer.idle_before == kNone ? idle_.head : peers_[peer.idle_before].idle_after) = peer.idle_after;
  (peer.idle_after == kNone ? idle_.tail : peers_[peer.idle_after].idle_before) = peer.idle_before;
}

}  // namespace holler
