#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "holler/requester.hpp"

namespace holler::fuzz {

/// A Requester, and beside it a simple model of what it has promised: every call is checked against it. Slow
/// where the engine is fast, and with no code in common but the codecs.
class WatchedRequester {
 public:
  /// One request, as its owner knows it.
  struct Asked {
    RequestHandle handle;
    Endpoint peer;
    RequestOptions options;
    ByteVector payload;
    Timestamp started;
    Timestamp deadline;
    std::uint32_t sent = 0;     // transmissions
    std::uint32_t granted = 0;  // of them, those that a peer has asked for at once
    ByteVector datagram;        // as sent last
    std::uint64_t number = 0;   // as sent, where the protocol has one
    std::uint64_t id = 0;       // likewise
    std::uint32_t guesses = 0;  // at a short ID, since it was last a new one
    std::uint32_t life = 0;     // of the server that it is for, as far as is known
    Timestamp first_sent;
    Timestamp last_sent;
    bool maybe_repeated = false;
    Timestamp quiet_until;       // no transmission before then
    std::optional<Outcome> end;  // how it ended
    ByteVector answer;
  };

  WatchedRequester(const Codec& codec, RandomSource& ids, const RequesterOptions& options);

  /// @return the new request, or nullptr where the engine rightly refuses
  const Asked* start(Timestamp now, const Endpoint& peer, Bytes payload, const RequestOptions& options);
  void cancel(Timestamp now, std::size_t which);
  Verdict deliver(Timestamp now, const Arrival& arrival);
  void unreachable(Timestamp now, const Unreachability& news);
  void pass_time(Timestamp now);
  /// @return what was sent, if there was something to send
  std::optional<Transmit> transmit(Timestamp now);
  /// Ends everything, and looks for what is left over.
  void finish(Timestamp now);

  /// All that were ever started, in order.
  [[nodiscard]] const std::deque<Asked>& asked() const noexcept { return asked_; }
  [[nodiscard]] std::size_t live() const noexcept { return live_; }
  [[nodiscard]] const Codec& codec() const noexcept { return *codec_; }
  [[nodiscard]] Requester& engine() noexcept { return requester_; }

 private:
  struct Expected {
    Asked* asked = nullptr;  // whose answer it is; nullptr: nobody's
    ReplyView view;
  };

  template <class Wanted>
  Asked* find_live(Wanted&& wanted);
  StartStatus expected_status(const Endpoint& peer, Bytes payload, const RequestOptions& options);
  [[nodiscard]] bool given_up(const Asked& asked) const;
  Expected expect(const Arrival& arrival);
  Asked* answers(const Arrival& arrival, const ReplyView& view);
  void shorten_waits(Timestamp now, const Endpoint& peer, Duration round_trip);
  void check_used(Timestamp now, const Arrival& arrival, const Expected& expected, const Verdict& verdict);
  void check_restarted(Timestamp now, Asked& asked, const ReplyView& view);
  void check_promiscuous(const Arrival& arrival, const Verdict& verdict);
  void check_stamp(Asked& asked, Bytes datagram);
  void take_events(Timestamp now);
  void end(Timestamp now, const RequestEvent& event);
  void check_idle(Timestamp now);

  const Codec* codec_;
  RequesterOptions options_;
  Requester requester_;
  ByteVector buffer_;
  std::deque<Asked> asked_;
  std::size_t live_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t used_ = 0;
  std::optional<RequestEvent> last_event_;
  std::size_t events_seen_ = 0;  // in the call that is being checked
  std::map<std::uint64_t, Endpoint> conversations_;
};

}  // namespace holler::fuzz
