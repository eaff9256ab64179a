#pragma once

#include <string_view>
#include <vector>

#include "sim/world.hpp"

namespace holler::sim {

/// Says what it is told to say, under any name, and keeps what it hears. It plays the forger, and the peer
/// that does not speak holler.
class StrangerHost final : public Host {
 public:
  struct Heard {
    Timestamp when;
    Endpoint from;
    ByteVector bytes;
  };

  StrangerHost(World& world, const Endpoint& at) : world_{world}, at_{at}, port_{world.attach(*this, at)} {}

  void send(const Endpoint& to, Bytes datagram) { world_.send(port_, to, datagram); }
  void send(const Endpoint& to, std::string_view text) { send(to, bytes_of(text)); }
  /// A spoofed source.
  void send_as(const Endpoint& from, const Endpoint& to, Bytes datagram) {
    world_.inject(from, to, datagram);
  }

  /// The first 100,000 datagrams that arrived.
  [[nodiscard]] const std::vector<Heard>& heard() const noexcept { return heard_; }
  [[nodiscard]] const Endpoint& at() const noexcept { return at_; }

  void handle_datagram(Timestamp now, const Delivered& datagram) override {
    if (heard_.size() < 100'000) heard_.push_back({now, datagram.from, copy_of(datagram.bytes)});
  }

 private:
  World& world_;
  Endpoint at_;
  Port port_;
  std::vector<Heard> heard_;
};

}  // namespace holler::sim
