#include <algorithm>
#include <array>
#include <deque>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/model_requester.hpp"
#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"

// A Requester with small tables, whose owner and whose network do what the input says: ask, cancel, let time
// pass, answer rightly and wrongly, bring ICMP's news and nonsense. WatchedRequester knows what must hold.

namespace holler::fuzz {
namespace {

constexpr std::size_t kStepsMax = 400;
constexpr std::size_t kSentKept = 32;

const Codec& codec_for(std::uint32_t choice) {
  switch (choice) {
    case 0: return plain_codec();
    case 1: return dns_codec();
    default: return holler_codec();
  }
}

/// How a reply to a request looks, for each protocol; `kind` is of use where the format has several.
ByteVector reply_to(const Codec& codec, Bytes request, const ReplyStamp& base, Bytes payload) {
  if (!codec.traits().numbered) {
    if (codec.traits().id_bits == 0) return copy_of(payload);
    ByteVector reply = copy_of(request);  // a DNS reply without records
    reply[2] |= std::byte{0x80};
    return reply;
  }
  const RequestView asked = codec.decode_request(request);
  ReplyStamp stamp = base;
  stamp.number = asked.number;
  stamp.id = asked.id;
  stamp.payload_bytes = payload.size();
  ByteVector reply(64 + payload.size());
  const auto size = codec.encode_reply_header(stamp, reply).value_or(0);
  reply.resize(size);
  if (stamp.kind == ReplyKind::reply) reply.insert(reply.end(), payload.begin(), payload.end());
  return reply;
}

class Driver {
 public:
  explicit Driver(Input& input)
      : input_{&input},
        ids_{input.byte()},
        codec_{&codec_for(input.below(4))},
        requester_{*codec_,
                   ids_,
                   {.outstanding_max = 1 + input.below(12),
                    .peers_max = 1 + input.below(4),
                    .datagram_bytes_max = 64 + input.below(600),
                    .uncontrolled = input.one_in(2),
                    .mismatch_alarm = 1 + input.below(4)}} {}

  void run() {
    for (std::size_t i = 0; i < kStepsMax && !input_->ended(); ++i) step();
    requester_.finish(now_);
  }

 private:
  struct Sent {
    Endpoint to;
    std::uint32_t channel = 0;
    ByteVector bytes;
  };

  void step() {
    switch (input_->below(16)) {
      case 0:
      case 1:
      case 2: return start();
      case 3: return cancel();
      case 4:
      case 5: return transmit(1 + input_->below(4));
      case 6:
      case 7: return transmit(100);
      case 8:
      case 9: return answer();
      case 10: return forge();
      case 11: return deliver(any_peer(), input_->below(3), input_->bytes(input_->below(80)));
      case 12: return unreachable();
      case 13: return teach();
      default: return pass_time();
    }
  }

  Endpoint any_peer() {
    const std::uint32_t which = input_->below(8);
    if (which == 7) return {};
    if (which == 6) return {Address::loopback_v6(), 1060};
    return {Address::v4(10, 0, 0, static_cast<std::uint8_t>(1 + which)), 1060};
  }

  ByteVector any_payload() {
    if (codec_->traits().id_bits != 16 || input_->one_in(8)) return copy_of(input_->bytes(input_->below(40)));
    const auto name = dns::Name::from_wire(bytes_of(input_->one_in(2) ? std::string_view{"\1a\0", 3} : "\0"));
    return dns::encode_query({.name = name.value_or(dns::Name{}), .type = dns::Type{input_->byte()}});
  }

  void start() {
    const Endpoint peer = any_peer();
    RequestOptions options{.deadline = input_->duration(),
                           .first_wait = input_->one_in(2) ? input_->duration() : Duration::zero(),
                           .attempts_max = input_->below(4),
                           .backoff_max = input_->one_in(2) ? input_->duration() : std::chrono::seconds{60},
                           .jitter = {input_->byte(), input_->byte()},
                           .channel = input_->below(3)};
    options.repeatable = input_->one_in(4);
    options.promiscuous = input_->one_in(24);
    if (input_->one_in(16)) options.deadline = -options.deadline;
    if (input_->one_in(32)) {
      const ByteVector large(input_->below(800));
      requester_.start(now_, peer, large, options);
      return;
    }
    requester_.start(now_, peer, any_payload(), options);
  }

  void cancel() {
    if (requester_.asked().empty()) return;
    requester_.cancel(now_, input_->below(static_cast<std::uint32_t>(requester_.asked().size())));
  }

  void transmit(std::uint32_t most) {
    while (most-- > 0) {
      const auto sent = requester_.transmit(now_);
      if (!sent) return;
      const auto& asked = requester_.asked();
      const auto which = std::ranges::find(asked, sent->request, &WatchedRequester::Asked::handle);
      sent_.push_front({.to = sent->to, .channel = sent->channel, .bytes = which->datagram});
      if (sent_.size() > kSentKept) sent_.pop_back();
    }
  }

  const Sent* any_sent() {
    return sent_.empty() ? nullptr : &sent_[input_->below(static_cast<std::uint32_t>(sent_.size()))];
  }

  ByteVector any_answer(const Sent& sent) {
    std::array<std::byte, 16> cookie{};
    cookie[0] = std::byte{input_->byte()};
    const ReplyStamp stamp{.kind = static_cast<ReplyKind>(input_->below(kReplyKinds)),
                           .attempt = input_->byte(),
                           .hold = input_->duration(),
                           .retry_after = input_->duration(),
                           .life = input_->below(3),
                           .age = input_->duration(),
                           .reason = input_->byte(),
                           .cookie = cookie};
    return reply_to(*codec_, sent.bytes, stamp, input_->bytes(input_->below(24)));
  }

  void answer() {
    const Sent* sent = any_sent();
    if (sent != nullptr) deliver(sent->to, sent->channel, any_answer(*sent));
  }

  /// What would be an answer but for one thing.
  void forge() {
    const Sent* sent = any_sent();
    if (sent == nullptr) return;
    Endpoint from = sent->to;
    std::uint32_t channel = sent->channel;
    ByteVector bytes = any_answer(*sent);
    bool truncated = false;
    switch (input_->below(6)) {
      case 0: from = any_peer(); break;
      case 1: ++from.port; break;
      case 2: ++channel; break;
      case 3: bytes.resize(std::min<std::size_t>(bytes.size(), input_->byte())); break;
      case 4: truncated = true; break;
      default:
        if (!bytes.empty())
          bytes[input_->below(static_cast<std::uint32_t>(bytes.size()))] ^= std::byte{input_->byte()};
        break;
    }
    deliver(from, channel, bytes, truncated);
  }

  void deliver(const Endpoint& from, std::uint32_t channel, Bytes bytes, bool truncated = false) {
    // In memory of its own exact size, so that a read past its end is seen.
    const ByteVector own = copy_of(bytes);
    requester_.deliver(now_, {.from = from, .channel = channel, .bytes = own, .truncated = truncated});
  }

  void unreachable() {
    const Sent* sent = any_sent();
    if (sent == nullptr) return;
    ByteVector quote = sent->bytes;
    if (input_->one_in(2)) quote.resize(std::min<std::size_t>(quote.size(), input_->byte()));
    if (!quote.empty() && input_->one_in(8))
      quote[input_->below(static_cast<std::uint32_t>(quote.size()))] ^= std::byte{1};
    requester_.unreachable(now_, {.kind = static_cast<Unreachable>(input_->below(4)),
                                  .peer = input_->one_in(4) ? any_peer() : sent->to,
                                  .channel = input_->one_in(8) ? 0 : sent->channel,
                                  .quote = quote,
                                  .path_mtu_bytes = input_->byte()});
  }

  void teach() {
    const Endpoint peer = any_peer();
    const PeerMemory memory{
        .srtt = input_->duration(), .rttvar = input_->duration(), .life = input_->below(3)};
    requester_.engine().remember(peer, memory);
    const auto known = requester_.engine().recall(peer);
    require(!known || (known->srtt >= Duration::zero() && known->rttvar >= Duration::zero()),
            "what is remembered is a time");
  }

  void pass_time() {
    const Timestamp next = requester_.engine().next_timeout();
    switch (input_->below(4)) {
      case 0: now_ += std::min(input_->duration(), Duration{std::chrono::hours{1}}); break;
      case 1: now_ = std::max(now_, std::min(next, now_ + std::chrono::hours{1}) - Duration{1}); break;
      default: now_ = std::max(now_, std::min(next, now_ + std::chrono::hours{1})); break;
    }
    requester_.pass_time(now_);
  }

  static constexpr std::uint32_t kReplyKinds = static_cast<std::uint32_t>(ReplyKind::dropped);

  Input* input_;
  SeededRandom ids_;
  const Codec* codec_;
  WatchedRequester requester_;
  Timestamp now_{std::chrono::seconds{1000}};
  std::deque<Sent> sent_;
};

}  // namespace

void run_requester(Bytes input) {
  Input decisions{input};
  Driver{decisions}.run();
}

}  // namespace holler::fuzz
