#include "holler_machines.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <sys/epoll.h>
#include <vector>

#include "holler/bundler.hpp"
#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "holler_endpoint.hpp"

namespace peers {

namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::size_t kMessageRoomBytes = 65536;
constexpr std::uint64_t kTimerEvery = 5'000'000;  // ns: far below any wait of the engine's

/// What the askers of one load have in common.
struct Load {
  Load(const Options& given, bool may_bundle)
      : options{given},
        bundles{may_bundle},
        peer{endpoint_of(given)},
        path_bytes{path_payload_bytes(socket_address(given))},
        payload(given.bytes),
        block(kBlockBytes),
        batch{given.clients == 1 ? std::size_t{32} : std::size_t{4}},
        meter{given} {}

  Options options;
  bool bundles;
  holler::Endpoint peer;
  std::size_t path_bytes;
  holler::ByteVector payload;
  holler::ByteVector block;
  holler::ReceiveBatch batch;
  holler::SystemRandom random;
  Meter meter;
};

/// A requester and its socket.
class Asker {
 public:
  explicit Asker(Load& load)
      : load_{&load},
        requester_{holler::holler_codec(),
                   load.random,
                   {.outstanding_max = load.options.outstanding, .bundles = load.bundles}},
        started_(load.options.outstanding) {
    const holler::SocketOptions options{.receive_buffer_bytes = kReceiveBufferBytes,
                                        .coalesce = load.options.outstanding > 1,
                                        .tell_waits = false};
    auto socket = holler::UdpSocket::connected(load.peer, {}, options);
    if (!socket) give_up("peer_holler", socket.error().message());
    socket_ = std::make_unique<holler::UdpSocket>(std::move(*socket));
  }

  [[nodiscard]] int descriptor() const { return socket_->native_handle(); }
  void begin() {
    for (std::size_t i = 0; i < started_.size(); ++i) ask(holler::monotonic_now());
    transmit(holler::monotonic_now());
  }
  void receive() {
    // No more than what is outstanding can be there.
    if (const auto got = socket_->receive(load_->batch, load_->options.outstanding); !got)
      give_up("peer_holler", got.error().message());
    const auto now = holler::monotonic_now();
    for (const auto& datagram : load_->batch.datagrams()) {
      holler::Arrival arrival{
          .from = datagram.from, .bytes = datagram.bytes, .truncated = datagram.truncated};
      do {
        arrival.bytes = requester_.handle_datagram(now, arrival).rest;
        arrival.continued = true;
      } while (!arrival.bytes.empty());
      report(now);
    }
    if (socket_->errors_waiting()) (void)socket_->receive_errors();
    transmit(now);
  }
  void look_after() {
    const auto now = holler::monotonic_now();
    if (requester_.next_timeout() > now) return;
    requester_.handle_timeout(now);
    report(now);
    transmit(now);
  }
  [[nodiscard]] std::uint64_t take_retransmitted() { return requester_.take_stats().retransmitted; }

 private:
  void ask(holler::Timestamp now) {
    const auto begun = requester_.start(now, load_->peer, load_->payload);
    if (begun.status != holler::StartStatus::started) give_up("peer_holler", "a question was not taken");
    if (begun.handle.slot >= started_.size()) started_.resize(begun.handle.slot + 1);
    started_[begun.handle.slot] = now;
  }
  void report(holler::Timestamp now) {
    while (const holler::RequestEvent* event = requester_.next_event()) {
      if (event->outcome != holler::Outcome::answered) {
        load_->meter.lost(1);
      } else if (event->payload.size() != load_->payload.size()) {
        give_up("peer_holler", "an answer of another size");
      } else {
        load_->meter.answered();
        load_->meter.took(static_cast<std::uint64_t>((now - started_[event->request.slot]).count()));
      }
      ask(now);
    }
  }
  /// What leaves at once leaves in one call, and in as few datagrams as may be.
  void transmit(holler::Timestamp now) {
    bool more = true;
    while (more) {
      more = false;
      outgoing_.clear();
      std::size_t used = 0;
      holler::Bundler bundler;
      while (load_->block.size() - used >= kMessageRoomBytes) {
        const auto room = holler::MutableBytes{load_->block}.subspan(used);
        holler::Transmit out;
        if (!requester_.poll_transmit(now, room, out)) break;
        more = true;
        const auto path = [&](const holler::Way&) { return load_->path_bytes; };
        if (load_->bundles && bundler.add({.to = out.to}, out.sharing, out.bytes, path)) {
          holler::Bytes& bytes = outgoing_.back().bytes;
          bytes = {bytes.data(), bytes.size() + out.bytes};
        } else {
          outgoing_.push_back({.to = out.to, .bytes = holler::Bytes{room}.first(out.bytes)});
        }
        used += out.bytes;
      }
      // What the kernel does not take is lost like any other datagram, and repeated like it.
      if (!outgoing_.empty()) (void)socket_->send(outgoing_);
    }
  }

  Load* load_;
  std::unique_ptr<holler::UdpSocket> socket_;
  holler::Requester requester_;
  std::vector<holler::Timestamp> started_;  // by slot
  std::vector<holler::OutgoingDatagram> outgoing_;
};

}  // namespace

int load_by_machines(const Options& options, bool bundles) {
  Load load{options, bundles};
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::size_t i = 0; i < options.clients; ++i) {
    askers.push_back(std::make_unique<Asker>(load));
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (::epoll_ctl(poller, EPOLL_CTL_ADD, askers.back()->descriptor(), &event) != 0) give_up("epoll_ctl");
  }
  for (const auto& asker : askers) asker->begin();
  std::array<epoll_event, 256> events{};
  std::uint64_t looked_after = 0;
  for (std::uint64_t now = now_ns(); load.meter.go_on(now); now = now_ns()) {
    const int got = ::epoll_wait(poller, events.data(), events.size(), 5);
    for (int i = 0; i < got; ++i) askers[events[static_cast<std::size_t>(i)].data.u64]->receive();
    if (now - looked_after < kTimerEvery) continue;
    looked_after = now;
    for (const auto& asker : askers) {
      asker->look_after();
      load.meter.retransmitted(asker->take_retransmitted());
    }
  }
  return load.meter.report();
}

}  // namespace peers
