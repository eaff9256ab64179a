#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <utility>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

// A responder with small tables, driven at random: askers that repeat, skip, lie and move, handlers that
// answer when and how they like. A model knows what must be true all the same.

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};
constexpr std::size_t kReplyMost = 600;

class Driver {
 public:
  explicit Driver(std::uint64_t seed)
      : random_{seed},
        secrets_{seed + 1},
        options_{.jobs_max = 1 + random_.below(10),
                 .conversations_max = 1 + random_.below(6),
                 .replies_max = std::size_t{64} << random_.below(4),
                 .reply_bytes_max = 500 + random_.below(5000),
                 .datagram_bytes_max = kReplyMost,
                 .datagram_lifetime = random_.between(0s, 20s),
                 .time_left_max = 10s},
        responder_{{&holler_codec(), &plain_codec()}, secrets_, options_} {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      ASSERT_LE(responder_.jobs(), options_.jobs_max);
      ASSERT_EQ(responder_.jobs(), open_.size() + held_.size());
      ASSERT_LE(responder_.remembered_requests(), options_.replies_max);
      ASSERT_LE(responder_.remembered_bytes(), options_.reply_bytes_max + options_.jobs_max * kReplyMost);
    }
    drain();
  }
  [[nodiscard]] const ResponderStats& stats() const { return responder_.stats(); }

 private:
  struct Key {
    std::uint64_t conversation = 0;
    std::uint64_t number = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Known {
    bool handed_out = false;
    Timestamp remembered_until = Timestamp::min();
  };
  struct Open {
    JobHandle job;
    Key key;
    Endpoint from;
    bool identified = false;
  };
  struct Held {
    Timestamp until;
    Key key;
  };
  struct Traffic {
    std::size_t received = 0;
    std::size_t sent = 0;
  };

  std::uint32_t pick(std::uint32_t limit) { return static_cast<std::uint32_t>(random_.below(limit)); }
  Endpoint any_asker() {
    return {Address::v4(10, 0, 1, static_cast<std::uint8_t>(1 + pick(4))),
            static_cast<std::uint16_t>(5000 + pick(2))};
  }

  void step() {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
      case 3: return request();
      case 4: return noise();
      case 5:
      case 6: return answer();
      case 7: return transmit(1 + pick(5));
      case 8: return transmit(100'000);
      default: return pass_time();
    }
  }

  void request() {
    const Key key{1 + pick(5), 1 + pick(pick(20) == 0 ? 2000 : 30)};
    const Duration left = 1ms * (1 + pick(15'000));
    const Endpoint asker = any_asker();
    const std::uint64_t done_below = pick(8) == 0 ? 1 + random_.below(key.number) : 1;
    ByteVector datagram(300);
    const RequestStamp stamp{.conversation = key.conversation,
                             .number = key.number,
                             .done_below = done_below,
                             .id = key.number * 7,
                             .attempt = static_cast<std::uint8_t>(pick(5)),
                             .time_left = left,
                             .cookie = cookies_[pick(5) == 0 ? any_asker().address : asker.address]};
    datagram.resize(holler_codec().encode_request(stamp, ByteVector(pick(100)), datagram).value_or(0));
    const ReceiptResult result = receive(asker, datagram, left);
    Known& known = known_[key];
    if (result.receipt == Receipt::request) {
      EXPECT_TRUE(!known.handed_out || known.remembered_until <= now_) << "the handler would run twice";
      known.handed_out = true;
      open_.back().key = key;
    }
    const bool kept = result.receipt == Receipt::request || result.receipt == Receipt::repeat_answered ||
                      result.receipt == Receipt::repeat_working;
    if (kept)
      known.remembered_until = std::max(
          known.remembered_until, now_ + std::min(left, options_.time_left_max) + options_.datagram_lifetime);
    if (result.receipt == Receipt::repeat_working) {
      const bool at_work =
          std::any_of(open_.begin(), open_.end(),
                      [&](const Open& open) { return open.identified && open.key == key; }) ||
          std::any_of(held_.begin(), held_.end(), [&](const Held& held) { return held.key == key; });
      EXPECT_TRUE(at_work);
    }
  }

  void noise() {
    ByteVector datagram(random_.below(80));
    for (std::byte& byte : datagram) byte = static_cast<std::byte>(random_.next());
    if (pick(2) == 0 && datagram.size() > 4) {  // holler's own, and then nonsense
      ByteVector header(300);
      header.resize(holler_codec()
                        .encode_request({.conversation = 1, .number = 1, .done_below = 1}, {}, header)
                        .value_or(0));
      std::copy_n(header.begin(), std::min<std::size_t>(4, datagram.size()), datagram.begin());
    }
    const ReceiptResult result = receive(any_asker(), datagram, kForever);
    if (result.receipt == Receipt::request && open_.back().identified) open_.back().key = {0, 0};
  }

  ReceiptResult receive(const Endpoint& from, Bytes datagram, Duration left) {
    const ResponderStats before = responder_.stats();
    const Duration waited = pick(10) == 0 ? random_.between(0s, 20s) : Duration{};
    const bool broadcast = pick(20) == 0;
    const ReceiptResult result =
        responder_.handle_datagram(now_, {.from = from,
                                          .to = kServer,
                                          .channel = 3,
                                          .delivery = broadcast ? Delivery::broadcast : Delivery::unicast,
                                          .bytes = datagram,
                                          .truncated = pick(30) == 0,
                                          .waited = waited});
    traffic_[from.address].received += datagram.size() + 28;
    EXPECT_EQ(responder_.stats().received, before.received + 1);
    EXPECT_EQ(responder_.stats().dropped.total(),
              before.dropped.total() + (result.receipt == Receipt::dropped ? 1 : 0));
    if (broadcast || waited >= left) {
      EXPECT_EQ(result.receipt, Receipt::dropped);
    }
    const auto request = responder_.poll_request();
    EXPECT_EQ(request.has_value(), result.receipt == Receipt::request);
    if (request) {
      EXPECT_EQ(request->from, from);
      EXPECT_EQ(request->to, kServer);
      for (const Open& open : open_) EXPECT_NE(open.job, request->job);
      open_.push_back(
          {.job = request->job, .key = {}, .from = from, .identified = request->codec == &holler_codec()});
      EXPECT_EQ(request->identified, open_.back().identified);
    }
    EXPECT_FALSE(responder_.poll_request());
    return result;
  }

  void answer() {
    const JobHandle unknown{.slot = pick(20), .generation = 1'000'000};
    EXPECT_FALSE(responder_.reply(now_, unknown, {}));
    EXPECT_FALSE(responder_.refuse(now_, unknown, 1));
    EXPECT_FALSE(responder_.postpone(now_, unknown, 1s));
    EXPECT_FALSE(responder_.ignore(now_, unknown));
    if (open_.empty()) return;
    const std::size_t which = random_.below(open_.size());
    const Open open = open_[which];
    const std::size_t most = responder_.reply_bytes_max(open.job);
    EXPECT_LE(most, kReplyMost);
    switch (pick(8)) {
      case 0: EXPECT_TRUE(responder_.refuse(now_, open.job, 9)); break;
      case 1:
        EXPECT_TRUE(responder_.postpone(now_, open.job, 1s));
        if (open.identified) known_[open.key].handed_out = false;
        break;
      case 2: EXPECT_TRUE(responder_.ignore(now_, open.job)); break;
      case 3: {
        const Timestamp until = now_ + random_.between(1ms, 3s);
        EXPECT_TRUE(responder_.reply(now_, open.job, ByteVector(pick(300)), until));
        held_.push_back({until, open.identified ? open.key : Key{}});
        break;
      }
      case 4:
      case 5: {
        ByteVector buffer(kReplyMost);
        const auto prompt = [&](std::size_t bytes) {
          return responder_.reply_at_once(now_, open.job, ByteVector(bytes), buffer);
        };
        EXPECT_EQ(prompt(most + 1).state, PromptReply::State::rejected);
        const PromptReply reply = prompt(pick(2) == 0 ? most : random_.below(200));
        EXPECT_NE(reply.state, PromptReply::State::rejected);
        if (reply.state == PromptReply::State::written) {
          count_sent(open.from.address, reply.kind, Bytes{buffer}.first(reply.bytes));
        }
        break;
      }
      default:
        EXPECT_FALSE(responder_.reply(now_, open.job, ByteVector(most + 1)));
        EXPECT_TRUE(responder_.reply(now_, open.job, ByteVector(pick(2) == 0 ? most : random_.below(200))));
    }
    EXPECT_FALSE(responder_.reply(now_, open.job, {})) << "it has been answered";
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void transmit(std::uint32_t most) {
    ByteVector buffer(kReplyMost);
    while (most-- > 0) {
      const auto sent = responder_.poll_transmit(now_, buffer);
      if (!sent) break;
      EXPECT_EQ(sent->from, kServer);
      EXPECT_EQ(sent->channel, 3U);
      EXPECT_LE(sent->bytes, kReplyMost);
      count_sent(sent->to.address, sent->kind, Bytes{buffer}.first(sent->bytes));
    }
  }

  void count_sent(const Address& to, ReplyKind kind, Bytes datagram) {
    Traffic& traffic = traffic_[to];
    traffic.sent += datagram.size() + 28;
    if (cookies_[to].empty()) {  // it cannot have shown that it is there
      EXPECT_LE(traffic.sent, 3 * traffic.received);
    }
    const ReplyView view = holler_codec().decode_reply(datagram);
    if (kind == ReplyKind::verify && pick(3) == 0) cookies_[to] = copy_of(view.cookie);
  }

  void pass_time() {
    const Timestamp next = responder_.next_timeout();
    switch (pick(3)) {
      case 0: now_ += random_.between(0ms, 500ms); break;
      case 1: now_ = next == kNever ? now_ : std::max(now_, next); break;
      default: now_ += random_.between(0s, 10s); break;
    }
    responder_.handle_timeout(now_);
    EXPECT_GT(responder_.next_timeout(), now_) << "the owner would spin";
    std::erase_if(held_, [&](const Held& held) { return held.until <= now_; });
  }

  void drain() {
    for (const Open& open : open_) EXPECT_TRUE(responder_.reply(now_, open.job, {}));
    open_.clear();
    for (int i = 0; i < 100'000 && responder_.next_timeout() != kNever; ++i) {
      now_ = responder_.next_timeout();
      responder_.handle_timeout(now_);
    }
    transmit(1'000'000);
    EXPECT_EQ(responder_.next_timeout(), kNever);
    EXPECT_EQ(responder_.jobs(), 0U);
    EXPECT_EQ(responder_.remembered_requests(), 0U);
    EXPECT_EQ(responder_.remembered_bytes(), 0U);
  }

  SeededRandom random_;
  SeededRandom secrets_;
  ResponderOptions options_;
  Responder responder_;
  Timestamp now_{1h};
  std::map<Key, Known> known_;
  std::vector<Open> open_;
  std::vector<Held> held_;
  std::map<Address, Traffic> traffic_;
  std::map<Address, ByteVector> cookies_;  // that came back to their addresses
};

TEST(ResponderInterleavings, HandEachRequestOutOnceAndForgetItInTheEnd) {
  ResponderStats sum;
  for (std::uint64_t seed = 1; seed <= 200 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Driver driver{seed};
    driver.run(600);
    const ResponderStats& stats = driver.stats();
    sum.requests += stats.requests;
    sum.answered += stats.answered;
    sum.repeated += stats.repeated;
    sum.working += stats.working;
    sum.busy += stats.busy;
    sum.verified += stats.verified;
    sum.dropped += stats.dropped;
  }
  // The driver has been everywhere, or it has shown nothing.
  for (const std::uint64_t count :
       {sum.requests, sum.answered, sum.repeated, sum.working, sum.busy, sum.verified}) {
    EXPECT_GT(count, 300U);
  }
  for (const DropReason reason :
       {DropReason::already_done, DropReason::expired, DropReason::malformed, DropReason::truncated,
        DropReason::not_unicast, DropReason::amplification}) {
    EXPECT_GT(sum.dropped[reason], 50U) << name_of(reason);
  }
}

}  // namespace
}  // namespace holler
