#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "holler/endpoint.hpp"

namespace holler::sim {

/// Which number an endpoint has. Every datagram asks it, so it is one flat array that is searched from
/// where the hash points; a simulation's endpoints come from its own author, and need no secret in the hash.
class Directory {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool contains(const Endpoint& endpoint) const noexcept { return find(endpoint).has_value(); }

  [[nodiscard]] std::optional<std::uint32_t> find(const Endpoint& endpoint) const noexcept {
    if (size_ == 0) return std::nullopt;
    const Place& place = places_[place_of(endpoint)];
    if (!place.used) return std::nullopt;
    return place.number;
  }

  /// @return false if the endpoint has a number already, which it keeps
  bool add(const Endpoint& endpoint, std::uint32_t number) {
    if (2 * (size_ + 1) > places_.size()) grow();
    Place& place = places_[place_of(endpoint)];
    if (place.used) return false;
    place = {endpoint, number, true};
    ++size_;
    return true;
  }

  void erase(const Endpoint& endpoint) {
    if (size_ == 0) return;
    std::size_t hole = place_of(endpoint);
    if (!places_[hole].used) return;
    --size_;
    // What would no longer be found beyond the hole moves into it (Knuth, TAOCP 3, §6.4, algorithm R).
    for (std::size_t at = next(hole); places_[at].used; at = next(at)) {
      const std::size_t home = home_of(places_[at].endpoint);
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = {};
  }

 private:
  struct Place {
    Endpoint endpoint;
    std::uint32_t number = 0;
    bool used = false;
  };

  [[nodiscard]] std::size_t mask() const noexcept { return places_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home_of(const Endpoint& endpoint) const noexcept {
    return std::hash<Endpoint>{}(endpoint)&mask();
  }
  /// Where it stands, or the free place where it would.
  [[nodiscard]] std::size_t place_of(const Endpoint& endpoint) const noexcept {
    std::size_t at = home_of(endpoint);
    while (places_[at].used && places_[at].endpoint != endpoint) at = next(at);
    return at;
  }
  void grow() {
    std::vector<Place> before(places_.empty() ? 16 : 2 * places_.size());
    before.swap(places_);
    for (const Place& place : before) {
      if (place.used) places_[place_of(place.endpoint)] = place;
    }
  }

  std::vector<Place> places_;  // a power of two of them, half of them free at least
  std::size_t size_ = 0;
};

}  // namespace holler::sim
