#include "runtime/async_asks.hpp"

#include <algorithm>
#include <utility>

#include "runtime/ask_result.hpp"

namespace holler {
namespace {

constexpr std::size_t kBatchDatagrams = 32;
constexpr std::uint32_t kSharedChannels = 2;      // one for each IP version
constexpr std::uint32_t kFreshChannelsMax = 256;  // sockets of questions that have their own
constexpr int kBatchesInARow = 8;                 // from one socket, before the others have their turn
constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};

}  // namespace

Result<std::unique_ptr<AsyncAsks>> AsyncAsks::start(const ClientOptions& options) {
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added)
    return failure(std::move(added.error()));
  std::unique_ptr<AsyncAsks> asks{new AsyncAsks{options, std::move(*poller), std::move(*wake)}};
  asks->thread_ = std::thread{[raw = asks.get()] { raw->run(); }};
  return asks;
}

AsyncAsks::AsyncAsks(const ClientOptions& options, Poller poller, WakeEvent wake)
    : options_{options},
      poller_{std::move(poller)},
      wake_{std::move(wake)},
      channels_(kSharedChannels),
      loop_{options_,
            {.socket_of = [this](std::uint32_t channel) -> UdpSocket* {
               return channels_[channel].socket ? &*channels_[channel].socket : nullptr;
             },
             .local_of = [this](std::uint32_t channel) { return channels_[channel].local; }},
            kBatchDatagrams},
      on_end_{[this](const RequestEvent& event) { on_end(event); }} {}

AsyncAsks::~AsyncAsks() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  wake_.notify();
  thread_.join();
}

std::uint64_t AsyncAsks::submit(const Endpoint& peer, Bytes payload, const AskOptions& options,
                                Callback done) {
  Submission submission{.peer = peer,
                        .payload = copy_of(payload),
                        .options = options,
                        .submitted = monotonic_now(),
                        .done = std::move(done)};
  outstanding_.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t ask = 0;
  bool first = false;
  {
    const std::scoped_lock lock{mutex_};
    ask = next_ask_++;
    submission.ask = ask;
    first = submitted_.empty();
    submitted_.push_back(std::move(submission));
  }
  if (first) wake_.notify();
  return ask;
}

void AsyncAsks::cancel(std::uint64_t ask) {
  {
    const std::scoped_lock lock{mutex_};
    cancelled_.push_back(ask);
  }
  wake_.notify();
}

RequesterStats AsyncAsks::stats() const {
  const std::scoped_lock lock{mutex_};
  return stats_;
}

void AsyncAsks::run() {
  for (;;) {
    Timestamp now = monotonic_now();
    take_orders(now);
    transmit(now);
    publish();
    {
      const std::scoped_lock lock{mutex_};
      if (stopping_) break;
    }
    const auto ready = poller_.wait(next_timeout() == kNever ? kForever : next_timeout() - now);
    now = monotonic_now();
    if (!ready) break;  // epoll itself has failed: nothing will ever arrive
    for (const std::uint64_t token : *ready) {
      if (token == kWakeToken) {
        wake_.drain();
      } else {
        receive(now, static_cast<std::uint32_t>(token));
      }
    }
    loop_.requester().handle_timeout(now);
    expire_waiting(now);
  }
  cancel_all();
  publish();
}

void AsyncAsks::take_orders(Timestamp now) {
  std::vector<Submission> submitted;
  std::vector<std::uint64_t> cancelled;
  {
    const std::scoped_lock lock{mutex_};
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
  }
  for (Submission& submission : submitted) begin(now, std::move(submission));
  for (const std::uint64_t ask : cancelled) {
    if (const auto known = handles_.find(ask); known != handles_.end()) {
      loop_.requester().cancel(now, known->second);
      continue;
    }
    const auto same = [ask](const Submission& submission) { return submission.ask == ask; };
    const auto queued = std::find_if(waiting_.begin(), waiting_.end(), same);
    if (queued == waiting_.end()) continue;
    const Callback done = std::move(queued->done);
    const Endpoint peer = queued->peer;
    waiting_.erase(queued);
    finish(done, result_of({.outcome = Outcome::cancelled, .peer = peer}, {}));
  }
  loop_.report_ended(on_end_);
  begin_waiting(now);
}

void AsyncAsks::begin(Timestamp now, Submission submission) {
  const bool fresh = options_.codec->traits().fresh_port;
  if (fresh && free_channels_.empty() && channels_.size() >= kSharedChannels + kFreshChannelsMax) {
    waiting_.push_back(std::move(submission));
    return;
  }
  const auto channel = channel_for(submission.peer);
  if (!channel) {
    finish(submission.done, failure(channel.error()));
    return;
  }
  RequestOptions request = request_options(submission.options, *channel);
  if (request.deadline != kForever) {
    request.deadline = std::max(Duration::zero(), request.deadline - (now - submission.submitted));
  }
  Requester& requester = loop_.requester();
  const StartResult started = requester.start(now, submission.peer, submission.payload, request);
  if (started.status != StartStatus::started) {
    release_channel(*channel);
    finish(submission.done, failure(start_error(started.status, submission.peer,
                                                requester.payload_bytes_max(submission.peer))));
    return;
  }
  Ask& ask = asks_[key_of(started.handle)];
  ask = {.id = submission.ask, .channel = *channel, .done = std::move(submission.done), .on_stop = {}};
  handles_.emplace(submission.ask, started.handle);
  if (submission.options.stop.stop_possible()) {
    ask.on_stop = std::make_unique<std::stop_callback<std::function<void()>>>(
        submission.options.stop, [this, id = submission.ask] { cancel(id); });
  }
}

void AsyncAsks::begin_waiting(Timestamp now) {
  while (!waiting_.empty() &&
         (!free_channels_.empty() || channels_.size() < kSharedChannels + kFreshChannelsMax)) {
    Submission next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(now, std::move(next));
  }
}

void AsyncAsks::expire_waiting(Timestamp now) {
  for (std::size_t i = 0; i < waiting_.size();) {
    if (later(waiting_[i].submitted, waiting_[i].options.deadline) > now) {
      ++i;
      continue;
    }
    const Submission late = std::move(waiting_[i]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(late.done, result_of({.outcome = Outcome::no_answer, .peer = late.peer}, {}));
  }
}

Result<std::uint32_t> AsyncAsks::channel_for(const Endpoint& peer) {
  std::uint32_t channel = peer.address.is_v6() ? 1 : 0;
  if (options_.codec->traits().fresh_port) {
    if (free_channels_.empty()) {
      channel = static_cast<std::uint32_t>(channels_.size());
      channels_.emplace_back();
    } else {
      channel = free_channels_.back();
      free_channels_.pop_back();
    }
  }
  if (channels_[channel].socket) return channel;
  if (auto opened = open_channel(channel, peer); !opened) {
    if (channel >= kSharedChannels) free_channels_.push_back(channel);
    return failure(std::move(opened.error()));
  }
  return channel;
}

Result<void> AsyncAsks::open_channel(std::uint32_t channel, const Endpoint& peer) {
  Endpoint local{peer.address.is_v6() ? Address::any_v6() : Address::any_v4(), 0};
  if (options_.source && options_.source->address.is_v6() == peer.address.is_v6()) local = *options_.source;
  auto socket = UdpSocket::bind(local, socket_options(options_));
  if (!socket) return failure(std::move(socket.error()));
  if (auto added = poller_.add(socket->native_handle(), channel); !added) return added;
  channels_[channel].local = socket->local_address();
  channels_[channel].socket = std::move(*socket);
  return {};
}

void AsyncAsks::release_channel(std::uint32_t channel) {
  if (channel < kSharedChannels) return;
  kernel_drops_.fetch_add(channels_[channel].socket->kernel_drops(), std::memory_order_relaxed);
  poller_.remove(channels_[channel].socket->native_handle());
  channels_[channel] = {};
  free_channels_.push_back(channel);
}

void AsyncAsks::transmit(Timestamp now) {
  const UdpSocket* blocked = loop_.transmit(now, on_end_);
  for (std::uint32_t i = 0; i < channels_.size(); ++i) {
    Channel& channel = channels_[i];
    const bool waits = channel.socket && &*channel.socket == blocked;
    if (waits == channel.waits_for_room) continue;
    channel.waits_for_room = waits;
    if (channel.socket) poller_.want_write(channel.socket->native_handle(), i, waits);
  }
}

void AsyncAsks::receive(Timestamp now, std::uint32_t channel) {
  for (int batch = 0; batch < kBatchesInARow; ++batch) {
    const auto count = loop_.receive(now, channel, on_end_);
    if (!count || *count < loop_.batch_datagrams()) return;
  }
}

void AsyncAsks::on_end(const RequestEvent& event) {
  const auto known = asks_.find(key_of(event.request));
  if (known == asks_.end()) return;
  const Ask ask = std::move(known->second);
  asks_.erase(known);
  handles_.erase(ask.id);
  auto result = result_of(event, channels_[ask.channel].local);
  release_channel(ask.channel);
  finish(ask.done, std::move(result));
}

void AsyncAsks::finish(const Callback& done, Result<Reply> result) {
  outstanding_.fetch_sub(1, std::memory_order_relaxed);
  if (done) done(std::move(result));
}

Timestamp AsyncAsks::next_timeout() const {
  Timestamp next = loop_.requester().next_timeout();
  for (const Submission& submission : waiting_) {
    next = std::min(next, later(submission.submitted, submission.options.deadline));
  }
  return next;
}

void AsyncAsks::publish() {
  RequesterStats stats = loop_.requester().take_stats();
  const std::scoped_lock lock{mutex_};
  stats_ += stats;
}

void AsyncAsks::cancel_all() {
  for (;;) {
    take_orders(monotonic_now());
    if (handles_.empty() && waiting_.empty()) return;
    const std::scoped_lock lock{mutex_};
    for (const auto& [ask, handle] : handles_) cancelled_.push_back(ask);
    for (const Submission& submission : waiting_) cancelled_.push_back(submission.ask);
  }
}

}  // namespace holler
