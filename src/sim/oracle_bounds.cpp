#include <algorithm>

#include "holler/codecs.hpp"
#include "holler/format.hpp"

#include "sim/oracle.hpp"

// Invariants 5 and 6: how much is sent, and how much is kept.

namespace holler::sim {
namespace {

constexpr std::uint64_t kWindowMost = 1U << 16U;
constexpr std::size_t kDatagramCounted = 1200;
constexpr Duration kWaitLeast = std::chrono::milliseconds{1};
constexpr Duration kWaitMargin = std::chrono::milliseconds{5};  // beyond the round trip, at least
constexpr Duration kHoldCounted = std::chrono::seconds{1};      // of a server's time, into a wait
constexpr std::uint32_t kToldApart = 4;                         // transmissions, by their answers
constexpr Duration kRounding = std::chrono::microseconds{1};    // what is rounded on the way adds up to less
constexpr std::uint64_t kAmplificationMax = 3;
constexpr std::size_t kOutgoingMax = 1U << 16U;

Endpoint name_of_host(const Address& address) { return {address, 0}; }

std::size_t on_the_wire(const Endpoint& peer, std::size_t bytes) { return packet_bytes(peer.address, bytes); }

}  // namespace

void Oracle::on_transmission(const Host& client, const Transmit& transmit, Bytes datagram) {
  AskLedger* ask = find(client, transmit.request);
  if (ask == nullptr || transmit.to != ask->peer) {
    return violate(Invariant::bounded_sending,
                   holler::format("host {} sends to {} for no question that it asks", client.number(),
                                  transmit.to.to_string()));
  }
  const Timestamp now = world_.clock(client);
  const RequestView view = ask->codec->decode_request(datagram);
  ask->leads = !joins_datagram(client, *ask, transmit, view.payload.size());
  // A client that does not say that it knows bundles may not make any.
  open_ = {.client = view.bundles && transmit.sharing != Sharing::alone ? &client : nullptr,
           .peer = transmit.to,
           .channel = transmit.channel,
           .bytes = (ask->leads ? 0 : open_.bytes) + datagram.size(),
           .last_bytes = datagram.size(),
           .last_message = Fingerprint::of(datagram)};
  if (now >= ask->deadline) {
    violate(Invariant::bounded_sending, describe(*ask) + " is sent when its deadline has passed");
  }
  if (ask->attempts == 0) {
    ask->first_sent = world_.now();
    ask->conversation = view.conversation;
    ask->number = view.number;
    ask->id = view.id;
    const std::int64_t whole = std::max(ask->options.jitter.whole, 1U);
    ask->first_wait = transmit.wait / (whole + ask->options.jitter.part) * whole;
    check_window(*ask, now, false);
  } else {
    check_gap(*ask, now);
    check_window(*ask, now, ask->in_flight && now >= ask->quiet_until);
  }
  ++ask->attempts;
  if (ask->options.attempts_max != 0 && ask->attempts > ask->options.attempts_max + kGrantsMax) {
    violate(Invariant::bounded_sending, describe(*ask) + " is sent more often than it may be");
  }
  ask->sent_at.push_back(now);
  ask->sent = now;
  ask->quiet_until = later(now, transmit.wait);
  ask->next = AskLedger::Next::by_timer;
}

/// Messages that leave in one datagram count once, up to what any path takes; where the peer takes them.
bool Oracle::joins_datagram(const Host& client, const AskLedger& ask, const Transmit& transmit,
                            std::size_t payload_bytes) {
  return open_.client == &client && open_.peer == transmit.to && open_.channel == transmit.channel &&
         transmit.sharing != Sharing::alone &&
         open_.bytes + payload_bytes + ask.codec->traits().request_overhead_bytes <= kDatagramCounted;
}

/// What has left can be joined by nothing.
void Oracle::note_departure(const Sighting& sighting) {
  if (open_.client == nullptr || sighting.to != open_.peer || sighting.bytes.size() < open_.last_bytes)
    return;
  if (Fingerprint::of(sighting.bytes.last(open_.last_bytes)) == open_.last_message) open_.client = nullptr;
}

void Oracle::note_repeat_at_once(AskLedger& ask) {
  ask.in_flight = false;
  ask.next = AskLedger::Next::at_once;
  if (++ask.granted > kGrantsMax) {
    violate(Invariant::bounded_sending, describe(ask) + " is repeated at once too often");
  }
}

void Oracle::on_unreachable(const Host& client, RequestHandle request, Bytes quote) {
  const auto note = [](AskLedger& ask) {
    // Only what was too big for a hop is sent again at once; the others end it, or change nothing.
    if (ask.granted >= kGrantsMax) return;
    ask.in_flight = false;
    ask.next = AskLedger::Next::at_once;
    ++ask.granted;
  };
  AskLedger* first = find(client, request);
  if (first == nullptr) return;
  if (!first->codec->traits().numbered) return note(*first);
  // All of the datagram were too big together, as far as it is quoted.
  for (RequestView view; !quote.empty(); quote = view.rest) {
    view = first->codec->decode_request(quote);
    if (!view.identified) return;
    for (const auto& [key, index] : live_) {
      AskLedger& ask = asks_[index];
      if (key.host == client.number() && ask.peer == first->peer && ask.attempts > 0 &&
          ask.number == view.number && ask.id == view.id) {
        note(ask);
      }
    }
  }
}

/// The waits double, from the first; a note of the server begins them anew.
void Oracle::check_gap(AskLedger& ask, Timestamp now) {
  switch (ask.next) {
    case AskLedger::Next::at_once: return;
    case AskLedger::Next::after_rest:
      if (now < ask.rested - kRounding) {
        violate(Invariant::bounded_sending, describe(ask) + " does not rest for as long as the server asked");
      }
      return;
    case AskLedger::Next::by_timer: break;
  }
  // A wait that its jitter would carry beyond the cap is shortened instead, to half of it at the least.
  const std::int64_t whole = std::max(ask.options.jitter.whole, 1U);
  Duration least =
      std::max(ask.options.backoff_max, kWaitLeast) / (2 * (whole + ask.options.jitter.part)) * whole;
  if (ask.doublings < 62) least = std::min(least, scaled(ask.first_wait, std::int64_t{1} << ask.doublings));
  ++ask.doublings;
  if (now - ask.sent < least - kRounding) {
    violate(Invariant::bounded_sending, describe(ask) + " is sent again before its time");
  }
}

/// Whether the last copy may still be in the network: until its wait has passed, where that is the path's. A
/// longer one says nothing of the path: then until the first wait has passed, and in silence as much as the
/// silence had lasted when it was sent.
bool Oracle::under_way(const PeerLedger& peer, const AskLedger& ask, Timestamp now) noexcept {
  if (!ask.in_flight || now >= ask.quiet_until) return false;
  if (ask.attempts <= 1) return true;
  const Timestamp passed = later(ask.sent, ask.first_wait - kRounding);
  if (peer.heard_last >= ask.sent) return now < passed;
  return peer.heard_last == Timestamp::min() || now < later(passed, ask.sent - peer.heard_last);
}

/// An upper bound of the window, from what a bystander sees: one more for each datagram that is answered, and
/// half of it where a question was sent again because nothing came; 2 where nothing at all came since the
/// time before.
void Oracle::check_window(AskLedger& ask, Timestamp now, bool loss) {
  PeerLedger& peer = peers_[{ask.key.host, ask.key.life, ask.peer}];
  if (peer.conversation != ask.conversation) {
    peer = {.conversation = ask.conversation, .longest_wait = peer.longest_wait};
  }
  // Without conversations it cannot be seen that the client has forgotten the peer.
  const bool known = peer.timed && ask.codec->traits().numbered;
  if (ask.attempts == 0 && !known) peer.untimed.push_back(static_cast<std::uint32_t>(&ask - asks_.data()));
  if (loss) note_loss(peer, ask, now);
  std::erase_if(peer.in_flight, [&](std::uint32_t index) {
    return !under_way(peer, asks_[index], now) || &asks_[index] == &ask;
  });
  ask.in_flight = true;
  ask.heard_at_send = peer.heard;
  ask.opened_at_send = peer.opened;
  if (!ask.leads) return;
  peer.in_flight.push_back(static_cast<std::uint32_t>(&ask - asks_.data()));
  const std::uint64_t most = std::min(kWindowMost, peer.window + peer.opened - peer.opened_at_reduction);
  if (peer.in_flight.size() > most) {
    violate(Invariant::bounded_sending,
            holler::format("host {} has {} datagrams under way to {}, where {} is the most", ask.key.host,
                           peer.in_flight.size(), ask.peer.to_string(), most));
  }
}

void Oracle::note_loss(PeerLedger& peer, AskLedger& ask, Timestamp now) {
  const auto index = static_cast<std::uint32_t>(&ask - asks_.data());
  ask.given_up = ask.attempts;
  if (ask.sent >= peer.reduced) {
    const std::uint64_t since = peer.opened - ask.opened_at_send;
    const std::uint64_t grown = peer.opened - peer.opened_at_reduction;
    // Only what follows in silence is one event with the reduction before. The wait was over before the place
    // in the window was there for this copy.
    if (peer.heard_since_reduction < ask.quiet_until) peer.reductions.clear();
    peer.reductions.push_back(
        {.window_before = peer.window + grown, .reduced_before = peer.reduced, .missed = {}});
    const std::uint64_t window = peer.window + grown - std::min(since, grown);
    const bool silence = peer.reduced != Timestamp::min() && peer.heard == peer.heard_before_loss;
    peer.window = (silence ? 2 : std::max<std::uint64_t>(window / 2, 2)) + since;
    peer.opened_at_reduction = peer.opened;
    peer.heard_since_reduction = kNever;
    peer.heard_before_loss = ask.heard_at_send;
    peer.reduced = now;
  }
  if (!peer.reductions.empty()) peer.reductions.back().missed.try_emplace(index, ask.attempts);
}

/// Once it is known how long an answer takes, what was sent before waits for that and no longer: RFC 6298
/// §2.2, of any answer, since a bystander cannot see which was the first that counted.
void Oracle::note_time(PeerLedger& peer, const AskLedger& ask, const ReplyView& view) {
  const std::uint32_t answered = view.attempt == 0 && ask.attempts == 1 ? 1 : view.attempt;
  if (answered < 1 || answered > ask.attempts || ask.attempts - answered >= kToldApart) return;
  peer.timed = peer.timed || ask.leads;
  const Timestamp now = world_.clock(*ask.client);
  const Duration took = now - ask.sent_at[answered - 1];
  const Duration counted = std::min(took, std::max(took - view.hold, Duration::zero()) + kHoldCounted);
  const Duration timeout = counted + std::max(2 * counted, kWaitMargin);
  std::erase_if(peer.untimed, [&](std::uint32_t index) { return asks_[index].ends != 0; });
  for (const std::uint32_t index : peer.untimed) {
    AskLedger& other = asks_[index];
    other.first_wait = std::min(other.first_wait, timeout);
    other.quiet_until = std::min(other.quiet_until, std::max(now, later(other.sent, other.first_wait)));
  }
}

/// An answer to the very copy that was given up shows that it was not lost. Where that is so of all whose
/// loss has made the window smaller, it was made smaller for nothing.
void Oracle::note_heard(AskLedger& ask, const ReplyView& view) {
  PeerLedger& peer = peers_[{ask.key.host, ask.key.life, ask.peer}];
  ++peer.heard;
  const Timestamp now = world_.clock(*ask.client);
  peer.heard_since_reduction = std::min(peer.heard_since_reduction, now);
  peer.opened += ask.in_flight && ask.leads ? 1 : 0;
  peer.heard_last = now;
  note_time(peer, ask, view);
  const bool late = view.attempt >= 1 && view.attempt <= ask.given_up && !ask.heard;
  ask.heard = true;
  if (!late) return;
  const auto index = static_cast<std::uint32_t>(&ask - asks_.data());
  for (ReductionLedger& reduction : peer.reductions) {
    const auto missed = reduction.missed.find(index);
    if (missed != reduction.missed.end() && missed->second >= view.attempt) reduction.missed.erase(missed);
  }
  while (!peer.reductions.empty() && peer.reductions.back().missed.empty()) {
    const ReductionLedger& needless = peer.reductions.back();
    peer.window = std::max(peer.window + peer.opened - peer.opened_at_reduction, needless.window_before);
    peer.opened_at_reduction = peer.opened;
    peer.reduced = needless.reduced_before;
    peer.reductions.pop_back();
  }
}

void Oracle::note_arrival(ServerLedger& server, const Sighting& sighting) {
  AddressLedger& address = server.addresses[name_of_host(sighting.from.address)];
  address.from_it += on_the_wire(sighting.from, sighting.bytes.size());
  const RequestView view = holler_codec().decode_request(sighting.bytes);
  if (view.drop || !view.identified) return;
  if ((sighting.altered || sighting.injected) && options_.tampering) tainted_[view.conversation] = true;
  if (!view.cookie.empty() && address.cookies.contains(Fingerprint::of(view.cookie))) address.verified = true;
}

void Oracle::on_response(const Host& server, const ResponseTransmit& transmit, Bytes datagram) {
  const auto known = servers_.find(server.number());
  if (known == servers_.end()) return;
  if (const ReplyView told = holler_codec().decode_reply(datagram); told.life != 0) {
    known->second.lives.emplace(told.life, server.restarts());
  }
  AddressLedger& address = known->second.addresses[name_of_host(transmit.to.address)];
  if (transmit.kind == ReplyKind::verify) {
    const ReplyView view = holler_codec().decode_reply(datagram);
    address.cookies.insert(Fingerprint::of(view.cookie));
  }
  address.to_it += on_the_wire(transmit.to, datagram.size());
  if (!address.verified && address.to_it > kAmplificationMax * address.from_it) {
    violate(Invariant::bounded_sending,
            holler::format("server {} has sent {} bytes to {}, which has sent it {} and not shown itself",
                           server.number(), address.to_it, transmit.to.address.to_string(), address.from_it));
  }
}

void Oracle::check_memory() {
  for (ServerHost* server : server_hosts_) {
    const ResponderOccupancy held = server->responder().occupancy();
    const ResponderOptions& most = server->options().responder;
    if (held.jobs > most.jobs_max || held.conversations > most.conversations_max ||
        held.places > most.replies_max ||
        held.payload_bytes > most.reply_bytes_max + most.jobs_max * most.datagram_bytes_max ||
        held.outgoing > kOutgoingMax) {
      violate(
          Invariant::bounded_memory,
          holler::format("server {} holds {} jobs, {} conversations, {} places and {} bytes",
                         server->number(), held.jobs, held.conversations, held.places, held.payload_bytes));
    }
  }
}

void Oracle::check_memory(const Host& host) {
  const auto found = client_hosts_.find(host.number());
  if (found == client_hosts_.end()) return;
  const RequesterOccupancy held = found->second->requester().occupancy();
  const RequesterOptions& most = found->second->options().requester;
  if (held.outstanding > most.outstanding_max || held.peers > most.peers_max) {
    violate(Invariant::bounded_memory, holler::format("client {} holds {} questions and {} peers",
                                                      host.number(), held.outstanding, held.peers));
  }
}

}  // namespace holler::sim
