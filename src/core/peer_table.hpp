#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"

#include "core/congestion_window.hpp"
#include "core/number_ring.hpp"
#include "core/rtt_estimator.hpp"

namespace holler {

/// No slot, no peer: the end of a list.
inline constexpr std::uint32_t kNone = 0xffffffff;

/// The ends of a doubly linked list that runs through an array.
struct ListEnds {
  std::uint32_t head = kNone;
  std::uint32_t tail = kNone;
};

/// What a requester knows of one peer, and keeps between requests.
struct Peer {
  Endpoint endpoint;
  std::uint64_t conversation = 0;
  std::uint32_t life = 0;  // the peer's, as last heard; 0 for unknown
  Timestamp life_since;    // it began no later than this
  RttEstimator rtt;
  CongestionWindow window;
  NumberRing numbers;
  ListEnds fresh;               // requests that wait for their first transmission
  ListEnds repeats;             // requests whose time to ask again has come
  ListEnds doubted;             // requests whose time has come, and which wait for what becomes of `probe`
  std::uint32_t probe = kNone;  // the request that is asked again for a whole silent flight
  std::uint32_t probes = 0;     // one after the other, since anything was heard
  Timestamp heard_sent = Timestamp::min();  // when the latest of all copies that were answered was sent
  Timestamp heard = Timestamp::min();       // when anything came from it last
  std::uint32_t outstanding = 0;            // requests that have not ended
  std::uint32_t in_flight = 0;              // datagrams under way
  std::array<std::byte, 32> cookie{};
  std::uint8_t cookie_bytes = 0;
  bool fresh_next = false;  // where both lists wait: whose turn it is
  bool queued = false;      // stands in the queue of peers to send to
  bool bundles = false;     // takes several messages in one datagram
  bool held = false;        // its new requests wait for company
  std::uint32_t held_times = 0;
  std::size_t fresh_bytes = 0;  // of the payloads in `fresh`, with their headers
  bool idle = false;            // stands in the list of peers that may be forgotten
  std::uint32_t idle_before = kNone;
  std::uint32_t idle_after = kNone;

  [[nodiscard]] Bytes cookie_view() const noexcept { return Bytes{cookie}.first(cookie_bytes); }
  [[nodiscard]] bool has_ready() const noexcept { return fresh.head != kNone || repeats.head != kNone; }
};

/// All peers of a requester, in places that do not change. At its bound, the peer that has been idle for
/// longest makes room; busy peers are never forgotten.
class PeerTable {
 public:
  explicit PeerTable(std::size_t peers_max) : peers_max_{peers_max} {}

  /// @return kNone if it is not known
  [[nodiscard]] std::uint32_t find(const Endpoint& endpoint) const {
    return last_ != kNone && peers_[last_].endpoint == endpoint ? last_ : search(endpoint);
  }
  /// @return kNone if the table is full of busy peers
  [[nodiscard]] std::uint32_t find_or_add(const Endpoint& endpoint, std::uint64_t new_conversation);
  [[nodiscard]] Peer& operator[](std::uint32_t index) noexcept { return peers_[index]; }
  [[nodiscard]] const Peer& operator[](std::uint32_t index) const noexcept { return peers_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }

  /// To be told when a peer's last request ends and when it gets a first one again.
  void mark_idle(std::uint32_t index);
  void mark_busy(std::uint32_t index);

 private:
  [[nodiscard]] std::uint32_t search(const Endpoint& endpoint) const;

  /// So many peers are found faster by looking at each.
  static constexpr std::size_t kSearchedMax = 4;

  std::size_t peers_max_;
  std::vector<Peer> peers_;
  boost::unordered_flat_map<Endpoint, std::uint32_t, std::hash<Endpoint>>
      index_;  // from the first peer beyond `kSearchedMax` on
  ListEnds idle_;
  /// Found last: most that comes or is asked is of the peer of the one before.
  mutable std::uint32_t last_ = kNone;
};

}  // namespace holler
