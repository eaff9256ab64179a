#include "holler_machines.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <utility>
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
constexpr int kTimerMillis = 5;  // far below any wait of the engine's
constexpr holler::Duration kTimerEvery = std::chrono::milliseconds{kTimerMillis};

/// Of a question or an answer, whichever is longer.
std::size_t holler_message_bytes(const Options& options) {
  return holler::holler_codec().traits().request_overhead_bytes + options.bytes;
}

/// What the askers of one load have in common.
struct Load {
  Load(const Options& given, bool may_bundle)
      : options{given},
        bundles{may_bundle},
        peer{endpoint_of(given)},
        path_bytes{path_payload_bytes(socket_address(given))},
        one_datagram{(bundles || given.outstanding == 1) &&
                     given.outstanding * holler_message_bytes(given) <= path_bytes},
        messages_at_once{one_datagram ? std::size_t{1} : std::size_t{32}},
        payload(given.bytes),
        block(kBlockBytes),
        batch{messages_at_once},
        meter{given} {}

  Options options;
  bool bundles;
  holler::Endpoint peer;
  std::size_t path_bytes;
  bool one_datagram;             // holds all that is outstanding
  std::size_t messages_at_once;  // of a receiving call
  holler::ByteVector payload;
  holler::ByteVector block;  // what is about to be sent
  std::vector<holler::OutgoingDatagram> outgoing;
  holler::ReceiveBatch batch;
  holler::SystemRandom random;
  Meter meter;
};

holler::UdpSocket open_socket(const Load& load) {
  const holler::SocketOptions options{.receive_buffer_bytes = kReceiveBufferBytes,
                                      .coalesce = !load.one_datagram,
                                      .tell_waits = false,
                                      .tell_destination = false};
  auto socket = holler::UdpSocket::connected(load.peer, {}, options);
  if (!socket) give_up("peer_holler", socket.error().message());
  return std::move(*socket);
}

/// A requester and its socket.
class Asker {
 public:
  explicit Asker(Load& load)
      : load_{&load},
        socket_{open_socket(load)},
        requester_{holler::holler_codec(),
                   load.random,
                   {.outstanding_max = load.options.outstanding, .bundles = load.bundles}} {}

  [[nodiscard]] int descriptor() const { return socket_.native_handle(); }
  void begin(holler::Timestamp now) {
    for (std::size_t i = 0; i < load_->options.outstanding; ++i) ask(now);
    transmit(now);
  }
  /// Takes in what has arrived. The poller tells of each arrival once, so nothing that is awaited may stay
  /// behind; a look for more than that would nearly always be in vain.
  void receive() {
    std::size_t ended = 0;
    while (take_in(ended) >= load_->messages_at_once && ended < load_->options.outstanding) {
    }
    if (socket_.errors_waiting()) (void)socket_.receive_errors();
    transmit(load_->batch.read_at());
  }
  void look_after(holler::Timestamp now) {
    requester_.handle_timeout(now);
    report(now);
    transmit(now);
  }
  [[nodiscard]] holler::Timestamp next_timeout() const { return requester_.next_timeout(); }
  [[nodiscard]] std::uint64_t take_retransmitted() { return requester_.take_stats().retransmitted; }

 private:
  /// @param ended  the questions that have been answered by it, or have ended otherwise, are added to it
  /// @return how many datagrams
  std::size_t take_in(std::size_t& ended) {
    const auto got = socket_.receive(load_->batch);
    if (!got) give_up("peer_holler", got.error().message());
    const auto now = load_->batch.read_at();
    for (const auto& datagram : load_->batch.datagrams()) {
      holler::Arrival arrival{
          .from = datagram.from, .bytes = datagram.bytes, .truncated = datagram.truncated};
      do {
        arrival.bytes = requester_.handle_datagram(now, arrival).rest;
        arrival.continued = true;
      } while (!arrival.bytes.empty());
      ended += report(now);
    }
    return *got;
  }
  void ask(holler::Timestamp now) {
    if (requester_.start(now, load_->peer, load_->payload).status != holler::StartStatus::started)
      give_up("peer_holler", "a question was not taken");
  }
  /// @return how many questions have ended
  std::size_t report(holler::Timestamp now) {
    std::size_t ended = 0;
    while (const holler::RequestEvent* event = requester_.next_event()) {
      ++ended;
      if (event->outcome != holler::Outcome::answered) {
        load_->meter.lost(1);
      } else if (event->payload.size() != load_->payload.size()) {
        give_up("peer_holler", "an answer of another size");
      } else {
        load_->meter.answered();
        load_->meter.took(static_cast<std::uint64_t>(event->elapsed.count()));
      }
      ask(now);
    }
    return ended;
  }
  /// What leaves at once leaves in one call, and in as few datagrams as may be.
  void transmit(holler::Timestamp now) {
    auto& outgoing = load_->outgoing;
    bool more = true;
    while (more) {
      outgoing.clear();
      std::size_t used = 0;
      holler::Bundler bundler;
      const auto path = [&](const holler::Way&) { return load_->path_bytes; };
      holler::Transmit out;
      for (;;) {
        const auto room = holler::MutableBytes{load_->block}.subspan(used);
        more = room.size() < kMessageRoomBytes;
        if (more || !requester_.poll_transmit(now, room, out)) break;
        if (load_->bundles && bundler.add({.to = out.to}, out.sharing, out.bytes, path)) {
          holler::Bytes& bytes = outgoing.back().bytes;
          bytes = {bytes.data(), bytes.size() + out.bytes};
        } else {
          outgoing.push_back({.to = out.to, .bytes = holler::Bytes{room}.first(out.bytes)});
        }
        used += out.bytes;
      }
      // What the kernel does not take is lost like any other datagram, and repeated like it.
      if (!outgoing.empty()) (void)socket_.send(outgoing);
    }
  }

  Load* load_;
  holler::UdpSocket socket_;
  holler::Requester requester_;
};

/// All askers, and when each of them has to be looked after: in one piece of memory, because to ask every
/// one of them would fetch them all into the processor's cache.
class Askers {
 public:
  explicit Askers(Load& load) : load_{&load}, poller_{::epoll_create1(EPOLL_CLOEXEC)} {
    askers_.reserve(load.options.clients);
    for (std::size_t i = 0; i < load.options.clients; ++i) {
      askers_.emplace_back(load);
      epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = i}};
      if (::epoll_ctl(poller_, EPOLL_CTL_ADD, askers_.back().descriptor(), &event) != 0) give_up("epoll_ctl");
    }
    for (Asker& asker : askers_) asker.begin(holler::monotonic_now());
    for (const Asker& asker : askers_) due_.push_back(asker.next_timeout());
  }

  void run() {
    std::array<epoll_event, 256> events{};
    auto look_after = holler::monotonic_now() + kTimerEvery;
    for (std::uint64_t now = now_ns(); load_->meter.go_on(now); now = now_ns()) {
      const int got = ::epoll_wait(poller_, events.data(), events.size(), kTimerMillis);
      for (int i = 0; i < got; ++i) {
        const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
        askers_[which].receive();
        due_[which] = askers_[which].next_timeout();
      }
      if (const auto time = holler::monotonic_now(); time >= look_after) {
        look_after_those_due(time);
        look_after = time + kTimerEvery;
      }
    }
    count_repeats();
  }

 private:
  void look_after_those_due(holler::Timestamp now) {
    for (std::size_t i = 0; i < askers_.size(); ++i) {
      if (due_[i] > now) continue;
      askers_[i].look_after(now);
      due_[i] = askers_[i].next_timeout();
    }
    if (++looks_ % kLooksOfOneCount == 0) count_repeats();
  }
  void count_repeats() {
    for (Asker& asker : askers_) load_->meter.retransmitted(asker.take_retransmitted());
  }

  static constexpr std::uint32_t kLooksOfOneCount = 20;

  Load* load_;
  int poller_;
  std::vector<Asker> askers_;
  std::vector<holler::Timestamp> due_;
  std::uint32_t looks_ = 0;
};

}  // namespace

int load_by_machines(const Options& options, bool bundles) {
  Load load{options, bundles};
  Askers{load}.run();
  return load.meter.report();
}

}  // namespace peers
