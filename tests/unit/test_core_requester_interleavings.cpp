#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

// A requester driven at random, with tables of a few places, by a network that forges, repeats, mangles and
// loses, and an owner that polls when it likes. A model knows what must be true all the same.

namespace holler {
namespace {

using namespace std::chrono_literals;

struct Known {
  RequestHandle handle;
  Endpoint peer;
  std::uint32_t channel = 0;
  std::string payload;
  Timestamp started;
  Timestamp deadline;
  std::uint32_t attempts_max = 0;
  std::uint32_t sent = 0;
  bool ended = false;
};

class Driver {
 public:
  Driver(std::uint64_t seed, const Codec& codec)
      : random_{seed},
        ids_{seed + 1},
        codec_{codec},
        requester_{codec,
                   ids_,
                   {.outstanding_max = 1 + random_.below(12),
                    .peers_max = 1 + random_.below(4),
                    .datagram_bytes_max = 400,
                    .uncontrolled = random_.below(2) == 0,
                    .mismatch_alarm = 3}} {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      ASSERT_EQ(requester_.outstanding(), live_);
    }
    drain();
  }
  [[nodiscard]] const RequesterStats& stats() const { return requester_.stats(); }

 private:
  std::uint32_t pick(std::uint32_t limit) { return static_cast<std::uint32_t>(random_.below(limit)); }
  Endpoint any_peer() { return {Address::v4(10, 0, 0, static_cast<std::uint8_t>(1 + pick(6))), 1060}; }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2: return start();
      case 3: return cancel();
      case 4:
      case 5: return answer();
      case 6: return forge();
      case 7: return unreachable();
      case 8: return transmit(1 + pick(3));
      case 9: return transmit(1000);
      default: return pass_time();
    }
  }

  void start() {
    const Endpoint peer = pick(50) == 0 ? Endpoint{} : any_peer();
    RequestOptions options{.deadline = random_.between(0ms, 3s),
                           .first_wait = random_.between(0ms, 400ms),
                           .attempts_max = pick(4),
                           .backoff_max = random_.between(0ms, 1s),
                           .jitter = percent(pick(150)),
                           .channel = pick(3)};
    const std::string payload(pick(10) == 0 ? 500 : pick(20), 'q');
    const StartResult result = requester_.start(now_, peer, bytes_of(payload), options);
    if (peer.port == 0) {
      EXPECT_EQ(result.status, StartStatus::bad_peer);
      return;
    }
    EXPECT_EQ(result.status == StartStatus::too_large, payload.size() > requester_.payload_bytes_max(peer));
    if (result.status != StartStatus::started) return;
    for (const Known& known : requests_) ASSERT_NE(known.handle, result.handle) << "a handle was given twice";
    requests_.push_back({.handle = result.handle,
                         .peer = peer,
                         .channel = options.channel,
                         .payload = payload,
                         .started = now_,
                         .deadline = now_ + options.deadline,
                         .attempts_max = options.attempts_max});
    ++live_;
  }

  void cancel() {
    if (requests_.empty()) return;
    const std::size_t which = random_.below(requests_.size());
    events();
    const bool was_on = !requests_[which].ended;
    EXPECT_EQ(requester_.cancel(now_, requests_[which].handle), was_on);
    RequestHandle stale = requests_[which].handle;
    stale.generation += 1 + pick(3);
    if (std::none_of(requests_.begin(), requests_.end(),
                     [&](const Known& known) { return known.handle == stale; })) {
      EXPECT_FALSE(requester_.cancel(now_, stale));
    }
    EXPECT_FALSE(requester_.cancel(now_, {.slot = 1'000'000, .generation = 0}));
    events();
    EXPECT_TRUE(requests_[which].ended);
  }

  void transmit(std::uint32_t most) {
    ByteVector buffer(400);
    while (most-- > 0) {
      const auto sent = requester_.poll_transmit(now_, buffer);
      if (!sent) break;
      Known* known = find(sent->request);
      ASSERT_NE(known, nullptr);
      EXPECT_FALSE(known->ended);
      EXPECT_EQ(sent->to, known->peer);
      EXPECT_EQ(sent->channel, known->channel);
      EXPECT_EQ(sent->attempt, ++known->sent);
      EXPECT_LE(now_, known->deadline);
      EXPECT_GE(sent->wait, Duration::zero());
      if (known->attempts_max != 0) {
        EXPECT_LE(known->sent, known->attempts_max + 3);
      }
      if (wire_.size() < 5000) wire_.emplace_back(*sent, copy_of(Bytes{buffer}.first(sent->bytes)));
    }
    events();
  }

  /// Mostly of the last few.
  const std::pair<Transmit, ByteVector>& any_sent() {
    const std::uint64_t back =
        random_.below(pick(4) == 0 ? wire_.size() : std::min<std::size_t>(6, wire_.size()));
    return wire_[wire_.size() - 1 - back];
  }

  /// A reply of some kind to something that was sent once.
  void answer() {
    if (wire_.empty()) return;
    const auto& [sent, datagram] = any_sent();
    deliver(sent.to, sent.channel, reply_to(datagram, 0));
  }

  void forge() {
    if (wire_.empty()) return;
    const auto& [sent, datagram] = any_sent();
    ByteVector bytes = reply_to(datagram, pick(2) == 0 ? 1 : 0);
    switch (pick(6)) {
      case 0: return deliver(any_peer(), sent.channel, bytes);
      case 1: return deliver(sent.to, pick(4), bytes);
      case 2: bytes.resize(random_.below(bytes.size() + 1)); return deliver(sent.to, sent.channel, bytes);
      case 3:
        if (!bytes.empty()) bytes[random_.below(bytes.size())] ^= static_cast<std::byte>(1 + pick(255));
        return deliver(sent.to, sent.channel, bytes);
      case 4: return deliver(sent.to, sent.channel, bytes, true);
      default: {
        ByteVector noise(random_.below(80));
        for (std::byte& byte : noise) byte = static_cast<std::byte>(random_.next());
        return deliver(sent.to, sent.channel, noise);
      }
    }
  }

  ByteVector reply_to(Bytes request, std::uint64_t id_change) {
    if (!codec_.traits().numbered) return copy_of(bytes_of("reply"));
    const RequestView view = codec_.decode_request(request);
    const ByteVector cookie(16, std::byte{7});
    const std::string payload = "to " + std::string{text_of(view.payload)};
    const ReplyStamp stamp{.kind = pick(2) == 0 ? ReplyKind::reply : static_cast<ReplyKind>(pick(5)),
                           .number = view.number,
                           .id = view.id ^ id_change,
                           .attempt = static_cast<std::uint8_t>(pick(3) == 0 ? pick(256) : view.attempt),
                           .hold = random_.between(0s, 5s),
                           .retry_after = random_.between(0s, 2s),
                           .reason = 3,
                           .payload_bytes = payload.size(),
                           .cookie = cookie};
    ByteVector datagram(200);
    datagram.resize(codec_.encode_reply_header(stamp, datagram).value_or(0));
    if (stamp.kind == ReplyKind::reply) {
      datagram.insert(datagram.end(), bytes_of(payload).begin(), bytes_of(payload).end());
    }
    return datagram;
  }

  void deliver(const Endpoint& from, std::uint32_t channel, Bytes bytes, bool truncated = false) {
    const RequesterStats before = requester_.stats();
    const Verdict verdict = requester_.handle_datagram(
        now_, {.from = from, .channel = channel, .bytes = bytes, .truncated = truncated});
    EXPECT_EQ(requester_.stats().received, before.received + 1);
    EXPECT_EQ(requester_.stats().dropped.total(), before.dropped.total() + (verdict.used ? 0 : 1));
    if (truncated) {
      EXPECT_FALSE(verdict.used);
    }
    if (verdict.used) {
      ASSERT_TRUE(verdict.request);
      const Known* known = find(*verdict.request);
      ASSERT_NE(known, nullptr);
      EXPECT_EQ(known->peer, from);
      EXPECT_EQ(known->channel, channel);
      EXPECT_GT(known->sent, 0U);
    }
    events();
  }

  void unreachable() {
    if (wire_.empty()) return;
    const auto& [sent, datagram] = any_sent();
    Bytes quote{datagram};
    if (pick(3) == 0) quote = quote.first(random_.below(quote.size() + 1));
    const auto whose = requester_.handle_unreachable(now_, {.kind = static_cast<Unreachable>(pick(4)),
                                                            .peer = pick(5) == 0 ? any_peer() : sent.to,
                                                            .channel = pick(5) == 0 ? pick(4) : sent.channel,
                                                            .quote = quote,
                                                            .path_mtu_bytes = pick(2) * 1280});
    if (whose) {
      const Known* known = find(*whose);
      ASSERT_NE(known, nullptr);
      EXPECT_FALSE(known->ended);
    }
    events();
  }

  void pass_time() {
    const Timestamp next = requester_.next_timeout();
    EXPECT_EQ(next == kNever, requester_.outstanding() == 0);
    switch (pick(3)) {
      case 0: now_ += random_.between(0ms, 50ms); break;
      case 1: now_ = std::max(now_, next == kNever ? now_ : next); break;
      default: now_ += random_.between(0ms, 800ms); break;  // an owner that comes late
    }
    requester_.handle_timeout(now_);
    EXPECT_GT(requester_.next_timeout(), now_) << "the owner would spin";
    events();
    for (const Known& known : requests_) {
      if (!known.ended) {
        EXPECT_GT(known.deadline, now_) << "it should have ended";
      }
    }
  }

  void events() {
    while (const auto event = requester_.poll_event()) {
      Known* known = find(event->request);
      ASSERT_NE(known, nullptr);
      ASSERT_FALSE(known->ended) << "it ended twice";
      known->ended = true;
      --live_;
      EXPECT_EQ(event->peer, known->peer);
      EXPECT_EQ(event->elapsed, now_ - known->started);
      EXPECT_LE(event->attempts, known->sent);
      if (event->outcome == Outcome::answered) {
        EXPECT_EQ(event->from, known->peer);
        ++answered_;
        if (event->rtt) {
          EXPECT_GE(*event->rtt, Duration::zero());
        }
      }
      if (event->outcome == Outcome::no_answer || event->outcome == Outcome::busy) {
        EXPECT_TRUE(now_ >= known->deadline || known->attempts_max != 0);
      }
    }
  }

  void drain() {
    for (int i = 0; i < 100'000 && requester_.outstanding() != 0; ++i) {
      transmit(1000);
      now_ = requester_.next_timeout();
      requester_.handle_timeout(now_);
      events();
    }
    EXPECT_EQ(requester_.outstanding(), 0U);
    EXPECT_EQ(live_, 0U);
    EXPECT_EQ(requester_.next_timeout(), kNever);
    EXPECT_EQ(requester_.stats().started, requests_.size());
    EXPECT_EQ(requester_.stats().answered, answered_);
    ByteVector buffer(400);
    EXPECT_FALSE(requester_.poll_transmit(now_, buffer));
  }

  Known* find(RequestHandle handle) {
    const auto found = std::find_if(requests_.rbegin(), requests_.rend(),
                                    [&](const Known& known) { return known.handle == handle; });
    return found == requests_.rend() ? nullptr : &*found;
  }

  SeededRandom random_;
  SeededRandom ids_;
  const Codec& codec_;
  Requester requester_;
  Timestamp now_{1h};
  std::vector<Known> requests_;
  std::vector<std::pair<Transmit, ByteVector>> wire_;
  std::size_t live_ = 0;
  std::uint64_t answered_ = 0;
};

class RequesterInterleavings : public testing::TestWithParam<const Codec*> {};

TEST_P(RequesterInterleavings, EndEachRequestExactlyOnceAndByItsDeadline) {
  RequesterStats sum;
  for (std::uint64_t seed = 1; seed <= 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Driver driver{seed, *GetParam()};
    driver.run(600);
    sum.answered += driver.stats().answered;
    sum.retransmitted += driver.stats().retransmitted;
    sum.working += driver.stats().working;
    sum.alarms += driver.stats().alarms;
    sum.dropped += driver.stats().dropped;
  }
  // The driver has been everywhere, or it has shown nothing.
  EXPECT_GT(sum.answered, 1000U);
  EXPECT_GT(sum.retransmitted, 1000U);
  EXPECT_GT(sum.alarms, 10U);
  for (const DropReason reason : {DropReason::late, DropReason::wrong_source, DropReason::truncated}) {
    EXPECT_GT(sum.dropped[reason], 100U) << name_of(reason);
  }
  if (GetParam()->traits().numbered) {
    EXPECT_GT(sum.working, 100U);
    EXPECT_GT(sum.dropped[DropReason::wrong_id], 100U);
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, RequesterInterleavings, testing::Values(&holler_codec(), &plain_codec()),
                         [](const auto& with) { return std::string{with.param->traits().name}; });

}  // namespace
}  // namespace holler
