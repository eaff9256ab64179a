#include "tests/fuzz/model_requester.hpp"

#include <algorithm>
#include <set>

#include "tests/fuzz/oracle.hpp"

namespace holler::fuzz {
namespace {

/// docs/limits.md: repeats at once that a peer can cause for a question.
constexpr std::uint32_t kGrantedMax = 3;
/// docs/limits.md: the rest that a note imposes.
constexpr Duration kRestMax = std::chrono::minutes{1};

bool is_silence(Outcome outcome) {
  return outcome == Outcome::no_answer || outcome == Outcome::busy || outcome == Outcome::forbidden;
}

}  // namespace

WatchedRequester::WatchedRequester(const Codec& codec, RandomSource& ids, const RequesterOptions& options)
    : codec_{&codec},
      options_{options},
      requester_{codec, ids, options},
      buffer_(options.datagram_bytes_max) {}

template <class Wanted>
WatchedRequester::Asked* WatchedRequester::find_live(Wanted&& wanted) {
  const auto found =
      std::ranges::find_if(asked_, [&](const Asked& asked) { return !asked.end && wanted(asked); });
  return found == asked_.end() ? nullptr : &*found;
}

StartStatus WatchedRequester::expected_status(const Endpoint& peer, Bytes payload,
                                              const RequestOptions& options) {
  if (peer.port == 0 || peer.address.is_wildcard()) return StartStatus::bad_peer;
  if (payload.size() > requester_.payload_bytes_max(peer)) return StartStatus::too_large;
  ByteVector trial(payload.size() + codec_->traits().request_overhead_bytes);
  if (!codec_->encode_request({.number = 1, .done_below = 1}, payload, trial))
    return StartStatus::not_encodable;
  if (live_ >= options_.outstanding_max) return StartStatus::table_full;
  std::set<Endpoint> busy;
  for (const Asked& asked : asked_) {
    if (!asked.end) busy.insert(asked.peer);
  }
  if (!busy.contains(peer) && busy.size() >= options_.peers_max) return StartStatus::table_full;
  const bool taken = find_live(
      [&](const Asked& asked) { return asked.peer == peer && asked.options.channel == options.channel; });
  return taken && !codec_->traits().numbered ? StartStatus::channel_taken : StartStatus::started;
}

const WatchedRequester::Asked* WatchedRequester::start(Timestamp now, const Endpoint& peer, Bytes payload,
                                                       const RequestOptions& options) {
  const StartStatus expected = expected_status(peer, payload, options);
  const StartResult result = requester_.start(now, peer, payload, options);
  require(result.status == expected, "a request is taken unless a documented bound says no");
  if (result.status != StartStatus::started) {
    check_idle(now);
    return nullptr;
  }
  for (const Asked& asked : asked_) require(asked.handle != result.handle, "a handle stays unique");
  asked_.push_back({.handle = result.handle,
                    .peer = peer,
                    .options = options,
                    .payload = copy_of(payload),
                    .started = now,
                    .deadline = later(now, options.deadline)});
  ++live_;
  check_idle(now);
  return &asked_.back();
}

void WatchedRequester::cancel(Timestamp now, std::size_t which) {
  Asked& asked = asked_[which];
  const bool was_live = !asked.end;
  require(requester_.cancel(now, asked.handle) == was_live, "what has not ended can be cancelled, once");
  take_events(now);
  require(!was_live || asked.end == Outcome::cancelled, "what is cancelled ends as cancelled");
  RequestHandle stale = asked.handle;
  ++stale.generation;
  if (!find_live([&](const Asked& other) { return other.handle == stale; })) {
    require(!requester_.cancel(now, stale), "a handle of the future cancels nothing");
  }
  check_idle(now);
}

/// The live request that a datagram answers by its source, channel and ID.
WatchedRequester::Asked* WatchedRequester::answers(const Arrival& arrival, const ReplyView& view) {
  const CodecTraits& traits = codec_->traits();
  return find_live([&](const Asked& asked) {
    return asked.sent > 0 && asked.peer == arrival.from && asked.options.channel == arrival.channel &&
           (!traits.numbered || asked.number == view.number) && (traits.id_bits == 0 || asked.id == view.id);
  });
}

/// A short ID that was guessed at too often is believed no more, until a repeat has a new one.
bool WatchedRequester::given_up(const Asked& asked) const {
  const CodecTraits& traits = codec_->traits();
  return !traits.numbered && traits.id_bits > 0 && traits.id_bits < 64 &&
         asked.guesses >= options_.mismatch_alarm;
}

WatchedRequester::Expected WatchedRequester::expect(const Arrival& arrival) {
  const ReplyView view = codec_->decode_reply(arrival.bytes);
  if (arrival.truncated || view.kind == ReplyKind::dropped) return {};
  Asked* asked = answers(arrival, view);
  if (asked != nullptr && view.kind == ReplyKind::reply && codec_->mismatch(asked->payload, view)) return {};
  if (asked != nullptr && given_up(*asked)) return {};
  if (asked != nullptr && view.kind == ReplyKind::restarted && asked->life == view.life) return {};
  if (asked != nullptr && view.kind == ReplyKind::verify && asked->granted >= kGrantedMax) return {};
  return {.asked = asked, .view = view};
}

Verdict WatchedRequester::deliver(Timestamp now, const Arrival& arrival) {
  take_events(now);
  const Expected expected = expect(arrival);
  const auto before = requester_.recall(arrival.from);
  const Verdict verdict = requester_.handle_datagram(now, arrival);
  if (const auto known = requester_.recall(arrival.from); known && known->srtt && !(before && before->srtt)) {
    shorten_waits(now, arrival.from, *known->srtt);
  }
  ++received_;
  used_ += verdict.used ? 1U : 0U;
  if (!verdict.used && verdict.drop == DropReason::wrong_id && verdict.request) {
    Asked* guessed = find_live([&](const Asked& asked) { return asked.handle == *verdict.request; });
    require(guessed != nullptr, "a guess is at a request that is on");
    ++guessed->guesses;
  }
  events_seen_ = 0;
  take_events(now);
  if (expected.asked != nullptr) {
    check_used(now, arrival, expected, verdict);
  } else if (verdict.used) {
    check_promiscuous(arrival, verdict);
  } else {
    require(events_seen_ == 0, "what is dropped ends nothing");
  }
  const RequesterStats& stats = requester_.stats();
  require(stats.received == received_ && stats.dropped.total() + used_ == received_,
          "each datagram is used, or counted as dropped");
  check_idle(now);
  return verdict;
}

/// The first answer of a peer shows how long its path takes: what was sent before waits no longer than that.
void WatchedRequester::shorten_waits(Timestamp now, const Endpoint& peer, Duration round_trip) {
  for (Asked& asked : asked_) {
    if (asked.end || asked.peer != peer || asked.sent == 0) continue;
    asked.quiet_until = std::min(asked.quiet_until, std::max(now, later(asked.last_sent, round_trip)));
  }
}

void WatchedRequester::check_used(Timestamp now, const Arrival& arrival, const Expected& expected,
                                  const Verdict& verdict) {
  Asked& asked = *expected.asked;
  const ReplyView& view = expected.view;
  require(verdict.used == view.kind && verdict.request == asked.handle, "an answer is used for its request");
  switch (view.kind) {
    case ReplyKind::reply:
      require(asked.end == Outcome::answered && events_seen_ == 1, "a reply ends its request, and no other");
      require(last_event_->from == arrival.from && last_event_->payload.data() == view.payload.data() &&
                  last_event_->payload.size() == view.payload.size(),
              "the event shows the reply");
      break;
    case ReplyKind::refused:
      require(asked.end == Outcome::declined && last_event_->reason == view.reason && events_seen_ == 1,
              "a refusal ends its request, with its reason");
      break;
    case ReplyKind::working:
    case ReplyKind::busy:
      require(!asked.end, "a note does not end a request");
      asked.quiet_until = later(now, std::min(view.retry_after, kRestMax));
      break;
    case ReplyKind::restarted: return check_restarted(now, asked, view);
    default:
      require(!asked.end, "a note does not end a request");
      ++asked.granted;
      asked.quiet_until = now;
      break;
  }
  if (asked.life == 0) asked.life = view.life;
}

/// Another life of the server than the one that was asked has not taken the request.
void WatchedRequester::check_restarted(Timestamp now, Asked& asked, const ReplyView& view) {
  if (asked.end) {
    require(asked.end == Outcome::unknown && !asked.options.repeatable,
            "what is unknown is not to be repeated");
    // The 500th part is what clocks may differ by (docs/at-most-once.md).
    require(now - (view.age - view.age / 500) > asked.first_sent,
            "only a life that began after the request was sent leaves it unknown");
    return;
  }
  asked.life = view.life;
  if (asked.granted >= kGrantedMax) return;  // the next copy leaves in its time
  ++asked.granted;
  asked.quiet_until = now;
}

void WatchedRequester::check_promiscuous(const Arrival& arrival, const Verdict& verdict) {
  const auto taken =
      std::ranges::find_if(asked_, [&](const Asked& asked) { return asked.handle == verdict.request; });
  require(taken != asked_.end() && taken->options.promiscuous && taken->options.channel == arrival.channel &&
              taken->sent > 0,
          "only who asked to believe anybody is given a stranger's datagram");
  require(verdict.used == ReplyKind::reply && taken->end == Outcome::answered && events_seen_ == 1,
          "a stranger's datagram is a reply");
  require(same_bytes(last_event_->payload, arrival.bytes) && last_event_->from == arrival.from,
          "the event shows it, and who sent it");
}

void WatchedRequester::unreachable(Timestamp now, const Unreachability& news) {
  take_events(now);
  Asked* expected = nullptr;
  if (codec_->traits().numbered) {
    const RequestView quoted = codec_->decode_request(news.quote);
    if (quoted.identified) {
      expected = find_live([&](const Asked& asked) {
        return asked.sent > 0 && asked.peer == news.peer && asked.options.channel == news.channel &&
               asked.number == quoted.number && asked.id == quoted.id;
      });
    }
  } else {
    expected = find_live(
        [&](const Asked& asked) { return asked.peer == news.peer && asked.options.channel == news.channel; });
  }
  const auto about = requester_.handle_unreachable(now, news);
  events_seen_ = 0;
  take_events(now);
  require(about.has_value() == (expected != nullptr), "news is about the request that it quotes");
  if (expected == nullptr) {
    require(events_seen_ == 0, "news of nothing ends nothing");
    return check_idle(now);
  }
  require(about == expected->handle, "news is about the request that it quotes");
  switch (news.kind) {
    case Unreachable::refused:
      require(expected->end == Outcome::refused, "a refusal ends its request");
      break;
    case Unreachable::too_large:
      if (news.path_mtu_bytes != 0 && expected->granted < kGrantedMax) {
        require(!expected->end, "a smaller path is worth another try");
        ++expected->granted;
        expected->quiet_until = now;
      } else {
        require(expected->end == Outcome::too_large, "a path that takes nothing ends the request");
      }
      break;
    default: require(!expected->end, "what may pass ends nothing"); break;
  }
  check_idle(now);
}

void WatchedRequester::pass_time(Timestamp now) {
  requester_.handle_timeout(now);
  take_events(now);
  require(!find_live([&](const Asked& asked) { return asked.deadline <= now; }),
          "a request ends by its deadline");
  require(requester_.next_timeout() > now, "a timer that has been served is in the future");
  check_idle(now);
}

std::optional<Transmit> WatchedRequester::transmit(Timestamp now) {
  const auto sent = requester_.poll_transmit(now, buffer_);
  take_events(now);
  check_idle(now);
  if (!sent) return std::nullopt;
  Asked* asked = find_live([&](const Asked& known) { return known.handle == sent->request; });
  require(asked != nullptr, "nothing is sent for a request that has ended");
  require(sent->to == asked->peer && sent->channel == asked->options.channel, "a request goes to its peer");
  require(sent->attempt == ++asked->sent, "attempts are counted one by one");
  require(now < asked->deadline, "nothing is sent that nobody waits for");
  require(now >= asked->quiet_until, "a request waits before it is repeated");
  require(sent->wait > Duration::zero() && sent->bytes <= buffer_.size(), "a datagram fits its buffer");
  const std::uint32_t most =
      asked->options.attempts_max != 0 ? asked->options.attempts_max : codec_->traits().schedule.attempts_max;
  require(most == 0 || asked->sent <= most + asked->granted, "attempts are limited");
  asked->quiet_until = later(now, sent->wait);
  asked->last_sent = now;
  if (asked->sent == 1) asked->first_sent = now;
  check_stamp(*asked, Bytes{buffer_}.first(sent->bytes));
  return sent;
}

/// What stands in a request does not change between its copies, but for what a copy is to say of itself.
void WatchedRequester::check_stamp(Asked& asked, Bytes datagram) {
  asked.datagram = copy_of(datagram);
  if (!codec_->traits().numbered) {
    ByteReader reader{datagram};
    const std::uint64_t id = codec_->traits().id_bits == 16 ? reader.read<std::uint16_t>() : 0;
    require(asked.sent == 1 || asked.id == id || given_up(asked),
            "all copies have one ID, unless it is given up");
    if (given_up(asked)) asked.guesses = 0;
    asked.id = id;
    return;
  }
  const RequestView view = codec_->decode_request(datagram);
  require(!view.drop && same_bytes(view.payload, asked.payload), "a request carries its payload");
  require(asked.sent == 1 || (asked.number == view.number && asked.id == view.id), "all copies have one ID");
  require(view.attempt == std::min(asked.sent, 255U), "a copy says which it is");
  require(asked.sent == 1 || asked.life == 0 || asked.life == view.life,
          "all copies are for one life, until the asker hears of another");
  asked.number = view.number;
  asked.id = view.id;
  asked.life = view.life;
  const auto [known, added] = conversations_.emplace(view.conversation, asked.peer);
  require(added || known->second == asked.peer, "a conversation is with one peer");
  for (const Asked& other : asked_) {
    if (&other == &asked || other.sent == 0 || other.peer != asked.peer) continue;
    require(other.id != asked.id, "no two requests have one ID");
    require(other.end || other.number >= view.done_below, "what has not ended is not declared done");
  }
}

void WatchedRequester::take_events(Timestamp now) {
  while (const auto event = requester_.poll_event()) {
    end(now, *event);
    last_event_ = event;
    ++events_seen_;
  }
}

void WatchedRequester::end(Timestamp now, const RequestEvent& event) {
  Asked* asked = find_live([&](const Asked& known) { return known.handle == event.request; });
  require(asked != nullptr, "a request ends once");
  require(event.peer == asked->peer && event.attempts == asked->sent, "an end tells of its request");
  require(event.elapsed == now - asked->started, "an end tells how long it took");
  require(!event.rtt || (*event.rtt >= Duration::zero() && *event.rtt <= event.elapsed),
          "a round trip takes no longer than the request");
  if (is_silence(event.outcome) && now < asked->deadline) {
    require(asked->options.attempts_max != 0 && asked->sent >= asked->options.attempts_max &&
                now >= asked->quiet_until,
            "silence lasts until the deadline, or to the end of the last wait");
  }
  asked->end = event.outcome;
  asked->maybe_repeated = event.maybe_repeated;
  asked->answer = copy_of(event.payload);
  --live_;
}

void WatchedRequester::check_idle(Timestamp /*now*/) {
  require(requester_.outstanding() == live_, "what is outstanding is what has not ended");
  Timestamp earliest = kNever;
  for (const Asked& asked : asked_) {
    if (!asked.end) earliest = std::min(earliest, asked.deadline);
  }
  require(requester_.next_timeout() <= earliest, "the owner is woken by the earliest deadline");
  require(live_ > 0 || requester_.next_timeout() == kNever, "nobody is woken for nothing");
}

void WatchedRequester::finish(Timestamp now) {
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i].end) continue;
    if (asked_[i].deadline == kNever) {
      cancel(now, i);
    } else {
      now = std::max(now, asked_[i].deadline);
    }
  }
  pass_time(now);
  require(live_ == 0 && !transmit(now), "after the last deadline nothing is left");
}

}  // namespace holler::fuzz
