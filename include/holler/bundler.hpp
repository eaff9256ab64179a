#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "holler/endpoint.hpp"

/// Several messages in one datagram. What a datagram costs the kernel hardly depends on its size, so that
/// small messages that leave together for the same peer are much cheaper in one.
namespace holler {

/// With whom a message may share a datagram.
enum class Sharing : std::uint8_t {
  alone,    ///< the peer takes one message in a datagram, or has not answered to shared ones
  careful,  ///< with others on the same way, up to `kBundleBytesCareful`
  full,     ///< with others on the same way, up to what the path is known to take
};

/// How a copy of a request, or the answer to one, may travel. A path that loses large datagrams without a
/// word must not lose all copies, nor a peer that has become one that takes a single message: each copy is
/// sent more carefully than the one before.
/// @param takes_bundles  the peer has said so
/// @param attempt        which transmission of the request it is, or answers; from 1, 0 for unknown
[[nodiscard]] constexpr Sharing sharing_of_attempt(bool takes_bundles, std::uint32_t attempt) noexcept {
  if (!takes_bundles || attempt > 2) return Sharing::alone;
  return attempt == 1 ? Sharing::full : Sharing::careful;
}

/// What almost any path takes, as bytes of UDP payload (RFC 8899 §5.1.2, BASE_PLPMTU).
inline constexpr std::size_t kBundleBytesCareful = 1200;

/// However large the path's datagrams are, as on loopback: half of what can be had is had by then, and while
/// one side reads a bundle the other can write the next.
inline constexpr std::size_t kBundleBytesMax = 16384;
/// A bundle of so many messages is worth an answer of its own: what it makes ready leaves before the next is
/// read.
inline constexpr std::size_t kBundleLarge = 32;

/// From where to where a message goes.
struct Way {
  Endpoint to;
  Address from;                 ///< a wildcard leaves it to the kernel
  std::uint32_t channel = 0;    ///< the socket, as the owner numbers them
  std::uint32_t interface = 0;  ///< 0 for the routes' choice
  friend bool operator==(const Way&, const Way&) noexcept = default;
};

/// Decides which messages share a datagram: those that come one after the other on the same way, as long as
/// all of them allow it and the datagram does not become too large.
class Bundler {
 public:
  /// A message of so many bytes is the next one.
  /// @param path_bytes  (const Way&) → the largest UDP payload that its path takes; only asked where it
  /// counts
  /// @return whether it goes into the same datagram as the one before it
  template <class PathBytes>
  [[nodiscard]] bool add(const Way& way, Sharing sharing, std::size_t bytes, PathBytes&& path_bytes) {
    if (way == way_) return add_likewise(sharing, bytes, path_bytes);
    limit_ = 0;
    way_ = way;
    begin(sharing, bytes);
    return false;
  }
  /// `add` for a message that goes the way of the one before it.
  template <class PathBytes>
  [[nodiscard]] bool add_likewise(Sharing sharing, std::size_t bytes, PathBytes&& path_bytes) {
    if ((sharing != Sharing::full || bytes_ + bytes >= full_bytes_) && !joins(sharing, bytes, path_bytes))
        [[unlikely]] {
      begin(sharing, bytes);
      return false;
    }
    bytes_ += bytes;
    return true;
  }
  /// The datagram has left: nothing can be added to it any more.
  void close() noexcept {
    open_ = false;
    limit_ = full_bytes_ = 0;
  }

 private:
  void begin(Sharing sharing, std::size_t bytes) noexcept {
    open_ = sharing != Sharing::alone;
    careful_ = sharing == Sharing::careful;
    bytes_ = bytes;
    full_bytes_ = 0;
  }
  /// Looks at all there is to it.
  template <class PathBytes>
  [[gnu::noinline]] bool joins(Sharing sharing, std::size_t bytes, PathBytes&& path_bytes) {
    if (sharing == Sharing::alone || !open_) return false;
    const bool careful = careful_ || sharing == Sharing::careful;
    const std::size_t most = careful ? kBundleBytesCareful : std::min(limit_of(path_bytes), kBundleBytesMax);
    if (bytes_ + bytes > most) return false;
    careful_ = careful;
    full_bytes_ = most;
    return true;
  }
  template <class PathBytes>
  std::size_t limit_of(PathBytes&& path_bytes) {
    if (limit_ == 0) limit_ = path_bytes(way_);
    return limit_;
  }

  Way way_;
  std::size_t bytes_ = 0;
  std::size_t limit_ = 0;       // of the path; 0 until it is asked for
  std::size_t full_bytes_ = 0;  // below this `Sharing::full` joins without a further look
  bool open_ = false;
  bool careful_ = false;
};

}  // namespace holler
