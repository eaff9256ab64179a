#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Why a datagram was dropped. What a peer sends never stops the program: it is used, or it is counted here.
namespace holler {

enum class DropReason : std::uint8_t {
  malformed,        ///< breaks its protocol's format: too short, a length that lies, a reserved bit set
  foreign,          ///< not of the protocol that is spoken here
  unknown_version,  ///< holler's magic, another version
  unknown_type,     ///< holler's magic and version, a type this version does not know
  wrong_source,     ///< a reply not from the endpoint that was asked; a request "from" the server itself
  wrong_id,         ///< a reply from the right endpoint whose ID is not the request's (forged, or stale)
  wrong_question,   ///< a DNS reply to another question
  late,             ///< a reply to a request that has already ended: a duplicate, or after the deadline
  no_request,       ///< a reply, and nothing was asked
  truncated,        ///< longer than the buffer it was received into
  expired,          ///< a request whose asker has already given up
  already_done,     ///< a copy of a request that its asker has declared finished
  over_limit,       ///< a table was full and the asker could not be told (see docs/limits.md)
  amplification,    ///< a reply over 3 times what an unverified address sent (RFC 9000 §8.1)
  not_unicast,      ///< arrived by broadcast or multicast at a server that was not told to answer it
  not_allowed,      ///< refused by an allow list
  simulated_loss,   ///< dropped on purpose, because somebody wanted to see what happens
  send_failed,      ///< the kernel would not send it
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::send_failed) + 1;

/// The name in statistics and JSON: the enumerator's, such as `wrong_source`.
[[nodiscard]] std::string_view name_of(DropReason reason) noexcept;
/// One line for people, such as "came from an endpoint that was not asked".
[[nodiscard]] std::string_view describe(DropReason reason) noexcept;

/// How many datagrams were dropped for which reason.
class DropCounts {
 public:
  void add(DropReason reason, std::uint64_t count = 1) noexcept {
    counts_[static_cast<std::size_t>(reason)] += count;
  }
  [[nodiscard]] std::uint64_t operator[](DropReason reason) const noexcept {
    return counts_[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t total() const noexcept;
  DropCounts& operator+=(const DropCounts& other) noexcept;
  /// Calls `visit(DropReason, count)` for every reason with a count above zero.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      if (counts_[i] != 0) visit(static_cast<DropReason>(i), counts_[i]);
    }
  }
  friend bool operator==(const DropCounts&, const DropCounts&) noexcept = default;

 private:
  std::array<std::uint64_t, kDropReasons> counts_{};
};

}  // namespace holler
