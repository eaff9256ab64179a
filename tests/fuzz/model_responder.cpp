#include "tests/fuzz/model_responder.hpp"

#include <algorithm>

#include "tests/fuzz/oracle.hpp"

namespace holler::fuzz {
namespace {

std::uint64_t wire_bytes(const Endpoint& peer, std::size_t payload_bytes) {
  return payload_bytes + (peer.address.is_v6() ? 48 : 28);  // IP and UDP headers
}

}  // namespace

WatchedResponder::WatchedResponder(std::vector<const Codec*> codecs, RandomSource& random,
                                   const ResponderOptions& options)
    : codecs_{std::move(codecs)},
      options_{options},
      responder_{codecs_.size() == 1 ? Responder{{codecs_[0]}, random, options}
                                     : Responder{{codecs_[0], codecs_[1]}, random, options}},
      buffer_(options.datagram_bytes_max) {}

std::pair<const Codec*, RequestView> WatchedResponder::decode(Bytes datagram) const {
  for (const Codec* codec : codecs_) {
    RequestView view = codec->decode_request(datagram);
    if (view.drop != DropReason::foreign) return {codec, view};
  }
  return {nullptr, {.drop = DropReason::foreign}};
}

std::optional<std::size_t> WatchedResponder::deliver(Timestamp now, const Incoming& incoming) {
  const auto [codec, view] = decode(incoming.bytes);
  const std::uint64_t dropped = responder_.stats().dropped.total();
  const ReceiptResult result = responder_.handle_datagram(now, incoming);
  const auto request = responder_.poll_request();
  require(request.has_value() == (result.receipt == Receipt::request), "what is new is handed out");
  require(!responder_.poll_request(), "and once");
  require(responder_.stats().dropped.total() - dropped == (result.receipt == Receipt::dropped ? 1U : 0U),
          "what is dropped is counted");
  std::optional<std::size_t> which;
  if (result.receipt != Receipt::dropped) {
    require(!view.drop && !incoming.truncated && incoming.from.port != 0, "what cannot be read is dropped");
    require(incoming.delivery == Delivery::unicast || options_.answer_broadcast,
            "a broadcast is not answered");
    met_.emplace(incoming.from, incoming.to);
    Balance& balance = balances_[incoming.from.address];
    balance.received += wire_bytes(incoming.from, incoming.bytes.size());
    balance.proven = balance.proven || !view.cookie.empty();
  }
  const Key key{view.conversation, view.number};
  if (request) which = check_handed(now, incoming, view, *request);
  const bool repeat = result.receipt == Receipt::repeat_working || result.receipt == Receipt::repeat_answered;
  if (repeat) {
    require(view.identified && remembered_.contains(key) && remembered_[key] == view.id,
            "only a copy of what was handed out is a repeat");
  }
  if (view.identified && (request || repeat)) {
    const Duration left = std::min(view.time_left, options_.time_left_max);
    Timestamp& keep = keep_until_.emplace(view.conversation, now).first->second;
    keep = std::max(keep, later(later(now, left), options_.datagram_lifetime));
  }
  check_bounds();
  return which;
}

std::size_t WatchedResponder::check_handed(Timestamp now, const Incoming& incoming, const RequestView& view,
                                           const IncomingRequest& request) {
  require(request.payload.data() == view.payload.data() && request.payload.size() == view.payload.size(),
          "a handler is shown the payload");
  require(request.from == incoming.from && request.to == incoming.to && request.channel == incoming.channel &&
              request.delivery == incoming.delivery && request.attempt == view.attempt,
          "and where it came from");
  require(request.time_left > Duration::zero() && request.time_left <= view.time_left,
          "what nobody waits for is not handed out");
  for (const Handed& other : handed_) require(other.job != request.job, "a job's handle stays unique");
  const Key key{view.conversation, view.number};
  if (view.identified) {
    require(remembered_.emplace(key, view.id).second, "a handler is given a request once");
  }
  static_cast<void>(now);
  handed_.push_back({.job = request.job,
                     .identified = view.identified,
                     .key = key,
                     .id = view.id,
                     .from = request.from,
                     .payload = copy_of(request.payload)});
  ++jobs_;
  return handed_.size() - 1;
}

void WatchedResponder::pass_time(Timestamp now) {
  responder_.handle_timeout(now);
  for (Handed& handed : handed_) {
    if (handed.state != Handed::State::held || handed.release_at > now) continue;
    handed.state = Handed::State::closed;
    --jobs_;
  }
  std::erase_if(keep_until_, [&](const auto& conversation) {
    if (conversation.second > now) return false;
    std::erase_if(remembered_, [&](const auto& known) { return known.first.first == conversation.first; });
    return true;
  });
  require(responder_.next_timeout() > now, "a timer that has been served is in the future");
  check_bounds();
}

WatchedResponder::Handed* WatchedResponder::open(std::size_t which) {
  return handed_[which].state == Handed::State::open ? &handed_[which] : nullptr;
}

void WatchedResponder::note_end(const Handed& handed, Ended ended) {
  if (handed.identified) {
    ends_[{handed.id, handed.key.second}].push_back(std::move(ended));
  } else if (ended.kind == ReplyKind::reply) {
    plain_[handed.from].push_back(std::move(ended.payload));
  }
}

bool WatchedResponder::reply(Timestamp now, std::size_t which, Bytes payload, Timestamp not_before) {
  Handed* handed = open(which);
  const bool fits = payload.size() <= responder_.reply_bytes_max(handed_[which].job);
  const bool done = responder_.reply(now, handed_[which].job, payload, not_before);
  require(done == (handed != nullptr && fits), "what is open can be answered, once");
  if (done) {
    note_end(*handed, {.payload = copy_of(payload)});
    handed->release_at = std::min(not_before, later(now, options_.time_left_max));
    handed->state = not_before > now ? Handed::State::held : Handed::State::closed;
    if (handed->state == Handed::State::closed) --jobs_;
  }
  check_bounds();
  return done;
}

bool WatchedResponder::refuse(Timestamp now, std::size_t which, std::uint16_t reason) {
  Handed* handed = open(which);
  const bool done = responder_.refuse(now, handed_[which].job, reason);
  require(done == (handed != nullptr), "what is open can be refused, once");
  if (done) {
    note_end(*handed, {.kind = ReplyKind::refused, .reason = reason, .payload = {}});
    handed->state = Handed::State::closed;
    --jobs_;
  }
  check_bounds();
  return done;
}

bool WatchedResponder::postpone(Timestamp now, std::size_t which, Duration retry_after) {
  Handed* handed = open(which);
  const bool done = responder_.postpone(now, handed_[which].job, retry_after);
  require(done == (handed != nullptr), "what is open can be put off, once");
  if (done) {
    if (handed->identified) remembered_.erase(handed->key);
    handed->state = Handed::State::closed;
    --jobs_;
  }
  check_bounds();
  return done;
}

bool WatchedResponder::ignore(Timestamp now, std::size_t which) {
  Handed* handed = open(which);
  const bool done = responder_.ignore(now, handed_[which].job);
  require(done == (handed != nullptr), "what is open can be ignored, once");
  if (done) {
    handed->state = Handed::State::closed;
    --jobs_;
  }
  check_bounds();
  return done;
}

std::optional<ResponseTransmit> WatchedResponder::transmit(Timestamp now) {
  const auto sent = responder_.poll_transmit(now, buffer_);
  check_bounds();
  if (!sent) return std::nullopt;
  require(sent->bytes <= buffer_.size(), "a datagram fits its buffer");
  require(met_.contains({sent->to, sent->from}),
          "an answer goes to who asked, from the address that was asked");
  sent_ = Bytes{buffer_}.first(sent->bytes);
  check_sent(*sent);
  check_amplification(*sent);
  return sent;
}

void WatchedResponder::check_sent(const ResponseTransmit& sent) {
  const auto numbered =
      std::ranges::find_if(codecs_, [](const Codec* codec) { return codec->traits().numbered; });
  const ReplyView view = numbered != codecs_.end() ? (*numbered)->decode_reply(sent_) : ReplyView{};
  if (view.kind == ReplyKind::dropped) {
    const auto known = plain_.find(sent.to);
    require(sent.kind == ReplyKind::reply && known != plain_.end() &&
                std::ranges::any_of(known->second,
                                    [&](const ByteVector& reply) { return same_bytes(reply, sent_); }),
            "a plain datagram is a reply that a handler wrote");
    return;
  }
  require(view.kind == sent.kind, "a datagram says what it is");
  require(view.life != 0 && (options_.life == 0 || view.life == options_.life), "and whose it is");
  if (view.kind != ReplyKind::reply && view.kind != ReplyKind::refused) return;
  const auto known = ends_.find({view.id, view.number});
  require(known != ends_.end() && std::ranges::any_of(known->second,
                                                      [&](const Ended& ended) {
                                                        return ended.kind == view.kind &&
                                                               ended.reason == view.reason &&
                                                               same_bytes(ended.payload, view.payload);
                                                      }),
          "an answer is what a handler said to that very request");
}

/// An address that may be forged is sent no more than the limit allows, all of its requests together. Notes
/// are about as large as what they answer, so that a limit below 3 is not kept exactly.
void WatchedResponder::check_amplification(const ResponseTransmit& sent) {
  Balance& balance = balances_[sent.to.address];
  balance.sent += wire_bytes(sent.to, sent.bytes);
  if (options_.amplification_max == 0 || sent.to.address.is_loopback() || balance.proven) return;
  const std::uint64_t factor = std::max(options_.amplification_max, 3U);
  require(balance.sent <= factor * balance.received, "an address is not sent much more than it has sent");
}

void WatchedResponder::check_bounds() {
  require(responder_.jobs() == jobs_ && jobs_ <= options_.jobs_max, "jobs are counted, and bounded");
  require(responder_.remembered_requests() <= options_.replies_max, "requests remembered are bounded");
  require(responder_.remembered_requests() == remembered_.size() || !remembered_.empty() ||
              responder_.remembered_requests() == 0,
          "what has been forgotten is not counted");
  require(responder_.remembered_requests() <= remembered_.size(), "only what was handed out is remembered");
  require(responder_.remembered_bytes() <=
              options_.reply_bytes_max + options_.jobs_max * options_.datagram_bytes_max,
          "payloads remembered are bounded");
}

}  // namespace holler::fuzz
