// ENet: reliable packets over UDP in one channel of one connection for each client, which bundles and
// repeats. It matches no answers to questions, so each packet holds what it answers. Its datagrams are made
// as large as it and the path allow.

#include <algorithm>
#include <enet/enet.h>
#include <string>
#include <vector>

#include "asked.hpp"
#include "common.hpp"
#include "enet_asking.hpp"

namespace {

using peers::Options;

ENetAddress address_of(const Options& options) {
  ENetAddress address{};
  address.host = peers::socket_address(options).sin_addr.s_addr;
  address.port = options.port;
  return address;
}

ENetHost* host(const ENetAddress* at, std::size_t peers_max, std::size_t channels) {
  if (enet_initialize() != 0) peers::give_up("enet_initialize", "failed");
  ENetHost* made = enet_host_create(at, peers_max, channels, 0, 0);
  if (made == nullptr) peers::give_up("enet_host_create", "failed");
  (void)enet_socket_set_option(made->socket, ENET_SOCKOPT_RCVBUF, peers::kReceiveBufferBytes);
  return made;
}

/// It repeats what is due only when it is called, or something comes.
constexpr enet_uint32 kTimersEveryMs = 2;

int serve(const Options& options) {
  const ENetAddress at = address_of(options);
  // It walks over all the peers that there may be, for each turn of its loop.
  ENetHost* server = host(&at, options.clients, ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT);
  peers::say_ready(peers::port_of(server->socket));
  ENetEvent event;
  for (;;) {
    int got = enet_host_service(server, &event, options.spin ? 0 : kTimersEveryMs);
    for (; got > 0; got = enet_host_check_events(server, &event)) {
      // A packet that arrived may be sent as it is.
      if (event.type == ENET_EVENT_TYPE_RECEIVE &&
          enet_peer_send(event.peer, event.channelID, event.packet) != 0)
        enet_packet_destroy(event.packet);
    }
  }
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_{options}, host_{host(nullptr, options.clients, 1)}, asked_{options}, meter_{options} {
    const std::size_t path = peers::path_payload_bytes(peers::socket_address(options));
    host_->mtu = static_cast<enet_uint32>(std::min<std::size_t>(path, ENET_PROTOCOL_MAXIMUM_MTU));
    const ENetAddress to = address_of(options);
    for (std::size_t i = 0; i < options.clients; ++i) {
      ENetPeer* peer = enet_host_connect(host_, &to, 1, 0);
      if (peer == nullptr) peers::give_up("enet_host_connect", "failed");
      peer->data = nullptr;
    }
  }

  int run() {
    std::uint64_t retransmitted = lost_packets();
    ENetEvent event;
    for (std::uint64_t now = peers::now_ns(); meter_.go_on(now); now = peers::now_ns()) {
      int got = enet_host_service(host_, &event, options_.spin ? 0 : 20);
      for (; got > 0; got = enet_host_check_events(host_, &event)) handle(event);
      const std::uint64_t lost = lost_packets();
      if (lost > retransmitted) meter_.retransmitted(lost - retransmitted);
      retransmitted = lost;
    }
    return meter_.report();
  }

 private:
  void handle(const ENetEvent& event) {
    const std::size_t client = static_cast<std::size_t>(event.peer - host_->peers);
    switch (event.type) {
      case ENET_EVENT_TYPE_CONNECT:
        for (std::size_t place = 0; place < options_.outstanding; ++place) ask(event.peer, client, place);
        break;
      case ENET_EVENT_TYPE_RECEIVE: {
        const std::span bytes{event.packet->data, event.packet->dataLength};
        const std::size_t place = asked_.answered(meter_, std::as_bytes(bytes), client, peers::now_ns());
        enet_packet_destroy(event.packet);
        ask(event.peer, client, place);
        break;
      }
      case ENET_EVENT_TYPE_DISCONNECT: peers::give_up("peer_enet", "a connection has ended");
      case ENET_EVENT_TYPE_NONE: break;
    }
  }
  void ask(ENetPeer* peer, std::size_t client, std::size_t place) {
    const auto bytes = asked_.write(client, place, peers::now_ns());
    ENetPacket* packet = enet_packet_create(bytes.data(), bytes.size(), ENET_PACKET_FLAG_RELIABLE);
    if (packet == nullptr || enet_peer_send(peer, 0, packet) != 0) peers::give_up("enet_peer_send", "failed");
  }
  /// ENet clears a peer's count from time to time.
  [[nodiscard]] std::uint64_t lost_packets() const {
    std::uint64_t sum = 0;
    if (options_.clients == 1) sum = host_->peers[0].packetsLost;
    return sum;
  }

  Options options_;
  ENetHost* host_;
  peers::Asked asked_;
  peers::Meter meter_;
};

int load(const Options& options) { return Load{options}.run(); }

}  // namespace

int main(int count, char** values) {
  const ENetVersion version = enet_linked_version();
  const std::string text = std::to_string(ENET_VERSION_GET_MAJOR(version)) + '.' +
                           std::to_string(ENET_VERSION_GET_MINOR(version)) + '.' +
                           std::to_string(ENET_VERSION_GET_PATCH(version));
  return peers::run(count, values, {"peer_enet", text, {}, serve, load, peers::ask_by_enet});
}
