#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/time.hpp"

/// The story of a run: what was sent, what the network did to it, and what the receiver made of it.
namespace holler::sim {

enum class Happening : std::uint8_t {
  sent,
  lost,
  duplicated,
  held_back,
  altered,  ///< the link corrupted it, and no checksum will see that: `bytes` as they will arrive
  delivered,
  queued,    ///< its host is stopped: it waits in the receive buffer
  overflow,  ///< its host is stopped, and the receive buffer is full
  nowhere,   ///< no host has that address
  refused,   ///< no one listens on that port: the sender hears of it by ICMP
  used,      ///< the receiver used it, as `label` says
  dropped,   ///< the receiver dropped it, for `label`
  note,      ///< something else, in `label`
};

/// What a datagram of holler's protocol says, on one line; others are shown as text.
[[nodiscard]] std::string describe_datagram(Bytes datagram, std::size_t total_bytes);

/// Keeps the last `lines_max` happenings. They are kept as they are and put into words only when read, so
/// that a story costs a run little.
class Chronicle {
 public:
  Chronicle(Timestamp start, std::size_t lines_max) : start_{start}, lines_max_{lines_max} {}

  [[nodiscard]] bool on() const noexcept { return lines_max_ != 0; }
  /// @param label  lives as long as the chronicle: a literal, or the name of an enumerator
  void record(Timestamp when, Happening what, const Endpoint& from, const Endpoint& to, Bytes datagram,
              std::string_view label = {}) {
    if (on()) keep(when, what, from, to, datagram, label);
  }
  void note(Timestamp when, std::string text);

  [[nodiscard]] std::uint64_t recorded() const noexcept { return recorded_; }
  /// One line for each happening, the oldest first.
  [[nodiscard]] std::string text() const;

 private:
  struct Entry {
    Timestamp when;
    Happening what = Happening::note;
    Endpoint from;
    Endpoint to;
    std::string_view label;
    std::string note;
    std::size_t total_bytes = 0;
    ByteVector bytes;
  };
  void keep(Timestamp when, Happening what, const Endpoint& from, const Endpoint& to, Bytes datagram,
            std::string_view label);
  Entry& next_entry();
  void append_line(std::string& out, const Entry& entry) const;

  Timestamp start_;
  std::size_t lines_max_;
  std::uint64_t recorded_ = 0;
  std::vector<Entry> ring_;
};

}  // namespace holler::sim
