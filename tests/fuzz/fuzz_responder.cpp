#include <algorithm>
#include <array>
#include <deque>

#include "holler/codecs.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/model_responder.hpp"
#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"

// A Responder with small tables, whose askers, handler and network do what the input says: new requests,
// copies from the same and from other addresses, wrong IDs, numbers far ahead, cookies right and wrong,
// nonsense; answers at once, later, never. WatchedResponder knows what must hold.

namespace holler::fuzz {
namespace {

constexpr std::size_t kStepsMax = 400;
constexpr std::size_t kKept = 32;
constexpr std::uint32_t kLife = 2;

std::vector<const Codec*> codecs_for(std::uint32_t choice) {
  switch (choice) {
    case 0: return {&plain_codec()};
    case 1: return {&holler_codec()};
    case 2: return {&dns_codec(), &holler_codec()};
    default: return {&holler_codec(), &plain_codec()};
  }
}

ResponderOptions options_from(Input& input) {
  ResponderOptions options{.jobs_max = input.below(8),
                           .conversations_max = input.below(8),
                           .replies_max = input.below(256),
                           .reply_bytes_max = input.below(2000),
                           .datagram_bytes_max = input.below(700)};
  if (input.one_in(2)) options.datagram_lifetime = input.duration();
  if (input.one_in(2)) options.time_left_max = input.duration();
  options.working_retry = input.duration();
  options.busy_retry = input.duration();
  options.amplification_max = input.below(5);
  options.life = kLife;
  options.standing_wait = input.one_in(2) ? input.duration() : Duration::zero();
  if (input.one_in(4)) options.strangers_after = input.duration();
  options.answer_broadcast = input.one_in(2);
  return options;
}

class Driver {
 public:
  explicit Driver(Input& input)
      : input_{&input},
        random_{input.byte()},
        responder_{codecs_for(input.below(6)), random_, options_from(input)} {}

  void run() {
    for (std::size_t i = 0; i < kStepsMax && !input_->ended(); ++i) step();
    finish();
  }

 private:
  struct Sent {
    Endpoint from;
    Endpoint to;
    ByteVector bytes;
  };

  void step() {
    switch (input_->below(16)) {
      case 0:
      case 1:
      case 2:
      case 3: return ask();
      case 4:
      case 5: return repeat();
      case 6: return nonsense();
      case 7:
      case 8:
      case 9: return handle();
      case 10:
      case 11: return transmit(1 + input_->below(4));
      case 12:
      case 13: return transmit(1000);
      default: return pass_time();
    }
  }

  Endpoint any_asker() {
    const std::uint32_t which = input_->below(16);
    const auto port = static_cast<std::uint16_t>(4000 + which % 3);
    if (which == 15) return {Address::v4(10, 0, 0, 1), 0};
    if (which == 14) return {Address::loopback_v4(), port};
    if (which == 13) return {Address::v6({0x20, 1, 0xd, 0xb8, 1}), port};
    return {Address::v4(10, 0, 0, static_cast<std::uint8_t>(1 + which % 4)), port};
  }

  Endpoint any_own() {
    return {Address::v4(192, 0, 2, static_cast<std::uint8_t>(1 + input_->below(2))), 1060};
  }

  void ask() {
    const std::uint64_t conversation = input_->below(6);
    const std::uint64_t number = input_->one_in(16) ? input_->number<std::uint32_t>() : 1 + input_->below(24);
    RequestStamp stamp{.conversation = conversation,
                       .number = number,
                       .done_below = 1,
                       .id = (conversation << 32U | number) * 0x9e3779b97f4a7c15U,
                       .attempt = 1,
                       .time_left = input_->duration()};
    if (input_->one_in(2)) stamp.life = input_->one_in(8) ? kLife + 1 : kLife;
    if (input_->one_in(4)) stamp.done_below = number - std::min<std::uint64_t>(number, input_->below(24));
    if (input_->one_in(16)) stamp.id ^= 1U;
    std::array<std::byte, 16> cookie{};
    if (input_->one_in(4)) stamp.cookie = input_->one_in(2) ? Bytes{cookie_} : Bytes{cookie};
    const Endpoint from = any_asker();
    ByteVector bytes(120);
    const auto size = holler_codec().encode_request(stamp, input_->bytes(input_->below(40)), bytes);
    if (!size) return;
    bytes.resize(*size);
    deliver({.from = from, .to = any_own(), .bytes = std::move(bytes)});
  }

  /// A copy of something that was sent before, perhaps after a NAT has moved its asker, or mangled.
  void repeat() {
    if (asked_.empty()) return;
    Sent copy = asked_[input_->below(static_cast<std::uint32_t>(asked_.size()))];
    if (input_->one_in(4)) copy.from = any_asker();
    if (input_->one_in(8) && !copy.bytes.empty()) {
      copy.bytes[input_->below(static_cast<std::uint32_t>(copy.bytes.size()))] ^= std::byte{input_->byte()};
    }
    if (input_->one_in(16)) copy.bytes.resize(std::min<std::size_t>(copy.bytes.size(), input_->byte()));
    deliver(std::move(copy));
  }

  void nonsense() {
    deliver({.from = any_asker(), .to = any_own(), .bytes = copy_of(input_->bytes(input_->below(80)))});
  }

  void deliver(Sent datagram) {
    Incoming incoming{.from = datagram.from, .to = datagram.to, .bytes = datagram.bytes};
    if (input_->one_in(3)) incoming.waited = std::min(input_->duration(), Duration{std::chrono::minutes{1}});
    if (input_->one_in(16)) {
      incoming.delivery = static_cast<Delivery>(input_->below(3));
      incoming.truncated = input_->one_in(4);
    }
    static_cast<void>(responder_.deliver(now_, incoming));
    asked_.push_front(std::move(datagram));
    if (asked_.size() > kKept) asked_.pop_back();
  }

  /// Mostly what was handed out of late.
  void handle() {
    const std::size_t count = responder_.handed().size();
    if (count == 0) return;
    const std::size_t which = count - 1 - std::min<std::size_t>(count - 1, input_->below(10));
    switch (input_->below(8)) {
      case 0: responder_.refuse(now_, which, input_->byte()); break;
      case 1: responder_.postpone(now_, which, input_->duration()); break;
      case 2: responder_.ignore(now_, which); break;
      case 3:
        responder_.reply(now_, which, reply_of(input_->below(40)), later(now_, input_->duration()));
        break;
      case 4: responder_.reply(now_, which, reply_of(input_->below(700))); break;
      default: responder_.reply(now_, which, reply_of(input_->below(40))); break;
    }
  }

  /// No plain reply that could be taken for one of holler's, and no two alike.
  ByteVector reply_of(std::size_t bytes) {
    ByteVector reply(bytes, std::byte{'.'});
    if (!reply.empty()) reply.back() = std::byte{++replies_};
    return reply;
  }

  void transmit(std::uint32_t most) {
    while (most-- > 0) {
      const auto sent = responder_.transmit(now_);
      if (!sent) return;
      if (sent->kind != ReplyKind::verify) continue;
      const ReplyView view = holler_codec().decode_reply(responder_.datagram());
      std::ranges::copy(view.cookie, cookie_.begin());
    }
  }

  void pass_time() {
    const Timestamp next = std::min(responder_.next_timeout(), now_ + std::chrono::hours{1});
    switch (input_->below(4)) {
      case 0: now_ += std::min(input_->duration(), Duration{std::chrono::hours{1}}); break;
      case 1: now_ = std::max(now_, next - Duration{1}); break;
      default: now_ = std::max(now_, next); break;
    }
    responder_.pass_time(now_);
  }

  /// After the last answer and the last life of a datagram, nothing is remembered.
  void finish() {
    for (std::size_t which = 0; which < responder_.handed().size(); ++which) responder_.ignore(now_, which);
    transmit(100'000);
    for (int wakes = 0; responder_.next_timeout() != kNever; ++wakes) {
      require(wakes < 1000, "time to forget comes to an end");
      now_ = std::max(now_, responder_.next_timeout());
      responder_.pass_time(now_);
    }
    transmit(100'000);
  }

  Input* input_;
  SeededRandom random_;
  WatchedResponder responder_;
  Timestamp now_{std::chrono::seconds{1000}};
  std::deque<Sent> asked_;
  std::array<std::byte, 16> cookie_{};
  std::uint8_t replies_ = 0;
};

}  // namespace

void run_responder(Bytes input) {
  Input decisions{input};
  Driver{decisions}.run();
}

}  // namespace holler::fuzz
