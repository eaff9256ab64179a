#include "sim/client_host.hpp"

#include <utility>

#include "holler/format.hpp"

#include "sim/packer.hpp"

namespace holler::sim {
namespace {

constexpr std::size_t kVerdictsMax = 200'000;
/// Far beyond what any story sends at one time: a Requester that sends more is caught in a loop.
constexpr std::size_t kTransmitsAtOnceMax = 2'000'000;

std::uint64_t key_of(RequestHandle handle) { return std::uint64_t{handle.slot} << 32U | handle.generation; }

std::string_view used_name(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::reply: return "as reply";
    case ReplyKind::working: return "as working";
    case ReplyKind::busy: return "as busy";
    case ReplyKind::refused: return "as refused";
    case ReplyKind::verify: return "as verify";
    case ReplyKind::restarted: return "as restarted";
    case ReplyKind::dropped: break;
  }
  return "as dropped?!";
}

}  // namespace

std::vector<Duration> ClientHost::Asked::gaps() const {
  std::vector<Duration> result;
  for (std::size_t i = 1; i < sent.size(); ++i) result.push_back(sent[i].when - sent[i - 1].when);
  return result;
}

ClientHost::ClientHost(World& world, const std::vector<Endpoint>& channels, const ClientHostOptions& options)
    : world_{world},
      own_random_{world.fork_random()},
      options_{options},
      requester_{*options.codec, generator(), options.requester},
      records_{options.keep_records ? std::make_unique<Records>() : nullptr} {
  for (const Endpoint& channel : channels) {
    const Port port = world.attach(*this, channel);
    if (channel == channels.front()) first_port_ = port;
  }
}

const ClientHost::Records& ClientHost::records() const noexcept {
  static const Records kNone;
  return records_ ? *records_ : kNone;
}

StartResult ClientHost::ask(const Endpoint& peer, Bytes payload, const RequestOptions& options,
                            bool may_fail) {
  const Timestamp now = world_.clock(*this);
  const StartResult result = requester_.start(now, peer, payload, options);
  if (result.status != StartStatus::started) {
    if (!may_fail)
      world_.fault(holler::format("a request was not started: status {}", static_cast<int>(result.status)));
    return result;
  }
  if (records_) {
    const bool fresh = records_->by_handle.emplace(key_of(result.handle), records_->asked.size()).second;
    if (!fresh) world_.fault("a handle was given twice");
    records_->asked.push_back(
        {.handle = result.handle, .peer = peer, .payload = copy_of(payload), .started = now});
  }
  if (Witness* witness = world_.witness()) {
    witness->on_ask(*this, *options_.codec, result.handle, peer, payload, options);
  }
  pump();
  world_.rearm(*this);
  return result;
}

void ClientHost::ask_at(Duration since_start, const Endpoint& peer, std::string_view text,
                        const RequestOptions& options) {
  world_.at(since_start, [this, peer, text = std::string{text}, options] { ask(peer, text, options); });
}

bool ClientHost::cancel(RequestHandle request) {
  if (Witness* witness = world_.witness()) witness->on_cancel(*this, request);
  const bool was_on = requester_.cancel(world_.clock(*this), request);
  pump();
  world_.rearm(*this);
  return was_on;
}

void ClientHost::handle_datagram(Timestamp now, const Delivered& datagram) {
  Delivered message = datagram;
  Bytes rest = datagram.bytes;
  do {
    message.bytes = rest;
    const Verdict verdict =
        requester_.handle_datagram(now, {.from = datagram.from,
                                         .channel = channel_of(datagram.at),
                                         .bytes = rest,
                                         .continued = rest.data() != datagram.bytes.data()});
    rest = verdict.rest;
    message.bytes = message.bytes.first(message.bytes.size() - rest.size());
    note_verdict(message, verdict);
    // What has ended is told, while nothing is sent yet: answers to several requests go on together.
    note_ends();
  } while (!rest.empty());
  pump();
}

void ClientHost::note_verdict(const Delivered& message, const Verdict& verdict) {
  if (Witness* witness = world_.witness()) witness->on_verdict(*this, message, verdict);
  if (world_.story().on()) {
    if (verdict.used) {
      world_.story().record(world_.now(), Happening::used, message.from, message.to, message.bytes,
                            used_name(*verdict.used));
    } else {
      world_.story().record(world_.now(), Happening::dropped, message.from, message.to, message.bytes,
                            name_of(verdict.drop));
    }
  }
  if (records_ && records_->verdicts.size() < kVerdictsMax) records_->verdicts.push_back(verdict);
}

bool ClientHost::note_ends() {
  const bool outermost = !std::exchange(pumping_, true);  // on_end_ asks again, and sends nothing yet
  bool any = false;
  while (const auto event = requester_.poll_event()) {
    note_end(*event);
    any = true;
  }
  if (outermost) pumping_ = false;
  return any;
}

void ClientHost::handle_unreachable(Timestamp now, const Returned& datagram) {
  const auto request = requester_.handle_unreachable(
      now, {.kind = datagram.path_mtu_bytes == 0 ? Unreachable::refused : Unreachable::too_large,
            .peer = datagram.to,
            .channel = channel_of(datagram.at),
            .quote = datagram.quote,
            .path_mtu_bytes = datagram.path_mtu_bytes});
  if (Witness* witness = world_.witness(); witness != nullptr && request) {
    witness->on_unreachable(*this, *request, datagram.quote);
  }
  pump();
}

void ClientHost::restart() {
  requester_ = Requester{*options_.codec, generator(), options_.requester};
  if (records_) records_->by_handle.clear();
  if (Witness* witness = world_.witness()) witness->on_restart(*this);
}

void ClientHost::handle_timeout(Timestamp now) {
  requester_.handle_timeout(now);
  pump();
}

void ClientHost::pump() {
  if (pumping_) return;  // on_end_ asks again: the loop below goes on
  pumping_ = true;
  std::size_t sent = 0;
  for (bool more = true; more;) {
    more = note_ends();
    for (;;) {
      const MutableBytes buffer = world_.scratch(options_.requester.datagram_bytes_max);
      const auto transmit = requester_.poll_transmit(world_.clock(*this), buffer);
      if (!transmit) break;
      const Bytes datagram = buffer.first(transmit->bytes);
      note_transmission(*transmit);
      if (Witness* witness = world_.witness()) witness->on_transmission(*this, *transmit, datagram);
      world_.packer().add(port(transmit->channel), {.to = transmit->to, .channel = transmit->channel},
                          transmit->sharing, datagram);
      more = true;
      if (++sent > kTransmitsAtOnceMax) return world_.fault("the requester never stops sending");
    }
    world_.packer().finish();
  }
  pumping_ = false;
}

ClientHost::Asked* ClientHost::find(RequestHandle handle) {
  const auto found = records_->by_handle.find(key_of(handle));
  return found == records_->by_handle.end() ? nullptr : &records_->asked[found->second];
}

void ClientHost::note_transmission(const Transmit& transmit) {
  if (!records_) return;
  Asked* asked = find(transmit.request);
  if (asked == nullptr) return world_.fault("a datagram was sent for a request that never started");
  if (asked->ends != 0) world_.fault("a datagram was sent for a request that has ended");
  if (transmit.to != asked->peer) world_.fault("a datagram went to a peer that was not asked");
  asked->sent.push_back({world_.clock(*this), transmit});
}

void ClientHost::note_end(const RequestEvent& event) {
  ++ended_;
  if (Witness* witness = world_.witness()) witness->on_end(*this, event);
  if (records_) {
    Asked* asked = find(event.request);
    if (asked == nullptr) return world_.fault("a request ended that never started");
    if (++asked->ends > 1) return world_.fault("a request ended twice");
    asked->ended = world_.clock(*this);
    asked->event = event;
    asked->reply = copy_of(event.payload);
    asked->event.payload = asked->reply;
  }
  if (world_.story().on()) {
    world_.story().note(
        world_.now(), holler::format("request of {} ends: {}, after {} transmissions", event.peer.to_string(),
                                     name_of(event.outcome), event.attempts));
  }
  if (on_end_) on_end_(event);
}

}  // namespace holler::sim
