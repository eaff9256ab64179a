#include "holler/wiretap.hpp"

#include <utility>

#include "holler/forged_sender.hpp"

#include "net/packet_socket.hpp"
#include "wire/udp_packet.hpp"

namespace holler {
namespace {

/// A packet does not carry the scope of its addresses.
bool is_named(const Endpoint& server, const Endpoint& seen) {
  return server.port == seen.port && server.address.is_v6() == seen.address.is_v6() &&
         server.address.bytes() == seen.address.bytes();
}

}  // namespace

struct Wiretap::State {
  Endpoint server;
  PacketSocket socket;
};

Wiretap::Wiretap(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Wiretap::Wiretap(Wiretap&&) noexcept = default;
Wiretap& Wiretap::operator=(Wiretap&&) noexcept = default;
Wiretap::~Wiretap() = default;

Result<Wiretap> Wiretap::open(const Endpoint& server) {
  auto socket = PacketSocket::open(server.port, kForgedHops);
  if (!socket) return failure(std::move(socket).error());
  return Wiretap{std::make_unique<State>(server, *std::move(socket))};
}

Result<std::size_t> Wiretap::receive(const std::function<void(const SeenDatagram&)>& visit) {
  std::size_t count = 0;
  const auto received = state_->socket.receive([&](Bytes packet) {
    const auto view = decode_udp_packet(packet);
    if (!view || (!is_named(state_->server, view->from) && !is_named(state_->server, view->to))) return;
    ++count;
    visit({.from = view->from, .to = view->to, .bytes = view->payload});
  });
  if (!received) return received;
  return count;
}

std::uint64_t Wiretap::take_drops() const noexcept { return state_->socket.take_drops(); }

int Wiretap::native_handle() const noexcept { return state_->socket.native_handle(); }

}  // namespace holler
