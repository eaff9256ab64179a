#include "runtime/lane.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "net/route.hpp"
#include "runtime/ask_result.hpp"
#include "runtime/fresh_ports.hpp"

namespace holler {
namespace {

/// One reply is expected, and the kernel looks for a second only where there is a place for it: seen on
/// Linux 6.18, the vain look costs 4 % of a round trip on loopback.
constexpr std::size_t kBatchDatagrams = 1;

/// A look costs the kernel half a microsecond, and reading the clock a twentieth of it.
constexpr int kLooksOfOneClockReading = 4;

constexpr std::uint64_t kSocketToken = 0;
constexpr std::uint64_t kWakeToken = 1;

}  // namespace

Result<std::unique_ptr<Lane>> Lane::open(const ClientOptions& options, const Endpoint& peer) {
  const auto source = source_for(options, peer);
  if (!source) return failure(source.error());
  SocketOptions socket_settings = socket_options(options);
  socket_settings.coalesce = false;          // one reply comes at a time
  socket_settings.tell_destination = false;  // it can only be the address that the socket is bound to
  Endpoint local = *source;
  if (local.address.is_wildcard()) {
    const auto chosen = source_toward(peer, local.address, socket_settings);
    if (!chosen) return failure(chosen.error());
    local.address = *chosen;
  }
  auto socket = options.codec->traits().fresh_port ? bind_fresh(monotonic_now(), local, socket_settings)
                                                   : UdpSocket::bind(local, socket_settings);
  if (!socket) return failure(std::move(socket.error()));
  if (!source->address.is_wildcard()) {  // after what bind(2) has to say of an address that is not ours
    const auto way = source_toward(peer, local.address, socket_settings);
    if (!way) return failure(way.error());
  }
  const Endpoint name = socket->local_address();
  return std::unique_ptr<Lane>{new Lane{options, std::move(*socket), name}};
}

Lane::Lane(const ClientOptions& options, UdpSocket socket, const Endpoint& local)
    : socket_{std::move(socket)},
      local_{local},
      fresh_port_{options.codec->traits().fresh_port},
      lookout_{options.spin, salt_of(this)},
      loop_{options,
            {.socket_of = [this](std::uint32_t) { return &socket_; },
             .local_of = [this](std::uint32_t) { return local_; }},
            kBatchDatagrams} {}

Result<Reply> Lane::ask(Timestamp now, const Endpoint& peer, Bytes payload, const AskOptions& options) {
  if (options.stop.stop_possible() && !poller_) {  // before anybody can stop it: the callback uses `wake_`
    if (auto watching = watch(); !watching) return failure(std::move(watching.error()));
  }
  Requester& requester = loop_.requester();
  const StartResult started = requester.start(now, peer, payload, request_options(options, 0));
  if (started.status != StartStatus::started) {
    return failure(start_error(started.status, peer, requester.payload_bytes_max(peer)));
  }
  reusable_ = found_no_way_ = false;
  std::optional<Result<Reply>> result;
  const auto ended = [&](const RequestEvent& event) {
    reusable_ = event.outcome == Outcome::refused || event.outcome == Outcome::answered || event.heard;
    if (fresh_port_) retire_port(monotonic_now(), local_.port, event);
    result = result_of(event, local_);
  };
  const AskLoop::OnEnd on_end = std::ref(ended);  // by reference: it needs no memory of its own
  const std::stop_callback on_stop{options.stop, [this] {
                                     if (wake_) wake_->notify();
                                   }};
  Timestamp awake_until = Timestamp::min();
  std::uint64_t sent = requester.stats().transmitted;
  while (!result) {
    const UdpSocket* blocked = loop_.transmit(now, on_end);
    found_no_way_ = found_no_way_ || loop_.found_no_way(started.handle);
    if (result) break;
    if (found_no_way_ && asked_before_) {  // whoever owns this lane has a better idea than to repeat it
      requester.cancel(now, started.handle);
      loop_.report_ended(on_end);
      break;
    }
    if (std::exchange(sent, requester.stats().transmitted) != sent) {
      const Duration patience = lookout_.begin();
      if (patience > Duration::zero()) awake_until = later(now, patience);
    }
    auto received = Result<std::size_t>{0};
    if (now < awake_until && blocked == nullptr) {
      received = look(std::min(awake_until, requester.next_timeout()), options.stop, on_end);
      lookout_.end(monotonic_now() - now, received && *received > 0);
    } else {
      const auto ready = wait(requester.next_timeout() - now, blocked != nullptr, options.stop);
      if (!ready) received = failure(ready.error());
      if (ready && *ready) received = loop_.receive(0, true, on_end);
    }
    if (result && received) break;
    now = monotonic_now();
    if (!received) {
      requester.cancel(now, started.handle);
      loop_.report_ended(on_end);
      reusable_ = false;
      Error error = std::move(received.error());
      error.maybe_done = result && !*result && result->error().maybe_done;
      return failure(std::move(error));
    }
    if (options.stop.stop_requested()) requester.cancel(now, started.handle);
    requester.handle_timeout(now);
  }
  asked_before_ = true;
  return std::move(*result);
}

/// Takes in what arrives until then, without sleeping: at once, or after many vain looks.
Result<std::size_t> Lane::look(Timestamp until, const std::stop_token& stop, const AskLoop::OnEnd& on_end) {
  auto received = Result<std::size_t>{0};
  do {
    for (int look = 0; look < kLooksOfOneClockReading && received && *received == 0; ++look) {
      received = loop_.receive(0, false, on_end);
    }
  } while (received && *received == 0 && monotonic_now() < until && !stop.stop_requested());
  return received;
}

Result<bool> Lane::wait(Duration timeout, bool for_room, const std::stop_token& stop) {
  timeout = std::max(timeout, Duration::zero());
  if (!for_room && !stop.stop_possible()) return socket_.wait(timeout);
  if (!poller_) {
    if (auto watching = watch(); !watching) return failure(std::move(watching.error()));
  }
  if (for_room) poller_->want_write(socket_.native_handle(), kSocketToken, true);
  const auto ready = poller_->wait(timeout);
  if (for_room) poller_->want_write(socket_.native_handle(), kSocketToken, false);
  if (!ready) return failure(ready.error());
  bool readable = false;
  for (const std::uint64_t token : *ready) {
    if (token == kWakeToken) wake_->drain();
    readable = readable || token == kSocketToken;
  }
  return readable;
}

Result<void> Lane::watch() {
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(socket_.native_handle(), kSocketToken); !added) return added;
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added) return added;
  poller_ = std::move(*poller);
  wake_ = std::move(*wake);
  return {};
}

}  // namespace holler
