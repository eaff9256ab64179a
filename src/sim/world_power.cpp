#include <string>
#include <utility>

#include "sim/world.hpp"

// Hosts that stop, sleep, end and begin again, and ways that are cut.

namespace holler::sim {

Timestamp World::clock(const Host& host) const noexcept {
  return (host.paused_ == kNever ? now_ : host.paused_) - host.asleep_;
}

void World::put(Host& host, Power power, const char* words) {
  story_.note(now_, "host " + std::to_string(host.number_) + ' ' + words);
  const bool pauses = power == Power::suspended || power == Power::dozing;
  if (pauses && host.paused_ == kNever) {
    host.paused_ = now_;
  } else if (!pauses && host.paused_ != kNever) {
    host.asleep_ += now_ - host.paused_;
    host.paused_ = kNever;
  }
  if (power == Power::running && host.power_ != Power::running) host.woken_ = now_;
  host.power_ = power;
}

void World::freeze(Host& host) { put(host, Power::stopped, "is stopped"); }

void World::suspend(Host& host, bool network_on) {
  put(host, network_on ? Power::dozing : Power::suspended, "is suspended");
}

void World::halt(Host& host, bool machine) {
  put(host, machine ? Power::off : Power::ended, machine ? "is switched off" : "ends");
  forget_waiting(host);
}

void World::restart(Host& host) {
  forget_waiting(host);
  put(host, Power::running, "begins anew");
  ++host.restarts_;
  host.restart();
  rearm(host);
}

void World::thaw(Host& host) {
  if (host.running()) return;
  put(host, Power::running, "goes on");
  for (Port port = 0; port < ports_.size(); ++port) {
    if (ports_[port].host != &host) continue;
    std::vector<std::uint32_t> waiting;
    waiting.swap(ports_[port].waiting);
    for (const std::uint32_t packet : waiting) deliver(port, packet);
  }
  rearm(host);
}

void World::forget_waiting(const Host& host) {
  for (PortEntry& entry : ports_) {
    if (entry.host != &host) continue;
    for (const std::uint32_t packet : entry.waiting) release(packet);
    entry.waiting.clear();
  }
}

void World::block(std::span<const Address> from, std::span<const Address> to, bool blocked) {
  for (const Address& one : from) {
    for (const Address& other : to) link(one, other).blocked = blocked;
  }
}

void World::partition(std::span<const Address> one_side, std::span<const Address> other_side, bool apart) {
  block(one_side, other_side, apart);
  block(other_side, one_side, apart);
}

}  // namespace holler::sim
