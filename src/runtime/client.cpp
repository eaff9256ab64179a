#include "holler/client.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
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

  /// An idle lane, or nullptr.
  std::unique_ptr<Lane> take_lane(const Endpoint& peer);
  Result<std::unique_ptr<Lane>> open_lane(const Endpoint& peer);
  Result<Reply> ask(std::unique_ptr<Lane>& lane, const Endpoint& peer, Bytes payload,
                    const AskOptions& question);
  void give_back(const Endpoint& peer, std::unique_ptr<Lane> lane);
  Result<std::shared_ptr<AsyncAsks>> async_asks();
  /// Ends what is outstanding; nothing is asked any more.
  void end();

  const ClientOptions options;
  mutable std::mutex mutex;
  std::unordered_map<Endpoint, std::vector<std::unique_ptr<Lane>>> idle_lanes;
  std::size_t idle_lane_count = 0;
  std::unordered_map<Endpoint, PeerMemory> peers;
  RequesterStats stats;
  std::uint64_t lost_in_closed_lanes = 0;
  std::shared_ptr<AsyncAsks> async;
  std::atomic<AsyncAsks*> started{nullptr};  // `async`, for those who need not wait for the lock
};

std::unique_ptr<Lane> Client::State::take_lane(const Endpoint& peer) {
  const std::scoped_lock lock{mutex};
  if (const auto idle = idle_lanes.find(peer); idle != idle_lanes.end()) {
    std::unique_ptr<Lane> lane = std::move(idle->second.back());
    idle->second.pop_back();
    if (idle->second.empty()) idle_lanes.erase(idle);
    --idle_lane_count;
    return lane;
  }
  if (options.source && options.source->port != 0) {  // the lane of another peer holds that port
    for (const auto& [other, lanes] : idle_lanes) {
      for (const auto& lane : lanes) lost_in_closed_lanes += lane->kernel_drops();
    }
    idle_lanes.clear();
    idle_lane_count = 0;
  }
  return nullptr;
}

Result<std::unique_ptr<Lane>> Client::State::open_lane(const Endpoint& peer) {
  auto lane = Lane::open(options, peer);
  if (!lane) return lane;
  const std::scoped_lock lock{mutex};
  if (const auto known = peers.find(peer); known != peers.end()) {
    (*lane)->requester().remember(peer, known->second);
  }
  return lane;
}

Result<Reply> Client::State::ask(std::unique_ptr<Lane>& lane, const Endpoint& peer, Bytes payload,
                                 const AskOptions& question) {
  const Timestamp give_up = later(monotonic_now(), std::max(question.deadline, Duration::zero()));
  AskOptions rest = question;
  lane = take_lane(peer);
  if (lane) {
    auto result = lane->ask(peer, payload, question);
    if (!lane->found_no_way()) return result;
    // The address that its socket was bound to has gone, or the route: see whether there is another.
    give_back(peer, std::move(lane));
    if (give_up != kNever) rest.deadline = give_up - monotonic_now();
  }
  auto opened = open_lane(peer);
  if (!opened) return failure(std::move(opened.error()));
  lane = std::move(*opened);
  return lane->ask(peer, payload, rest);
}

void Client::State::give_back(const Endpoint& peer, std::unique_ptr<Lane> lane) {
  const auto learned = lane->requester().recall(peer);
  const RequesterStats news = lane->take_stats();
  const std::scoped_lock lock{mutex};
  stats += news;
  if (learned && (peers.size() < kPeersRememberedMax || peers.contains(peer))) peers[peer] = *learned;
  if (options.codec->traits().fresh_port || !lane->reusable() || idle_lane_count >= kIdleLanesMax) {
    lost_in_closed_lanes += lane->kernel_drops();
    return;
  }
  idle_lanes[peer].push_back(std::move(lane));
  ++idle_lane_count;
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
  std::unique_ptr<Lane> lane;
  auto result = state_->ask(lane, target, payload, options);
  if (lane) state_->give_back(target, std::move(lane));
  return result;
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
  pending.ask_ = asks->submit(peer, payload, options, std::move(done));
  if (pending.ask_ != AsyncAsks::kNotTaken) pending.client_ = asks->name();
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
  RequesterStats sum = state_->stats;
  if (state_->async) sum += state_->async->stats();
  return sum;
}

std::uint64_t Client::kernel_drops() const {
  const std::scoped_lock lock{state_->mutex};
  std::uint64_t sum = state_->lost_in_closed_lanes;
  for (const auto& [peer, lanes] : state_->idle_lanes) {
    for (const auto& lane : lanes) sum += lane->kernel_drops();
  }
  return sum + (state_->async ? state_->async->kernel_drops() : 0);
}

}  // namespace holler
