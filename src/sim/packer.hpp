#pragma once

#include <utility>

#include "holler/bundler.hpp"
#include "holler/bytes.hpp"

#include "sim/world.hpp"

namespace holler::sim {

/// Sends the messages of a host, those that may share a datagram together.
class Packer {
 public:
  /// Of the path, as a host believes: Ethernet's MTU less IPv6's headers. Some links take less.
  static constexpr std::size_t kPathBytes = 1452;

  explicit Packer(World& world) noexcept : world_{world} {}

  void add(Port port, const Way& way, Sharing sharing, Bytes message) {
    if (!bundler_.add(way, sharing, message.size(), [](const Way&) { return kPathBytes; })) flush();
    datagram_.insert(datagram_.end(), message.begin(), message.end());
    port_ = port;
    to_ = way.to;
    waiting_ = true;
  }
  /// To be called when there is nothing more to add.
  void finish() {
    flush();
    bundler_.close();
  }

 private:
  void flush() {
    if (!std::exchange(waiting_, false)) return;
    ByteVector leaving;  // who watches the network may send something as well, through this packer
    leaving.swap(datagram_);
    world_.send(port_, to_, leaving);
    leaving.clear();
    if (datagram_.empty()) datagram_.swap(leaving);
  }

  World& world_;
  Bundler bundler_;
  ByteVector datagram_;
  Port port_ = 0;
  Endpoint to_;
  bool waiting_ = false;
};

}  // namespace holler::sim
