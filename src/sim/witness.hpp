#pragma once

#include "holler/requester.hpp"
#include "holler/responder.hpp"

#include "sim/host.hpp"

namespace holler::sim {

struct Answer;

/// Hears from the hosts what they do, when they do it, and from the world when an instant is over. What the
/// network does, a tap shows: `World::add_tap`.
class Witness {
 public:
  Witness() = default;
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  virtual ~Witness() = default;

  /// A request was started.
  virtual void on_ask(const Host& /*client*/, const Codec& /*codec*/, RequestHandle /*request*/,
                      const Endpoint& /*peer*/, Bytes /*payload*/, const RequestOptions& /*options*/) {}
  virtual void on_cancel(const Host& /*client*/, RequestHandle /*request*/) {}
  /// A copy of it is sent.
  virtual void on_transmission(const Host& /*client*/, const Transmit& /*transmit*/, Bytes /*datagram*/) {}
  /// What the client made of a datagram, before it acts on it.
  virtual void on_verdict(const Host& /*client*/, const Delivered& /*datagram*/, const Verdict& /*verdict*/) {
  }
  /// ICMP has come back for a request, the first of those that it quotes.
  virtual void on_unreachable(const Host& /*client*/, RequestHandle /*request*/, Bytes /*quote*/) {}
  virtual void on_end(const Host& /*client*/, const RequestEvent& /*event*/) {}
  /// The handler gets a request, which `datagram` has brought.
  virtual void on_run(const Host& /*server*/, const IncomingRequest& /*request*/, Bytes /*datagram*/) {}
  /// The handler has decided.
  virtual void on_answer(const Host& /*server*/, JobHandle /*job*/, const Answer& /*answer*/) {}
  /// The server sends something.
  virtual void on_response(const Host& /*server*/, const ResponseTransmit& /*transmit*/, Bytes /*datagram*/) {
  }
  /// The host has lost its memory.
  virtual void on_restart(const Host& /*host*/) {}
  /// Everything that happens at the world's time has happened.
  virtual void on_instant_over() {}
};

}  // namespace holler::sim
