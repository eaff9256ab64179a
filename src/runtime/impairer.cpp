#include "holler/impairer.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>

#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "net/poller.hpp"
#include "runtime/delay_queue.hpp"
#include "runtime/relay_clients.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kListenToken = 0;
constexpr std::uint64_t kWakeToken = 1;
constexpr std::uint64_t kFirstClientToken = 2;
/// How long a client must have been idle to make room for another: one that is in the middle of something
/// would lose the answer.
constexpr Duration kIdleEnough = 1s;
constexpr Duration kIdleLeast = 1ms;
/// When to try again where the kernel has no room for a datagram to send.
constexpr Duration kSendAgainAfter = 1ms;
/// How often the kernel is asked what it dropped: a system call for each client.
constexpr Duration kKernelDropsEvery = 250ms;

/// One direction: its link, and what became of what came along.
struct Way {
  Way(ImpairedWay settings, std::uint64_t seed)
      : link{settings.link},
        outages{std::move(settings.outages)},
        delay_steps{std::move(settings.delay_steps)},
        random{seed} {}

  [[nodiscard]] Passage carry(Timestamp now, Duration since_start, std::size_t bytes) {
    const auto covers = [since_start](const Outage& outage) {
      return since_start >= outage.start && since_start - outage.start < outage.length;
    };
    link.settings.blocked = always_blocked || std::any_of(outages.begin(), outages.end(), covers);
    Duration begun{};
    for (const DelayStep& step : delay_steps) {
      if (since_start < step.start || step.start < begun) continue;
      begun = step.start;
      link.settings.delay = step.delay;
    }
    const Passage passage = link.carry(now, bytes, random);
    if (passage.loss != Loss::none) ++stats.lost.at(static_cast<std::size_t>(passage.loss));
    if (passage.held_back) ++stats.held_back;
    if (passage.count > 1) stats.duplicated += passage.count - 1;
    return passage;
  }

  void count_icmp(const std::vector<SocketError>& errors) {
    for (const SocketError& error : errors) {
      if (error.local) continue;
      ++(error.system_errno == ECONNREFUSED ? stats.refused : stats.unreachable);
    }
  }

  Link link;
  std::vector<Outage> outages;
  std::vector<DelayStep> delay_steps;
  SeededRandom random;
  WayStats stats;
  bool always_blocked = link.settings.blocked;
};

/// The target must not be the relay, which would ask itself until it has no socket left. A host reaches its
/// own addresses from those very addresses.
Result<void> check_target(const Endpoint& target, const Endpoint& local) {
  // What is sent to a group is answered from other addresses, which a connected socket does not hear.
  if (target.address.is_wildcard() || target.address.is_multicast() || target.port == 0) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = "relay to",
                    .endpoint = target,
                    .advice = "name one address and a port",
                    .payload_bytes_max = {}});
  }
  const auto probe = UdpSocket::connected(target);
  if (!probe) return failure(probe.error());
  const bool ours = target.address.is_loopback() || probe->local_address().address == target.address;
  const bool heard = target.address == local.address ||
                     (local.address.is_wildcard() && (local.address.is_v6() || target.address.is_v4()));
  if (target.port != local.port || !ours || !heard) return {};
  return failure({.code = ErrorCode::invalid_argument,
                  .attempted = "relay to",
                  .endpoint = target,
                  .advice = "the relay itself listens there; listen on another port",
                  .payload_bytes_max = {}});
}

}  // namespace

struct Impairer::State {
  State(ImpairerOptions settings, std::pair<std::uint64_t, std::uint64_t> seeds, UdpSocket bound,
        Poller epoll, WakeEvent waker)
      : options{std::move(settings)},
        socket{std::move(bound)},
        poller{std::move(epoll)},
        wake{std::move(waker)},
        up{options.up, seeds.first},
        down{options.down, seeds.second},
        queue{options.pending_datagrams_max, options.pending_bytes_max} {}

  Result<void> run(const std::stop_token& stop);
  [[nodiscard]] Timestamp next_timeout() const;
  Result<void> receive_up();
  void receive_down(std::uint32_t number);
  std::uint32_t client_for(Timestamp now, const ReceivedDatagram& datagram);
  bool make_room(Timestamp now);
  void carry(Way& way, Timestamp now, std::uint32_t number, Bytes bytes);
  void deliver(Way& way, Timestamp now, std::uint32_t number, Bytes bytes);
  void postpone(Way& way, Timestamp when, std::uint32_t number, Bytes bytes);
  void deliver_due(Timestamp now);
  void close_idle(Timestamp now);
  void close(std::uint32_t number);
  void publish(Timestamp now, bool at_the_end);

  const ImpairerOptions options;
  const Duration idle_max = std::max(options.idle_max, kIdleLeast);
  UdpSocket socket;
  Poller poller;
  WakeEvent wake;
  Way up;
  Way down;
  RelayClients clients;
  DelayQueue queue;
  ReceiveBatch batch;
  ByteVector altered;
  std::optional<Timestamp> start;
  std::uint64_t clients_most = 0;
  std::uint64_t clients_total = 0;
  std::uint64_t drops_of_closed = 0;
  Timestamp drops_read;
  bool drops_stale = true;

  mutable std::mutex mutex;
  ImpairerStats published;
};

Result<void> Impairer::State::run(const std::stop_token& stop) {
  const std::stop_callback on_stop{stop, [this] { wake.notify(); }};
  Timestamp now = monotonic_now();
  if (!start) start = now;
  while (!stop.stop_requested()) {
    const Timestamp next = next_timeout();
    const auto ready = poller.wait(next == kNever ? kForever : next - now);
    if (!ready) return failure(ready.error());
    now = monotonic_now();
    deliver_due(now);
    for (const std::uint64_t token : *ready) {
      if (token == kWakeToken) {
        wake.drain();
      } else if (token == kListenToken) {
        if (auto received = receive_up(); !received) return received;
      } else {
        receive_down(static_cast<std::uint32_t>(token - kFirstClientToken));
      }
    }
    close_idle(now);
    publish(now, false);
    now = monotonic_now();
  }
  publish(now, true);
  return {};
}

Timestamp Impairer::State::next_timeout() const {
  const Timestamp used = clients.oldest_use();
  const Timestamp idle = used == kNever ? kNever : later(used, idle_max);
  const Timestamp counted = drops_stale ? later(drops_read, kKernelDropsEvery) : kNever;
  return std::min({queue.next(), idle, counted});
}

Result<void> Impairer::State::receive_up() {
  const auto count = socket.receive(batch);
  if (!count) return failure(count.error());
  // Not before: a delay from before it came would be too short.
  const Timestamp now = monotonic_now();
  for (const ReceivedDatagram& datagram : batch.datagrams()) {
    ++up.stats.received;
    up.stats.received_bytes += datagram.bytes.size();
    const std::uint32_t number = client_for(now, datagram);
    if (number != RelayClients::kNone) carry(up, now, number, datagram.bytes);
  }
  // These are about what was sent to clients: they have gone.
  if (*count == 0 || socket.errors_waiting()) down.count_icmp(socket.receive_errors());
  return {};
}

void Impairer::State::receive_down(std::uint32_t number) {
  if (!clients.has(number)) return;  // closed in this round
  UdpSocket& from_target = clients.at(number).socket;
  const auto count = from_target.receive(batch);
  if (!count) return poller.remove(from_target.native_handle());
  const Timestamp now = monotonic_now();
  if (*count != 0) clients.touch(number, now);
  if (*count == 0 || from_target.errors_waiting()) up.count_icmp(from_target.receive_errors());
  for (const ReceivedDatagram& datagram : batch.datagrams()) {
    ++down.stats.received;
    down.stats.received_bytes += datagram.bytes.size();
    carry(down, now, number, datagram.bytes);
  }
}

std::uint32_t Impairer::State::client_for(Timestamp now, const ReceivedDatagram& datagram) {
  const RelayName name{.from = datagram.from, .asked = datagram.reply_from};
  if (const std::uint32_t known = clients.find(name); known != RelayClients::kNone) {
    clients.touch(known, now);
    return known;
  }
  if (clients.size() >= options.clients_max && !make_room(now)) {
    ++up.stats.no_client;
    return RelayClients::kNone;
  }
  const SocketOptions how{.receive_buffer_bytes = options.receive_buffer_bytes};
  auto toward_target = UdpSocket::connected(options.target, {}, how);
  if (!toward_target && toward_target.error().code == ErrorCode::out_of_resources && make_room(now)) {
    toward_target = UdpSocket::connected(options.target, {}, how);
  }
  if (!toward_target) {
    ++up.stats.no_client;
    return RelayClients::kNone;
  }
  const int descriptor = toward_target->native_handle();
  const std::uint32_t number =
      clients.add({.name = name,
                   .interface = datagram.delivery == Delivery::unicast ? 0 : datagram.interface,
                   .socket = std::move(*toward_target),
                   .used = now});
  if (!poller.add(descriptor, kFirstClientToken + number)) {
    clients.remove(number);
    ++up.stats.no_client;
    return RelayClients::kNone;
  }
  ++clients_total;
  clients_most = std::max<std::uint64_t>(clients_most, clients.size());
  return number;
}

bool Impairer::State::make_room(Timestamp now) {
  const std::uint32_t oldest = clients.oldest_idle();
  if (oldest == RelayClients::kNone || now - clients.at(oldest).used < kIdleEnough) return false;
  close(oldest);
  return true;
}

void Impairer::State::carry(Way& way, Timestamp now, std::uint32_t number, Bytes bytes) {
  const Passage passage = way.carry(now, now - *start, packet_bytes(options.target.address, bytes.size()));
  for (const Passage::Arrival& arrival : passage.arrivals()) {
    Bytes arriving = bytes;
    if (arrival.damage != 0) {
      altered.assign(bytes.begin(), bytes.end());
      if (damage(altered, arrival.damage)) ++way.stats.corrupted;
      arriving = altered;
    }
    if (arrival.when <= now) {
      deliver(way, now, number, arriving);
    } else {
      postpone(way, arrival.when, number, arriving);
    }
  }
}

void Impairer::State::deliver(Way& way, Timestamp now, std::uint32_t number, Bytes bytes) {
  RelayClient& client = clients.at(number);
  const bool is_up = &way == &up;
  UdpSocket& through = is_up ? client.socket : socket;
  OutgoingDatagram datagram{.to = options.target, .from = {}, .bytes = bytes};
  if (!is_up) {
    datagram.to = client.name.from;
    datagram.from = client.name.asked;
    datagram.interface = client.interface;
  }
  const SendReport report = through.send({&datagram, 1});
  // An old ICMP error in the way is gone then, and counted.
  if (through.errors_waiting()) way.count_icmp(through.receive_errors());
  if (report.accepted == 1) {
    ++way.stats.delivered;
    way.stats.delivered_bytes += bytes.size();
  } else if (report.error) {
    ++way.stats.send_failed;
  } else {
    postpone(way, later(now, kSendAgainAfter), number, bytes);
  }
}

void Impairer::State::postpone(Way& way, Timestamp when, std::uint32_t number, Bytes bytes) {
  if (!queue.push(when, number, &way == &up, copy_of(bytes))) {
    ++way.stats.no_room;
    return;
  }
  ++way.stats.pending;
  ++clients.at(number).pending;
}

void Impairer::State::deliver_due(Timestamp now) {
  while (queue.next() <= now) {
    const Delayed due = queue.pop();
    Way& way = due.up ? up : down;
    --way.stats.pending;
    --clients.at(due.client).pending;
    deliver(way, now, due.client, due.bytes);
  }
}

void Impairer::State::close_idle(Timestamp now) {
  while (later(clients.oldest_use(), idle_max) <= now) {
    const std::uint32_t oldest = clients.oldest();
    if (clients.at(oldest).pending == 0) {
      close(oldest);
    } else {
      clients.touch(oldest, now);
    }
  }
}

void Impairer::State::close(std::uint32_t number) {
  const UdpSocket& closing = clients.at(number).socket;
  drops_of_closed += closing.kernel_drops();
  poller.remove(closing.native_handle());
  clients.remove(number);
}

void Impairer::State::publish(Timestamp now, bool at_the_end) {
  drops_stale = !at_the_end && now < later(drops_read, kKernelDropsEvery);
  if (!drops_stale) {
    drops_read = now;
    up.stats.kernel_drops = socket.kernel_drops();
    down.stats.kernel_drops = drops_of_closed;
    clients.for_each(
        [this](const RelayClient& client) { down.stats.kernel_drops += client.socket.kernel_drops(); });
  }
  const std::scoped_lock lock{mutex};
  published = {.up = up.stats,
               .down = down.stats,
               .clients = clients.size(),
               .clients_most = clients_most,
               .clients_total = clients_total};
}

Result<Impairer> Impairer::open(ImpairerOptions options) {
  auto socket = UdpSocket::bind(options.listen, {.receive_buffer_bytes = options.receive_buffer_bytes});
  if (!socket) return failure(std::move(socket.error()));
  if (auto fit = check_target(options.target, socket->local_address()); !fit) return failure(fit.error());
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(socket->native_handle(), kListenToken); !added) return failure(added.error());
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added) return failure(added.error());
  // One generator for each direction: what comes down must not change the luck of what goes up.
  SeededRandom seeds{options.seed};
  const std::uint64_t seed_up = seeds.next();
  const std::uint64_t seed_down = seeds.next();
  return Impairer{std::make_unique<State>(std::move(options), std::pair{seed_up, seed_down},
                                          std::move(*socket), std::move(*poller), std::move(*wake))};
}

Impairer::Impairer(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Impairer::Impairer(Impairer&&) noexcept = default;
Impairer& Impairer::operator=(Impairer&&) noexcept = default;
Impairer::~Impairer() = default;

Result<void> Impairer::run(const std::stop_token& stop) { return state_->run(stop); }
Endpoint Impairer::local_address() const { return state_->socket.local_address(); }

ImpairerStats Impairer::stats() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->published;
}

}  // namespace holler
