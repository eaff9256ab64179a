#include "holler/client.hpp"

#include <algorithm>
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

bool worth_another_address(const Error& error) {
  return error.code == ErrorCode::refused || error.code == ErrorCode::unreachable;
}

}  // namespace

/// Guards itself: any thread may use any part of it.
struct Client::State {
  explicit State(ClientOptions settings) : options{std::move(settings)} {}

  Result<std::unique_ptr<Lane>> take_lane(const Endpoint& peer);
  void give_back(const Endpoint& peer, std::unique_ptr<Lane> lane);
  Result<AsyncAsks*> async_asks();

  const ClientOptions options;
  mutable std::mutex mutex;
  std::unordered_map<Endpoint, std::vector<std::unique_ptr<Lane>>> idle_lanes;
  std::size_t idle_lane_count = 0;
  std::unordered_map<Endpoint, PeerMemory> peers;
  RequesterStats stats;
  std::uint64_t lost_in_closed_lanes = 0;
  std::unique_ptr<AsyncAsks> async;
};

Result<std::unique_ptr<Lane>> Client::State::take_lane(const Endpoint& peer) {
  std::unique_ptr<Lane> lane;
  PeerMemory memory;
  {
    const std::scoped_lock lock{mutex};
    if (const auto idle = idle_lanes.find(peer); idle != idle_lanes.end()) {
      lane = std::move(idle->second.back());
      idle->second.pop_back();
      if (idle->second.empty()) idle_lanes.erase(idle);
      --idle_lane_count;
    }
    if (const auto known = peers.find(peer); known != peers.end()) memory = known->second;
  }
  if (!lane) {
    auto opened = Lane::open(options, peer);
    if (!opened) return opened;
    lane = std::move(*opened);
  }
  lane->requester().remember(peer, memory);
  return lane;
}

void Client::State::give_back(const Endpoint& peer, std::unique_ptr<Lane> lane) {
  const auto learned = lane->requester().recall(peer);
  const RequesterStats news = lane->requester().take_stats();
  const std::scoped_lock lock{mutex};
  stats += news;
  if (learned && (peers.size() < kPeersRememberedMax || peers.contains(peer))) peers[peer] = *learned;
  if (options.codec->traits().fresh_port || lane->broken() || idle_lane_count >= kIdleLanesMax) {
    lost_in_closed_lanes += lane->kernel_drops();
    return;
  }
  idle_lanes[peer].push_back(std::move(lane));
  ++idle_lane_count;
}

Result<AsyncAsks*> Client::State::async_asks() {
  const std::scoped_lock lock{mutex};
  if (!async) {
    auto started = AsyncAsks::start(options);
    if (!started) return failure(std::move(started.error()));
    async = std::move(*started);
  }
  return async.get();
}

struct PendingAsk::Token {
  std::weak_ptr<Client::State> client;
  std::uint64_t ask = 0;
};

void PendingAsk::cancel() {
  if (!token_) return;
  const auto client = token_->client.lock();
  if (client && client->async) client->async->cancel(token_->ask);
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
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Reply> Client::ask(std::string_view peer, std::string_view payload, const AskOptions& options) {
  const auto target = split_host_port(peer);
  if (!target) return failure(target.error());
  const auto endpoints = resolve(target->host, target->port);
  if (!endpoints) return failure(endpoints.error());
  const Timestamp give_up = later(monotonic_now(), options.deadline);
  Result<Reply> result = ask(endpoints->front(), bytes_of(payload), options);
  for (std::size_t i = 1; i < endpoints->size() && !result && worth_another_address(result.error()); ++i) {
    AskOptions rest = options;
    if (give_up != kNever) rest.deadline = give_up - monotonic_now();
    result = ask((*endpoints)[i], bytes_of(payload), rest);
  }
  return result;
}

Result<Reply> Client::ask(const Endpoint& peer, Bytes payload, const AskOptions& options) {
  auto lane = state_->take_lane(peer);
  if (!lane) return failure(std::move(lane.error()));
  auto result = (*lane)->ask(peer, payload, options);
  state_->give_back(peer, std::move(*lane));
  return result;
}

PendingAsk Client::ask_async(const Endpoint& peer, Bytes payload, const AskOptions& options, Callback done) {
  PendingAsk pending;
  const auto asks = state_->async_asks();
  if (!asks) {
    done(failure(asks.error()));
    return pending;
  }
  pending.token_ = std::make_shared<PendingAsk::Token>(PendingAsk::Token{.client = state_, .ask = 0});
  pending.token_->ask = (*asks)->submit(peer, payload, options, std::move(done));
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
