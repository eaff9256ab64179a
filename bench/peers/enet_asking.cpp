#include "enet_asking.hpp"

#include <algorithm>
#include <enet/enet.h>
#include <vector>

#include "asking.hpp"

namespace peers {

namespace {

/// It repeats what is due only when it is called, or something comes.
constexpr enet_uint32 kTimersEveryMs = 1;
constexpr std::uint32_t kNoQuestion = UINT32_MAX;

class EnetAsking {
 public:
  explicit EnetAsking(const Options& options)
      : options_{options}, places_(std::min<std::size_t>(options.outstanding, kPlacesMax), kNoQuestion) {
    if (enet_initialize() != 0) give_up("enet_initialize", "failed");
    host_ = enet_host_create(nullptr, 1, places_.size(), 0, 0);
    if (host_ == nullptr) give_up("enet_host_create", "failed");
    connect();
  }

  int run() {
    await_connection();
    Asking asking{options_};
    ask_all(asking);
    while (!asking.over()) {
      ENetEvent event;
      int got = enet_host_service(host_, &event, kTimersEveryMs);
      for (; got > 0; got = enet_host_check_events(host_, &event)) handle(event, asking);
      asking.repeated(newly_repeated());
      // What was free when the time was over, or came free while there was no connection.
      if (peer_->state == ENET_PEER_STATE_CONNECTED) ask_all(asking);
    }
    return asking.report();
  }

 private:
  static constexpr std::size_t kPlacesMax = ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT;
  static constexpr std::uint64_t kConnectingMost = 30'000'000'000;

  void connect() {
    ENetAddress to{};
    to.host = socket_address(options_).sin_addr.s_addr;
    to.port = options_.port;
    peer_ = enet_host_connect(host_, &to, places_.size(), 0);
    if (peer_ == nullptr) give_up("enet_host_connect", "failed");
    repeated_ = 0;
  }
  /// The time that this takes is no question's.
  void await_connection() {
    const std::uint64_t end = now_ns() + kConnectingMost;
    while (now_ns() < end) {
      ENetEvent event;
      if (enet_host_service(host_, &event, kTimersEveryMs) <= 0) continue;
      if (event.type == ENET_EVENT_TYPE_CONNECT) return;
      if (event.type == ENET_EVENT_TYPE_DISCONNECT) connect();
    }
    give_up("peer_enet", "no connection in 30 s");
  }
  void handle(const ENetEvent& event, Asking& asking) {
    switch (event.type) {
      case ENET_EVENT_TYPE_RECEIVE:
        asking.answered(std::as_bytes(std::span{event.packet->data, event.packet->dataLength}));
        places_[event.channelID] = kNoQuestion;
        enet_packet_destroy(event.packet);
        break;
      case ENET_EVENT_TYPE_DISCONNECT:
        // It has given up, and all that was outstanding with it.
        for (std::uint32_t& number : places_) {
          if (number != kNoQuestion) asking.given_up(number);
          number = kNoQuestion;
        }
        connect();
        break;
      case ENET_EVENT_TYPE_CONNECT:
      case ENET_EVENT_TYPE_NONE: break;
    }
  }
  void ask_all(Asking& asking) {
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if (places_[place] != kNoQuestion) continue;
      const std::span<const std::byte> bytes = asking.next();
      if (bytes.empty()) return;
      places_[place] = asking.number();
      ENetPacket* packet = enet_packet_create(bytes.data(), bytes.size(), ENET_PACKET_FLAG_RELIABLE);
      if (packet == nullptr || enet_peer_send(peer_, static_cast<enet_uint8>(place), packet) != 0)
        give_up("enet_peer_send", "failed");
    }
    enet_host_flush(host_);
  }
  /// ENet would begin to count anew every 10 s.
  std::uint64_t newly_repeated() {
    const std::uint64_t before = repeated_;
    repeated_ = peer_->packetsLost;
    peer_->packetLossEpoch = enet_time_get();
    return repeated_ >= before ? repeated_ - before : repeated_;
  }

  Options options_;
  ENetHost* host_ = nullptr;
  ENetPeer* peer_ = nullptr;
  std::vector<std::uint32_t> places_;  // the question outstanding at each
  std::uint64_t repeated_ = 0;
};

}  // namespace

int ask_by_enet(const Options& options) { return EnetAsking{options}.run(); }

}  // namespace peers
