#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holler/responder.hpp"

namespace holler::fuzz {

/// A Responder, and beside it a simple model of what it has promised: every call is checked against it.
class WatchedResponder {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // conversation and number

  /// A request that was handed out.
  struct Handed {
    enum class State : std::uint8_t { open, held, closed };
    JobHandle job;
    State state = State::open;
    bool identified = false;
    Key key;
    std::uint64_t id = 0;
    Endpoint from;
    ByteVector payload;
    Timestamp release_at;  // for held
  };

  WatchedResponder(std::vector<const Codec*> codecs, RandomSource& random, const ResponderOptions& options);

  /// @return what was handed out, as an index into `handed`
  std::optional<std::size_t> deliver(Timestamp now, const Incoming& incoming);
  void pass_time(Timestamp now);
  /// What a handler can do with one that was handed out; each is false where it is closed or held.
  bool reply(Timestamp now, std::size_t which, Bytes payload, Timestamp not_before = Timestamp::min());
  bool refuse(Timestamp now, std::size_t which, std::uint16_t reason);
  bool postpone(Timestamp now, std::size_t which, Duration retry_after);
  bool ignore(Timestamp now, std::size_t which);
  /// @return what was sent, and its bytes in `datagram`
  std::optional<ResponseTransmit> transmit(Timestamp now);

  [[nodiscard]] const std::vector<Handed>& handed() const noexcept { return handed_; }
  [[nodiscard]] Bytes datagram() const noexcept { return sent_; }
  [[nodiscard]] const Responder& engine() const noexcept { return responder_; }
  [[nodiscard]] Timestamp next_timeout() const noexcept { return responder_.next_timeout(); }

 private:
  /// One end of a request, as it may be sent any number of times.
  struct Ended {
    ReplyKind kind = ReplyKind::reply;
    std::uint16_t reason = 0;
    ByteVector payload;
    friend bool operator==(const Ended&, const Ended&) = default;
  };
  struct Balance {
    std::uint64_t received = 0;  // bytes on the wire
    std::uint64_t sent = 0;
    bool proven = false;  // it has shown a cookie, right or wrong
  };

  [[nodiscard]] std::pair<const Codec*, RequestView> decode(Bytes datagram) const;
  std::size_t check_handed(Timestamp now, const Incoming& incoming, const RequestView& view,
                           const IncomingRequest& request);
  void check_sent(const ResponseTransmit& sent);
  void check_amplification(const ResponseTransmit& sent);
  void check_bounds();
  Handed* open(std::size_t which);
  void note_end(const Handed& handed, Ended ended);

  std::vector<const Codec*> codecs_;
  ResponderOptions options_;
  Responder responder_;
  ByteVector buffer_;
  Bytes sent_;
  std::vector<Handed> handed_;
  std::map<Key, std::uint64_t> remembered_;            // handed out, and not to be handed out again; IDs
  std::map<std::uint64_t, Timestamp> keep_until_;      // of each conversation
  std::map<Key, std::vector<Ended>> ends_;             // by ID and number: what may be said
  std::map<Endpoint, std::vector<ByteVector>> plain_;  // replies without an ID, by asker
  std::map<Address, Balance> balances_;
  std::set<std::pair<Endpoint, Endpoint>> met_;  // who has sent what to which address of ours
  std::size_t jobs_ = 0;
};

}  // namespace holler::fuzz
