#include "runtime/relay_clients.hpp"

namespace holler {
namespace {

/// Of clients that are looked at for one to close: what is old has seldom anything under way.
constexpr std::size_t kLookedAtMax = 64;

}  // namespace

std::uint32_t RelayClients::add(RelayClient client) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  client.turn = by_use_.insert(by_use_.end(), number);
  by_name_.emplace(client.name, number);
  places_[number].emplace(std::move(client));
  return number;
}

void RelayClients::remove(std::uint32_t number) {
  by_use_.erase(at(number).turn);
  by_name_.erase(at(number).name);
  places_[number].reset();
  free_.push_back(number);
}

void RelayClients::touch(std::uint32_t number, Timestamp now) {
  RelayClient& client = at(number);
  client.used = now;
  by_use_.splice(by_use_.end(), by_use_, client.turn);
}

std::uint32_t RelayClients::oldest_idle() {
  std::size_t looked_at = 0;
  for (const std::uint32_t number : by_use_) {
    if (at(number).pending == 0) return number;
    if (++looked_at == kLookedAtMax) break;
  }
  return kNone;
}

}  // namespace holler
