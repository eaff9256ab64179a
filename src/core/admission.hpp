#pragma once

#include <cstdint>
#include <optional>

#include "holler/time.hpp"

namespace holler {

/// Tells a server that cannot keep up which new requests to take on, and when to ask the others back.
///
/// A queue that comes and goes is what a receive buffer is for; one that stands is of no use to anybody, and
/// means that more is asked than can be answered (RFC 8289 §3, which also gives the two figures below). Then
/// most new requests are turned away, which costs a small part of answering them, until the queue has gone.
/// Who is turned away gets a time to come back, each a little later than the one before, so that together
/// they ask for a part of what the server can do: a crowd that has been turned away must not come back as
/// one.
class Admission {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds{100};
  /// A queue of so many requests is still one that comes and goes, at a server that is slow for each.
  static constexpr std::int64_t kQueueInRequests = 32;
  /// However many come, every fourth new one is taken on: a flood of requests that nobody waits for must not
  /// leave the server busy with saying that it is.
  static constexpr std::uint32_t kRefusedInARow = 3;
  /// Returning askers get a quarter of what the server can do; the rest is for new ones.
  static constexpr std::int64_t kReturnShare = 4;
  static constexpr Duration kRestMax = std::chrono::seconds{30};

  /// @param standing_wait  how long a datagram may have lain in the receive buffer, all the time; 0: for ever
  /// @param rest_least     the least that an asker who is turned away is told to wait
  Admission(Duration standing_wait, Duration rest_least) noexcept
      : standing_wait_{standing_wait}, rest_least_{rest_least} {}

  /// To be told of every datagram that is read.
  void on_read(Timestamp now, Duration waited) noexcept;
  /// To be told of every request that is taken on.
  void on_admitted() noexcept { ++admitted_; }

  [[nodiscard]] bool overloaded() const noexcept { return overloaded_; }
  /// Whether one more new request is to be turned away.
  [[nodiscard]] bool refuses() noexcept;
  /// How long the asker of a request that was turned away should rest. Where that is more than its time left,
  /// it need not ask again.
  [[nodiscard]] Duration rest(Timestamp now, Duration time_left) noexcept;

  /// The time that one request takes, as it was in the last interval without a pause; 0 before the first.
  [[nodiscard]] Duration service() const noexcept { return service_; }

 private:
  Duration standing_wait_;
  Duration rest_least_;
  bool overloaded_ = false;
  bool late_ = false;                        // the last datagram had waited for too long
  std::optional<Timestamp> contrary_since_;  // from when on all that was read spoke against `overloaded_`
  Timestamp last_read_ = Timestamp::min();
  Timestamp interval_start_;
  std::int64_t admitted_ = 0;  // since `interval_start_`
  Duration service_{};
  std::uint32_t refused_ = 0;  // since one was taken on
  Timestamp next_return_ = Timestamp::min();
};

}  // namespace holler
