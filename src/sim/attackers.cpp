#include "sim/attackers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "holler/codecs.hpp"
#include "holler/link.hpp"

namespace holler::sim {
namespace {

/// What an on-path attacker has not yet sent, at most.
constexpr std::size_t kPendingMax = 1000;

template <class Value>
const Value& any_of(const std::vector<Value>& values, RandomSource& random) {
  return values[static_cast<std::size_t>(random.below(values.size()))];
}

ByteVector reply_datagram(ReplyStamp stamp, std::string_view payload) {
  ByteVector datagram(64);
  stamp.payload_bytes = payload.size();
  datagram.resize(holler_codec().encode_reply_header(stamp, datagram).value_or(0));
  if (stamp.kind == ReplyKind::reply) {
    datagram.insert(datagram.end(), bytes_of(payload).begin(), bytes_of(payload).end());
  }
  return datagram;
}

ByteVector request_datagram(const RequestStamp& stamp, Bytes payload) {
  ByteVector datagram(payload.size() + 64);
  datagram.resize(holler_codec().encode_request(stamp, payload, datagram).value_or(0));
  return datagram;
}

}  // namespace

OffPathAttacker::OffPathAttacker(World& world, const AttackPlan& plan)
    : world_{world}, plan_{plan}, random_{world.fork_random()}, next_{world.time(plan.from)} {
  if (plan_.servers.empty() || plan_.clients.empty()) next_ = kNever;
}

void OffPathAttacker::handle_timeout(Timestamp now) {
  switch (random_.below(8)) {
    case 0:
    case 1:
    case 2:
    case 3: forge_reply(); break;
    case 4:
    case 5:
    case 6: forge_request(); break;
    default: babble(); break;
  }
  ++sent_;
  next_ = later(now, random_.between(Duration{1}, 2 * plan_.pause));
  if (next_ >= world_.time(plan_.until)) next_ = kNever;
}

void OffPathAttacker::forge_reply() {
  constexpr std::array kKinds{ReplyKind::reply,  ReplyKind::reply, ReplyKind::working,  ReplyKind::refused,
                              ReplyKind::verify, ReplyKind::busy,  ReplyKind::restarted};
  const Endpoint& server = any_of(plan_.servers, random_);
  const Endpoint& client = any_of(plan_.clients, random_);
  ReplyStamp stamp;
  stamp.kind = kKinds.at(static_cast<std::size_t>(random_.below(kKinds.size())));
  stamp.number = 1 + random_.below(40);
  stamp.id = random_.chance(percent(90)) ? random_.next() : random_.below(3);
  stamp.attempt = static_cast<std::uint8_t>(1 + random_.below(3));
  stamp.retry_after = random_.between(Duration{}, std::chrono::hours{1});
  stamp.life = 1 + static_cast<std::uint32_t>(random_.below(0xffffffff));
  stamp.age = random_.between(Duration{}, std::chrono::hours{1});
  const ByteVector cookie(16, static_cast<std::byte>(random_.below(256)));
  stamp.cookie = cookie;
  world_.inject(server, client, reply_datagram(stamp, "FAKE"));
}

void OffPathAttacker::forge_request() {
  const Endpoint& server = any_of(plan_.servers, random_);
  const Endpoint& victim = any_of(plan_.clients, random_);
  RequestStamp stamp;
  stamp.conversation = random_.chance(percent(50)) ? random_.next() : random_.below(20);
  stamp.number = 1 + random_.below(random_.chance(percent(80)) ? 40 : 1U << 30U);
  stamp.done_below = 1 + random_.below(stamp.number);
  stamp.id = random_.next();
  stamp.attempt = static_cast<std::uint8_t>(random_.below(256));
  stamp.time_left = random_.between(Duration{}, std::chrono::minutes{1});
  if (random_.chance(percent(50))) stamp.life = static_cast<std::uint32_t>(random_.next());
  const ByteVector cookie(16, static_cast<std::byte>(random_.below(256)));
  if (random_.chance(percent(30))) stamp.cookie = cookie;
  world_.inject(victim, server, request_datagram(stamp, ByteVector(random_.below(100))));
}

void OffPathAttacker::babble() {
  ByteVector bytes(random_.below(80));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.below(256));
  constexpr std::array kMagic{std::byte{0xf5}, std::byte{0x48}, std::byte{1}};
  if (bytes.size() > kMagic.size() && random_.chance(percent(50))) {
    std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  }
  const Endpoint& server = any_of(plan_.servers, random_);
  const Endpoint& client = any_of(plan_.clients, random_);
  random_.chance(percent(50)) ? world_.inject(server, client, bytes) : world_.inject(client, server, bytes);
}

OnPathAttacker::OnPathAttacker(World& world, AttackPlan plan)
    : world_{world}, plan_{std::move(plan)}, random_{world.fork_random()} {
  world.add_tap([this](const Sighting& sighting) { watch(sighting); });
}

Endpoint OnPathAttacker::anybody() {
  return any_of(random_.chance(percent(50)) ? plan_.clients : plan_.servers, random_);
}

void OnPathAttacker::plan(Duration delay, const Endpoint& from, const Endpoint& to, ByteVector bytes) {
  const Timestamp when = later(world_.now(), delay);
  if (pending_.size() >= kPendingMax || when >= world_.time(plan_.until)) return;
  pending_.push({when, sequence_++, from, to, std::move(bytes)});
  world_.rearm(*this);
}

void OnPathAttacker::watch(const Sighting& sighting) {
  const Duration since = world_.elapsed();
  const bool at_work = since >= plan_.from && since < plan_.until;
  if (!at_work || sighting.injected || sighting.stage != Sighting::Stage::sent) return;
  const ReplyView reply = holler_codec().decode_reply(sighting.bytes);
  if (reply.kind == ReplyKind::verify) cookie_ = copy_of(reply.cookie);
  if (!random_.chance(percent(30))) return;
  const RequestView request = holler_codec().decode_request(sighting.bytes);
  ByteVector copy = copy_of(sighting.bytes);
  const Duration soon = random_.between(Duration{}, std::chrono::milliseconds{20});
  switch (random_.below(6)) {
    case 0:
      return plan(random_.between(Duration{}, std::chrono::minutes{3}), sighting.from, sighting.to, copy);
    case 1: {
      // A plain datagram that seems to come from a server, to a server, is answered to and fro for ever: no
      // format without a type can tell an answer from a question (docs/when-not-to.md).
      const bool plain = request.drop || !request.identified;
      const Endpoint other = plain ? any_of(plan_.clients, random_) : anybody();
      return plan(random_.between(Duration{}, std::chrono::seconds{9}), other, sighting.to, copy);
    }
    case 2:
      static_cast<void>(damage(copy, random_.next() | 1U));
      return plan(soon, sighting.from, sighting.to, copy);
    case 3:
      if (request.drop || !request.identified || cookie_.empty()) return;
      return plan(soon, anybody(), sighting.to,
                  request_datagram({.conversation = request.conversation,
                                    .number = request.number,
                                    .done_below = request.done_below,
                                    .id = request.id,
                                    .attempt = request.attempt,
                                    .time_left = request.time_left,
                                    .life = request.life,
                                    .cookie = cookie_},
                                   request.payload));
    default: {
      if (request.drop || !request.identified) return;
      ReplyStamp stamp{.number = request.number, .id = request.id, .attempt = request.attempt};
      if (random_.chance(percent(30))) {
        stamp.kind = ReplyKind::restarted;
        stamp.life = 1 + static_cast<std::uint32_t>(random_.below(0xffffffff));
        stamp.age = random_.between(Duration{}, std::chrono::minutes{1});
      }
      return plan(soon, sighting.to, sighting.from, reply_datagram(stamp, "FAKE"));
    }
  }
}

void OnPathAttacker::handle_timeout(Timestamp now) {
  while (!pending_.empty() && pending_.top().when <= now) {
    const Forgery forgery = pending_.top();
    pending_.pop();
    ++sent_;
    world_.inject(forgery.from, forgery.to, forgery.bytes);
  }
}

}  // namespace holler::sim
