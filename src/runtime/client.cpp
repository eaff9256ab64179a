#include "holler/client.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "holler/names.hpp"

#include "runtime/ask_result.hpp"
#include "runtime/async_asks.hpp"
#include "runtime/lane.hpp"

namespace holler {
namespace {

constexpr std::size_t kIdleLanesMax = 64;  // sockets kept open for the next question
constexpr std::size_t kPeersRememberedMax = 1U << 16U;

/// Not where this address may have done it already: the same server may be at the others.
bool worth_another_address(const Error& error, const AskOptions& options) {
  if (error.maybe_done && !options.repeatable) return false;
  return error.code == ErrorCode::refused || error.code == ErrorCode::unreachable;
}

}  // namespace

/// Guards itself: any thread may use any part of it.
struct Client::State {
  explicit State(ClientOptions settings) : options{std::move(settings)} {}

  /// A lane, and the one peer that is asked on it.
  struct PeerLane {
    Endpoint peer;
    std::unique_ptr<Lane> lane;
    PeerMemory* memory = nullptr;  // in `peers`; nullptr: it remembers nothing of this one
  };

  /// An idle lane, or none.
  std::optional<PeerLane> take_lane(const Endpoint& peer);
  Result<PeerLane> open_lane(const Endpoint& peer);
  Result<Reply> ask(const Endpoint& peer, Bytes payload, const AskOptions& question);
  void give_back(PeerLane lane);
  /// Under the lock.
  void close(PeerLane& lane);
  Result<std::shared_ptr<AsyncAsks>> async_asks();
  /// Ends what is outstanding; nothing is asked any more.
  void end();

  const ClientOptions options;
  mutable std::mutex mutex;
  std::vector<PeerLane> idle_lanes;                // the one that was used last is the last
  std::unordered_map<Endpoint, PeerMemory> peers;  // none is ever removed
  RequesterStats stats;                            // beside what the idle lanes have not told yet
  std::uint64_t lost_in_closed_lanes = 0;
  std::shared_ptr<AsyncAsks> async;
  std::atomic<AsyncAsks*> started{nullptr};  // `async`, for those who need not wait for the lock
};

std::optional<Client::State::PeerLane> Client::State::take_lane(const Endpoint& peer) {
  const std::scoped_lock lock{mutex};
  for (auto idle = idle_lanes.end(); idle != idle_lanes.begin();) {
    if ((--idle)->peer != peer) continue;
    PeerLane lane = std::move(*idle);
    idle_lanes.erase(idle);
    return lane;
  }
  if (options.source && options.source->port != 0) {  // the lane of another peer holds that port
    for (PeerLane& lane : idle_lanes) close(lane);
    idle_lanes.clear();
  }
  return std::nullopt;
}

Result<Client::State::PeerLane> Client::State::open_lane(const Endpoint& peer) {
  auto lane = Lane::open(options, peer);
  if (!lane) return failure(std::move(lane.error()));
  const std::scoped_lock lock{mutex};
  PeerLane opened{.peer = peer, .lane = std::move(*lane)};
  if (const auto known = peers.find(peer); known != peers.end()) {
    opened.memory = &known->second;
    opened.lane->requester().remember(peer, known->second);
  }
  return opened;
}

Result<Reply> Client::State::ask(const Endpoint& peer, Bytes payload, const AskOptions& question) {
  const Timestamp now = monotonic_now();
  if (auto used = take_lane(peer)) {
    auto result = used->lane->ask(now, peer, payload, question);
    const bool found_no_way = used->lane->found_no_way();
    give_back(std::move(*used));
    if (!found_no_way) return result;
  }
  // The address that the socket of the other lane was bound to has gone, or the route: see whether there is
  // another.
  auto opened = open_lane(peer);
  if (!opened) return failure(std::move(opened.error()));
  AskOptions rest = question;
  const Timestamp opened_at = monotonic_now();
  if (rest.deadline != kForever)
    rest.deadline = std::max(rest.deadline, Duration::zero()) - (opened_at - now);
  auto result = opened->lane->ask(opened_at, peer, payload, rest);
  give_back(std::move(*opened));
  return result;
}

void Client::State::give_back(PeerLane lane) {
  const auto learned = lane.lane->requester().recall(lane.peer);
  const std::scoped_lock lock{mutex};
  if (learned && lane.memory == nullptr) {
    const auto known = peers.find(lane.peer);
    if (known != peers.end()) {
      lane.memory = &known->second;
    } else if (peers.size() < kPeersRememberedMax) {
      lane.memory = &peers[lane.peer];
    }
  }
  if (learned && lane.memory != nullptr) *lane.memory = *learned;
  stats += lane.lane->take_stats();
  if (options.codec->traits().fresh_port || !lane.lane->reusable() || idle_lanes.size() >= kIdleLanesMax) {
    close(lane);
    return;
  }
  idle_lanes.push_back(std::move(lane));
}

void Client::State::close(PeerLane& lane) {
  stats += lane.lane->take_stats();
  lost_in_closed_lanes += lane.lane->kernel_drops();
  lane.lane.reset();
}

Result<std::shared_ptr<AsyncAsks>> Client::State::async_asks() {
  const std::scoped_lock lock{mutex};
  if (!async) {
    auto begun = AsyncAsks::start(options);
    if (!begun) return begun;
    async = std::move(*begun);
    started.store(async.get(), std::memory_order_release);
  }
  return async;
}

void Client::State::end() {
  std::shared_ptr<AsyncAsks> ending;
  {
    const std::scoped_lock lock{mutex};
    ending = async;
  }
  if (ending) ending->end();  // without the lock: callbacks may want it
}

void PendingAsk::cancel() {
  // Nothing of this object changes: several threads may cancel at once. A second time finds nothing to end.
  if (client_ == 0) return;
  if (const auto asks = AsyncAsks::find(client_)) asks->cancel(ask_);
}

Result<Client> Client::open(ClientOptions options) {
  if (options.codec == nullptr) {
    return failure({.code = ErrorCode::invalid_argument,
                    .system_errno = 0,
                    .attempted = "open a client",
                    .endpoint = {},
                    .advice = "name a codec, such as holler_codec()",
                    .payload_bytes_max = {}});
  }
  if (options.source || !options.interface.empty()) {
    // Find out now whether the source can be used, not with the first question.
    const auto probe = UdpSocket::bind(options.source.value_or(Endpoint{}), socket_options(options));
    if (!probe) return failure(probe.error());
  }
  return Client{std::make_shared<State>(std::move(options))};
}

Client::Client(std::shared_ptr<State> state) noexcept : state_{std::move(state)} {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    if (state_) state_->end();
    state_ = std::move(other.state_);
  }
  return *this;
}

Client::~Client() {
  if (state_) state_->end();
}

Result<Reply> Client::ask(std::string_view peer, std::string_view payload, const AskOptions& options) {
  const auto target = split_host_port(peer);
  if (!target) return failure(target.error());
  const auto endpoints = resolve(target->host, target->port);
  if (!endpoints) return failure(endpoints.error());
  const Timestamp give_up = later(monotonic_now(), std::max(options.deadline, Duration::zero()));
  Result<Reply> result = ask(endpoints->front(), bytes_of(payload), options);
  for (std::size_t i = 1; i < endpoints->size() && !result && worth_another_address(result.error(), options);
       ++i) {
    AskOptions rest = options;
    if (give_up != kNever) rest.deadline = give_up - monotonic_now();
    if (rest.deadline <= Duration::zero()) break;
    result = ask((*endpoints)[i], bytes_of(payload), rest);
  }
  return result;
}

Result<Reply> Client::ask(const Endpoint& peer, Bytes payload, const AskOptions& options) {
  const Endpoint target = on_interface(state_->options, peer);
  if (options.stop.stop_requested()) {
    return result_of({.outcome = Outcome::cancelled, .peer = target, .from = target, .payload = {}}, {});
  }
  return state_->ask(target, payload, options);
}

PendingAsk Client::ask_async(const Endpoint& peer, Bytes payload, const AskOptions& options, Callback done) {
  AsyncAsks* asks = state_->started.load(std::memory_order_acquire);
  if (asks == nullptr) {
    const auto begun = state_->async_asks();
    if (!begun) {
      if (done) done(failure(begun.error()));
      return {};
    }
    asks = begun->get();
  }
  PendingAsk pending;
  const std::uint64_t name = asks->name();  // before it: the callback may end the client
  pending.ask_ = asks->submit(peer, payload, options, std::move(done));
  if (pending.ask_ != AsyncAsks::kNotTaken) pending.client_ = name;
  return pending;
}

std::size_t Client::outstanding() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->async ? state_->async->outstanding() : 0;
}

std::size_t Client::payload_bytes_max(const Endpoint& peer) const noexcept {
  const RequesterOptions& limits = state_->options.requester;
  const std::size_t datagram = std::min(limits.datagram_bytes_max, holler::payload_bytes_max(peer.address));
  return datagram - std::min(datagram, state_->options.codec->traits().request_overhead_bytes);
}

RequesterStats Client::stats() const {
  const std::scoped_lock lock{state_->mutex};
  for (const auto& idle : state_->idle_lanes) state_->stats += idle.lane->take_stats();
  RequesterStats sum = state_->stats;
  if (state_->async) sum += state_->async->stats();
  return sum;
}

std::uint64_t Client::kernel_drops() const {
  const std::scoped_lock lock{state_->mutex};
  std::uint64_t sum = state_->lost_in_closed_lanes;
  for (const auto& idle : state_->idle_lanes) sum += idle.lane->kernel_drops();
  return sum + (state_->async ? state_->async->kernel_drops() : 0);
}

}  // namespace holler
