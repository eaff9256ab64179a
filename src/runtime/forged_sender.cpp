#include "holler/forged_sender.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "holler/local_addresses.hpp"
#include "holler/udp_socket.hpp"

#include "net/raw_sockets.hpp"
#include "wire/udp_packet.hpp"

namespace holler {
namespace {

/// Datagrams whose packets are made before they are sent together.
constexpr std::size_t kBatch = 64;

Error objection_to(ErrorCode code, const Endpoint& endpoint, const char* advice) {
  return {.code = code,
          .attempted = "forge a datagram with",
          .endpoint = endpoint,
          .advice = advice,
          .payload_bytes_max = {}};
}

}  // namespace

struct ForgedSender::State {
  RawSockets sockets;
  LocalAddresses local;
  /// The pair that was found to be local last: a flood has one.
  std::optional<std::pair<Address, Address>> known{};
  std::vector<std::byte> slab{};
  std::vector<RawPacket> packets{};

  [[nodiscard]] std::optional<Error> objection(const ForgedDatagram& datagram);
  /// Makes the packets of the first datagrams.
  [[nodiscard]] std::optional<Error> prepare(std::span<const ForgedDatagram> datagrams);
};

std::optional<Error> ForgedSender::State::objection(const ForgedDatagram& datagram) {
  if (datagram.bytes.size() > payload_bytes_max(datagram.to.address)) {
    Error error = objection_to(ErrorCode::too_large, datagram.to, "");
    error.payload_bytes_max = payload_bytes_max(datagram.to.address);
    return error;
  }
  if (datagram.from.address.is_v6() != datagram.to.address.is_v6()) {
    return objection_to(ErrorCode::invalid_argument, datagram.from, "the addresses are of two families");
  }
  if (known && known->first == datagram.from.address && known->second == datagram.to.address) return {};
  for (const Endpoint& endpoint : {datagram.from, datagram.to}) {
    if (!local.contains(endpoint.address)) {
      return objection_to(ErrorCode::address_not_local, endpoint,
                          "only addresses of this machine are forged, and only to this machine");
    }
  }
  known.emplace(datagram.from.address, datagram.to.address);
  return {};
}

std::optional<Error> ForgedSender::State::prepare(std::span<const ForgedDatagram> datagrams) {
  packets.clear();
  std::size_t room = 0;
  for (const ForgedDatagram& datagram : datagrams) {
    room += datagram.bytes.size() + udp_headers_bytes(datagram.to.address);
  }
  if (slab.size() < room) slab.resize(room);
  MutableBytes rest{slab};
  for (const ForgedDatagram& datagram : datagrams) {
    if (auto refused = objection(datagram)) return refused;
    const auto bytes = encode_udp_packet(datagram.from, datagram.to, kForgedHops, datagram.bytes, rest);
    if (!bytes) return objection_to(ErrorCode::too_large, datagram.to, "");
    packets.push_back({.to = datagram.to.address, .bytes = rest.first(*bytes)});
    rest = rest.subspan(*bytes);
  }
  return {};
}

ForgedSender::ForgedSender(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
ForgedSender::ForgedSender(ForgedSender&&) noexcept = default;
ForgedSender& ForgedSender::operator=(ForgedSender&&) noexcept = default;
ForgedSender::~ForgedSender() = default;

Result<ForgedSender> ForgedSender::open() {
  auto local = LocalAddresses::read();
  if (!local) return failure(std::move(local).error());
  auto sockets = RawSockets::open();
  if (!sockets) return failure(std::move(sockets).error());
  return ForgedSender{std::make_unique<State>(*std::move(sockets), *std::move(local))};
}

Result<std::size_t> ForgedSender::send(std::span<const ForgedDatagram> datagrams) {
  std::size_t sent = 0;
  while (sent < datagrams.size()) {
    const auto batch = datagrams.subspan(sent, std::min(kBatch, datagrams.size() - sent));
    auto refused = state_->prepare(batch);
    const auto taken = state_->sockets.send(state_->packets);
    if (!taken) return taken;
    sent += *taken;
    if (*taken < state_->packets.size()) return sent;
    if (refused && sent > 0) return sent;
    if (refused) return failure(*std::move(refused));
  }
  return sent;
}

}  // namespace holler
