#include "sim/world.hpp"

#include "base/check.hpp"
#include "sim/packer.hpp"

namespace holler::sim {
namespace {

constexpr std::uint32_t kWakesAtOnceMax = 1000;
/// What an ICMP error quotes of a datagram, at least (RFC 1812 §4.3.2.3: as much as fits 576 bytes).
constexpr std::size_t kQuoteBytesMax = 576 - 20 - 8 - 20 - 8;

Endpoint host_name(const Address& address) { return {address, 0}; }

}  // namespace

World::World(const WorldOptions& options)
    : options_{options},
      now_{options.start},
      seeds_{options.seed},
      network_random_{seeds_.next()},
      story_{options.start, options.story_lines_max},
      default_link_{options.link},
      packer_{std::make_unique<Packer>(*this)} {}

World::~World() = default;

void World::enlist(std::unique_ptr<Host> host) {
  host->number_ = static_cast<std::uint32_t>(hosts_.size());
  hosts_.push_back(std::move(host));
  rearm(*hosts_.back());
}

Port World::attach(Host& host, const Endpoint& local) {
  const Port port = static_cast<Port>(ports_.size());
  HOLLER_CHECK(directory_.add(local, port));
  ports_.push_back({.host = &host, .local = local, .outside = local, .open = true, .waiting = {}});
  addresses_.add(host_name(local.address), 0);
  return port;
}

void World::close(Port port) {
  PortEntry& entry = ports_[port];
  if (!entry.open) return;
  entry.open = false;
  directory_.erase(entry.outside);
  for (const std::uint32_t packet : entry.waiting) release(packet);
  entry.waiting.clear();
  story_.note(now_, entry.local.to_string() + " closes");
}

void World::close(const Endpoint& local) {
  if (const auto port = directory_.find(local)) close(*port);
}

void World::rebind(Port port, const Endpoint& outside) {
  PortEntry& entry = ports_[port];
  directory_.erase(entry.outside);
  HOLLER_CHECK(directory_.add(outside, port));
  addresses_.add(host_name(outside.address), 0);
  story_.note(now_, entry.outside.to_string() + " is " + outside.to_string() + " from now on");
  entry.outside = outside;
}

void World::at(Duration since_start, std::function<void()> action) {
  actions_.push_back(std::move(action));
  queue_.push(std::max(now_, time(since_start)), Event::Kind::action,
              static_cast<std::uint32_t>(actions_.size() - 1));
}

void World::fault(std::string what) {
  story_.note(now_, "FAULT: " + what);
  if (faults_.size() < 100) faults_.push_back(std::move(what));
}

LinkSettings& World::link(const Address& from, const Address& to) {
  return links_[host_name(from)].try_emplace(host_name(to), default_link_).first->second.settings;
}

Link& World::link_between(const Address& from, const Address& to) {
  if (links_.empty()) return default_for(from);
  const auto row = links_.find(host_name(from));
  if (row == links_.end()) return default_for(from);
  const auto found = row->second.find(host_name(to));
  return found == row->second.end() ? default_for(from) : found->second;
}

Link& World::default_for(const Address& sender) {
  for (auto& [address, line] : lines_) {
    if (address == sender) return line;
  }
  return default_link_;
}

LinkSettings& World::line_of(const Address& sender) {
  Link* line = &default_for(sender);
  if (line == &default_link_) line = &lines_.emplace_back(sender, Link{default_link_.settings}).second;
  return line->settings;
}

void World::sight(Sighting sighting) const {
  if (!tap_ && taps_.empty()) return;
  sighting.when = now_;
  if (tap_) tap_(sighting);
  for (const auto& tap : taps_) tap(sighting);
}

MutableBytes World::scratch(std::size_t bytes) {
  if (scratch_.size() <= sending_) scratch_.resize(sending_ + 1);
  ByteVector& buffer = scratch_[sending_];
  if (buffer.size() < bytes) buffer.resize(bytes);
  return MutableBytes{buffer}.first(bytes);
}

void World::send(Port from, const Endpoint& to, Bytes datagram) {
  ++sending_;
  ++datagrams_sent_;
  carry(from, ports_[from].outside, to, datagram);
  --sending_;
}

void World::inject(const Endpoint& from, const Endpoint& to, Bytes datagram) {
  carry(kNoPort, from, to, datagram);
}

void World::meddle(Passage& passage, const Sighting& sighting) const {
  const Meddling wish = meddler_(sighting);
  if (wish.lose) {
    passage = {.loss = Loss::meddled};
    return;
  }
  for (Passage::Arrival& arrival : passage.at) arrival.when = later(arrival.when, wish.delay);
  if (passage.count == 0) return;
  Passage::Arrival copy = passage.at[0];
  for (std::size_t i = 0; i < wish.copies; ++i) {
    copy.when = later(copy.when, wish.copies_delay);
    passage.arrive(copy);
  }
}

void World::carry(Port sender, const Endpoint& from, const Endpoint& to, Bytes datagram) {
  story_.record(now_, Happening::sent, from, to, datagram);
  sight({.stage = Sighting::Stage::sent,
         .from = from,
         .to = to,
         .bytes = datagram,
         .injected = sender == kNoPort});
  Passage passage = link_between(from.address, to.address)
                        .carry(now_, packet_bytes(to.address, datagram.size()), network_random_);
  if (meddler_)
    meddle(passage,
           {.stage = Sighting::Stage::sent, .when = now_, .from = from, .to = to, .bytes = datagram});
  if (passage.loss != Loss::none) {
    story_.record(now_, Happening::lost, from, to, datagram, name_of(passage.loss));
    sight({.stage = Sighting::Stage::lost, .from = from, .to = to, .bytes = datagram, .loss = passage.loss});
    if (passage.path_mtu_bytes == 0 || !options_.icmp || sender == kNoPort) return;
    const std::uint32_t number = new_packet(sender, from, to, datagram);
    packets_[number].path_mtu_bytes = passage.path_mtu_bytes;
    return send_back(number);
  }
  if (passage.held_back) story_.record(now_, Happening::held_back, from, to, datagram);
  if (passage.count > 1) story_.record(now_, Happening::duplicated, from, to, datagram);
  for (const Passage::Arrival& arrival : passage.arrivals()) {
    const std::uint32_t number = new_packet(sender, from, to, datagram);
    Packet& packet = packets_[number];
    packet.altered = arrival.damage != 0 && damage(packet.bytes, arrival.damage);
    if (packet.altered) story_.record(now_, Happening::altered, from, to, packet.bytes);
    queue_.push(arrival.when, Event::Kind::arrival, number);
  }
}

std::uint32_t World::new_packet(Port sender, const Endpoint& from, const Endpoint& to, Bytes datagram) {
  if (free_packets_.empty()) {
    free_packets_.push_back(static_cast<std::uint32_t>(packets_.size()));
    packets_.emplace_back();
  }
  const std::uint32_t number = free_packets_.back();
  free_packets_.pop_back();
  Packet& packet = packets_[number];
  packet.from = from;
  packet.to = to;
  packet.sender = sender;
  packet.arrived = kNever;
  packet.path_mtu_bytes = 0;
  packet.altered = false;
  packet.bytes.assign(datagram.begin(), datagram.end());
  return number;
}

void World::rearm(Host& host) {
  const Timestamp wanted = later(host.next_timeout(), host.asleep_);
  if (wanted == kNever || !host.running() || wanted >= host.armed_) return;
  // A timer that is armed too early is harmless: it looks again when it fires.
  host.armed_ = std::max(wanted, now_);
  queue_.push(host.armed_, Event::Kind::timer, host.number_);
}

void World::wake(Host& host, Timestamp when) {
  if (host.armed_ != when) return;
  host.armed_ = kNever;
  if (!host.running() || host.next_timeout() > clock(host)) return rearm(host);
  host.wakes_at_once_ = host.last_wake_ == now_ ? host.wakes_at_once_ + 1 : 0;
  host.last_wake_ = now_;
  if (host.wakes_at_once_ > kWakesAtOnceMax)
    return fault("a host wants to be woken again and again at one time");
  host.handle_timeout(clock(host));
  rearm(host);
}

void World::arrive(std::uint32_t number) {
  Packet& packet = packets_[number];
  const auto found = directory_.find(packet.to);
  if (!found) return turn_away(number);
  PortEntry& entry = ports_[*found];
  switch (entry.host->power()) {
    case Power::running: return deliver(*found, number);
    case Power::ended: return turn_away(number);
    case Power::suspended:
    case Power::off:
      story_.record(now_, Happening::nowhere, packet.from, packet.to, packet.bytes);
      return release(number);
    case Power::stopped:
    case Power::dozing: break;
  }
  const bool fits = entry.waiting.size() < options_.receive_buffer_datagrams;
  story_.record(now_, fits ? Happening::queued : Happening::overflow, packet.from, packet.to, packet.bytes);
  if (fits) {
    packet.arrived = now_;
    entry.waiting.push_back(number);
  } else {
    release(number);
  }
}

void World::turn_away(std::uint32_t number) {
  const Packet& packet = packets_[number];
  const bool known = addresses_.contains(host_name(packet.to.address));
  if (!options_.icmp || !known || packet.sender == kNoPort) {
    story_.record(now_, Happening::nowhere, packet.from, packet.to, packet.bytes);
    return release(number);
  }
  story_.record(now_, Happening::refused, packet.from, packet.to, packet.bytes);
  send_back(number);
}

/// ICMP takes the way back, with its delay and its dangers, whichever hop says it.
void World::send_back(std::uint32_t number) {
  const Packet& packet = packets_[number];
  const std::size_t quoted = std::min(packet.bytes.size(), kQuoteBytesMax);
  // The error has an IP and an ICMP header, as long as IP and UDP's, and quotes the packet's own.
  const std::size_t bytes = packet_bytes(packet.from.address, packet_bytes(packet.from.address, quoted));
  const Passage back =
      link_between(packet.to.address, packet.from.address).carry(now_, bytes, network_random_);
  // Its checksum covers the quote, so that a damaged one is none (RFC 792).
  if (back.count == 0 || back.at[0].damage != 0) return release(number);
  queue_.push(back.at[0].when, Event::Kind::unreachable, number);
}

void World::deliver(Port port, std::uint32_t number) {
  const Packet& packet = packets_[number];
  PortEntry& entry = ports_[port];
  story_.record(now_, Happening::delivered, packet.from, packet.to, packet.bytes);
  sight({.stage = Sighting::Stage::delivered,
         .from = packet.from,
         .to = packet.to,
         .bytes = packet.bytes,
         .altered = packet.altered,
         .injected = packet.sender == kNoPort});
  const Duration waited = packet.arrived == kNever ? Duration::zero() : now_ - packet.arrived;
  entry.host->handle_datagram(
      clock(*entry.host),
      {.at = port, .from = packet.from, .to = entry.local, .bytes = packet.bytes, .waited = waited});
  release(number);
  rearm(*entry.host);
}

void World::bring_back(std::uint32_t number) {
  const Packet& packet = packets_[number];
  PortEntry& entry = ports_[packet.sender];
  if (entry.open && entry.host->running()) {
    const Bytes quote{packet.bytes.data(), std::min(packet.bytes.size(), kQuoteBytesMax)};
    entry.host->handle_unreachable(
        clock(*entry.host),
        {.at = packet.sender, .to = packet.to, .quote = quote, .path_mtu_bytes = packet.path_mtu_bytes});
    rearm(*entry.host);
  }
  release(number);
}

void World::handle(const Event& event) {
  switch (event.kind) {
    case Event::Kind::arrival: return arrive(event.subject);
    case Event::Kind::unreachable: return bring_back(event.subject);
    case Event::Kind::timer: return wake(*hosts_[event.subject], event.when);
    case Event::Kind::action: {
      const auto action = std::move(actions_[event.subject]);
      actions_[event.subject] = nullptr;
      return action();
    }
  }
}

RunEnd World::run(Duration until_since_start) {
  const Timestamp until = time(until_since_start);
  for (std::uint64_t i = 0; i < options_.events_max; ++i) {
    if (!faults_.empty()) return RunEnd::fault;
    if (witness_ != nullptr && (queue_.empty() || queue_.next() > now_)) {
      witness_->on_instant_over();
      if (!faults_.empty()) return RunEnd::fault;
    }
    if (queue_.empty()) return RunEnd::idle;
    if (queue_.next() > until) {
      now_ = std::max(now_, until);
      return RunEnd::until;
    }
    const Event event = queue_.pop();
    now_ = event.when;
    ++events_;
    handle(event);
  }
  return RunEnd::events;
}

}  // namespace holler::sim
