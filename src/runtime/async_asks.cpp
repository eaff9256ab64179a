#include "runtime/async_asks.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/ask_result.hpp"
#include "runtime/fresh_ports.hpp"

namespace holler {
namespace {

constexpr std::size_t kBatchDatagrams = 32;
constexpr std::uint32_t kSharedChannels = 2;      // one for each IP version
constexpr std::uint32_t kFreshChannelsMax = 256;  // sockets of questions that have their own
constexpr int kBatchesInARow = 8;                 // from one socket, before the others have their turn
constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};

/// The end of a question that was never begun.
Result<Reply> ended(Outcome outcome, const Endpoint& peer) {
  return result_of({.outcome = outcome, .peer = peer, .from = peer, .payload = {}}, {});
}

/// All clients of the process that have a thread, by name.
struct Directory {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::weak_ptr<AsyncAsks>> asks;
  std::uint64_t next_name = 1;
};
Directory& directory() {
  static auto* const one = new Directory;  // never destroyed: a client may outlive what is
  return *one;
}

std::uint64_t new_name() {
  Directory& all = directory();
  const std::scoped_lock lock{all.mutex};
  return all.next_name++;
}

}  // namespace

Result<std::shared_ptr<AsyncAsks>> AsyncAsks::start(const ClientOptions& options) {
  auto poller = Poller::create();
  if (!poller) return failure(std::move(poller.error()));
  auto wake = WakeEvent::create();
  if (!wake) return failure(std::move(wake.error()));
  if (auto added = poller->add(wake->native_handle(), kWakeToken); !added)
    return failure(std::move(added.error()));
  std::shared_ptr<AsyncAsks> asks{new AsyncAsks{options, std::move(*poller), std::move(*wake)}};
  {
    Directory& all = directory();
    const std::scoped_lock lock{all.mutex};
    all.asks.emplace(asks->name_, asks);
  }
  try {
    asks->thread_ = std::thread{[asks] { asks->run(); }};
  } catch (const std::system_error& error) {
    return failure({.code = ErrorCode::out_of_resources,
                    .system_errno = error.code().value(),
                    .attempted = "start the client's thread",
                    .endpoint = {},
                    .advice = "raise the limit on processes (ulimit -u), or on memory (ulimit -v)",
                    .payload_bytes_max = {}});
  }
  return asks;
}

std::shared_ptr<AsyncAsks> AsyncAsks::find(std::uint64_t name) {
  Directory& all = directory();
  const std::scoped_lock lock{all.mutex};
  const auto known = all.asks.find(name);
  return known == all.asks.end() ? nullptr : known->second.lock();
}

AsyncAsks::~AsyncAsks() {
  Directory& all = directory();
  const std::scoped_lock lock{all.mutex};
  all.asks.erase(name_);
}

AsyncAsks::AsyncAsks(ClientOptions options, Poller poller, WakeEvent wake)
    : name_{new_name()},
      options_{std::move(options)},
      plain_{!options_.codec->traits().fresh_port && options_.interface.empty()},
      poller_{std::move(poller)},
      wake_{std::move(wake)},
      channels_(kSharedChannels),
      lookout_{options_.spin, salt_of(this)},
      loop_{options_,
            {.socket_of = [this](std::uint32_t channel) -> UdpSocket* {
               return channels_[channel].socket ? &*channels_[channel].socket : nullptr;
             },
             .local_of = [this](std::uint32_t channel) { return channels_[channel].local; }},
            kBatchDatagrams},
      on_end_{[this](const RequestEvent& event) { on_end(event); }} {}

void AsyncAsks::end() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  wake_.notify();
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();  // it holds this object itself, and ends when the callback has returned
  } else {
    thread_.join();
  }
}

std::uint64_t AsyncAsks::submit(const Endpoint& peer, Bytes payload, const AskOptions& options,
                                Callback done) {
  const bool here = in_thread();
  count(1, here);
  if (outstanding() > options_.requester.outstanding_max) {
    finish(done, failure(start_error(StartStatus::table_full, peer, 0)));
    return kNotTaken;
  }
  std::uint64_t begun = kNotTaken;
  if (here && begin_here(begun, peer, payload, options, done)) return begun;
  Submission submission{.peer = on_interface(options_, peer),
                        .payload = copy_of(payload),
                        .options = options,
                        .submitted = monotonic_now(),
                        .done = std::move(done),
                        .on_stop = {}};
  submission.options.deadline = std::max(options.deadline, Duration::zero());
  std::optional<Error> failed;
  {
    const std::scoped_lock lock{mutex_};
    if (!stopping_.load(std::memory_order_relaxed)) {
      submission.ask = next_ask_++;
      const bool first = submitted_.empty();
      const std::uint64_t ask = submission.ask;
      submitted_.push_back(std::move(submission));
      orders_.store(true, std::memory_order_relaxed);
      if (first) wake_.notify();
      return ask;
    }
    failed = failure_;
  }
  if (failed) {
    finish(submission.done, failure(std::move(*failed)));
  } else {
    count(-1, here);
  }
  return kNotTaken;
}

/// A callback that asks again needs no lock, no copy and nobody to wake. What became ready together is sent
/// together, when all that has arrived has been looked at.
/// @return false: it takes the way of all others
bool AsyncAsks::begin_here(std::uint64_t& ask, const Endpoint& peer, Bytes payload, const AskOptions& options,
                           Callback& done) {
  const std::uint32_t channel = peer.address.is_v6() ? 1 : 0;
  if (!plain_ || !channels_[channel].socket || !waiting_.empty() || options.stop.stop_possible() ||
      stopping_.load(std::memory_order_relaxed)) {
    return false;
  }
  RequestOptions request = request_options(options, channel);
  if (request.deadline < Duration::zero()) request.deadline = Duration::zero();
  Requester& requester = loop_.requester();
  const StartResult started = requester.start(std::max(now_, loop_.read_at()), peer, payload, request);
  if (started.status != StartStatus::started) [[unlikely]] {
    finish(done, failure(start_error(started.status, peer, requester.payload_bytes_max(peer))));
    return true;
  }
  if (started.handle.slot >= asks_.size()) [[unlikely]]
    asks_.resize(started.handle.slot + 1);
  ask = name_of(started.handle);
  Ask& begun = asks_[started.handle.slot];
  begun.id = ask;
  begun.request = started.handle;
  begun.done.swap(done);
  return true;
}

/// @param here  in the client's own thread: nobody else writes that number
void AsyncAsks::count(std::int64_t more, bool here) noexcept {
  if (here) {
    of_thread_.store(of_thread_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  } else {
    of_others_.fetch_add(more, std::memory_order_relaxed);
  }
}

std::optional<RequestHandle> AsyncAsks::handle_of(std::uint64_t ask) const {
  if ((ask & kBegunHere) != 0) {
    const auto slot = static_cast<std::uint32_t>(ask);
    const bool here = slot < asks_.size() && asks_[slot].id == ask;
    return here ? std::optional{asks_[slot].request} : std::nullopt;
  }
  const auto known = handles_.find(ask);
  return known == handles_.end() ? std::nullopt : std::optional{known->second};
}

void AsyncAsks::cancel(std::uint64_t ask) {
  {
    const std::scoped_lock lock{mutex_};
    cancelled_.push_back(ask);
    orders_.store(true, std::memory_order_relaxed);
  }
  wake_.notify();
}

RequesterStats AsyncAsks::stats() const {
  const std::scoped_lock lock{mutex_};
  return stats_;
}

void AsyncAsks::run() {
  id_of_thread_ = std::this_thread::get_id();
  for (;;) {
    now_ = monotonic_now();
    take_orders(now_);
    transmit(now_);
    if (stopping_) break;
    if (lookout_.again(now_, std::exchange(found_, false))) {
      look();
    } else if (!sleep()) {
      break;
    }
    loop_.requester().handle_timeout(now_);
    expire_waiting(now_);
  }
  cancel_all();
  publish();
}

/// Waits for a datagram, another thread, or a timer, and takes in what has arrived.
/// @return false: nothing will ever arrive
bool AsyncAsks::sleep() {
  publish();
  const Timestamp next = next_timeout();
  const auto ready = poller_.wait(next == kNever ? kForever : next - now_);
  now_ = monotonic_now();
  if (!ready) {  // epoll itself has failed
    const std::scoped_lock lock{mutex_};
    failure_ = ready.error();
    stopping_ = true;
    return false;
  }
  for (const std::uint64_t token : *ready) {
    if (token == kWakeToken) {
      wake_.drain();
    } else {
      receive(static_cast<std::uint32_t>(token), true);
    }
  }
  return true;
}

/// Takes in what has arrived, without waiting.
void AsyncAsks::look() {
  for (std::uint32_t channel = 0; channel < kSharedChannels; ++channel) {
    if (channels_[channel].socket) receive(channel, false);
  }
}

void AsyncAsks::take_orders(Timestamp now) {
  std::vector<Submission> submitted;
  std::vector<std::uint64_t> cancelled;
  if (orders_.load(std::memory_order_relaxed)) {  // whoever gives one wakes this thread, or is this thread
    const std::scoped_lock lock{mutex_};
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
    orders_.store(false, std::memory_order_relaxed);
  }
  for (Submission& submission : submitted) take_on(now, std::move(submission));
  for (const std::uint64_t ask : cancelled) {
    if (const auto handle = handle_of(ask)) {
      loop_.requester().cancel(now, *handle);
    } else if (waiting_.contains(ask)) {
      end_waiting(ask, Outcome::cancelled);
    }
  }
  loop_.report_ended(on_end_);
  begin_waiting(now);
}

void AsyncAsks::take_on(Timestamp now, Submission submission) {
  const std::stop_token& stop = submission.options.stop;
  if (stop.stop_requested()) {
    finish(submission.done, ended(Outcome::cancelled, submission.peer));
    return;
  }
  if (stop.stop_possible()) {
    submission.on_stop = std::make_unique<StopCallback>(stop, [this, ask = submission.ask] { cancel(ask); });
  }
  if (waiting_.empty() && begin(now, submission)) return;
  const std::uint64_t ask = submission.ask;
  waiting_deadlines_.emplace(later(submission.submitted, submission.options.deadline), ask);
  waiting_.emplace(ask, std::move(submission));
}

/// @return false if it has to wait for a socket
bool AsyncAsks::begin(Timestamp now, Submission& submission) {
  if (options_.codec->traits().fresh_port && !has_free_channel()) return false;
  const auto channel = channel_for(submission.peer);
  if (!channel) {
    const int reason = channel.error().system_errno;
    const bool others_may_end = options_.codec->traits().fresh_port && loop_.requester().outstanding() > 0;
    if ((reason == EMFILE || reason == ENFILE) && others_may_end) return false;
    finish(submission.done, failure(channel.error()));
    return true;
  }
  RequestOptions request = request_options(submission.options, *channel);
  if (request.deadline != kForever) {
    request.deadline = std::max(request.deadline - (now - submission.submitted), Duration::zero());
  }
  Requester& requester = loop_.requester();
  const StartResult started = requester.start(now, submission.peer, submission.payload, request);
  if (started.status != StartStatus::started) {
    release_channel(*channel);
    finish(submission.done, failure(start_error(started.status, submission.peer,
                                                requester.payload_bytes_max(submission.peer))));
    return true;
  }
  if (started.handle.slot >= asks_.size()) asks_.resize(started.handle.slot + 1);
  asks_[started.handle.slot] = {
      .id = submission.ask, .request = started.handle, .done = std::move(submission.done)};
  handles_.emplace(submission.ask, started.handle);
  if (submission.on_stop) stops_.emplace(submission.ask, std::move(submission.on_stop));
  return true;
}

bool AsyncAsks::has_free_channel() const noexcept {
  return !free_channels_.empty() || channels_.size() < kSharedChannels + kFreshChannelsMax;
}

void AsyncAsks::begin_waiting(Timestamp now) {
  while (!waiting_.empty()) {
    const auto next = waiting_.begin();
    const Timestamp deadline = later(next->second.submitted, next->second.options.deadline);
    if (!begin(now, next->second)) return;
    waiting_deadlines_.erase({deadline, next->first});
    waiting_.erase(next);
  }
}

void AsyncAsks::expire_waiting(Timestamp now) {
  while (!waiting_deadlines_.empty() && waiting_deadlines_.begin()->first <= now) {
    end_waiting(waiting_deadlines_.begin()->second, Outcome::no_answer);
  }
}

void AsyncAsks::end_waiting(std::uint64_t ask, Outcome outcome) {
  const Submission submission = std::move(waiting_.extract(ask).mapped());
  waiting_deadlines_.erase({later(submission.submitted, submission.options.deadline), ask});
  finish(submission.done, ended(outcome, submission.peer));
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
  const auto local = source_for(options_, peer);
  if (!local) return failure(local.error());
  auto socket = channel < kSharedChannels ? UdpSocket::bind(*local, socket_options(options_))
                                          : bind_fresh(monotonic_now(), *local, socket_options(options_));
  if (!socket) return failure(std::move(socket.error()));
  if (auto added = poller_.add(socket->native_handle(), channel); !added) return added;
  channels_[channel].local = socket->local_address();
  channels_[channel].socket = std::move(*socket);
  return {};
}

void AsyncAsks::release_channel(std::uint32_t channel) {
  if (channel < kSharedChannels) return;
  drops_of_closed_ += channels_[channel].socket->kernel_drops();
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

void AsyncAsks::receive(std::uint32_t channel, bool woken) {
  for (int batch = 0; batch < kBatchesInARow; ++batch) {
    const auto count = loop_.receive(channel, woken, on_end_);
    if (!count) return;
    found_ = found_ || *count > 0;
    if (*count < loop_.batch_datagrams()) return;
  }
}

void AsyncAsks::on_end(const RequestEvent& event) {
  Ask& known = asks_[event.request.slot];
  const std::uint64_t ask = std::exchange(known.id, kNotTaken);
  Callback done;
  done.swap(known.done);
  if ((ask & kBegunHere) == 0) handles_.erase(ask);
  if (!stops_.empty()) stops_.erase(ask);
  if (event.outcome == Outcome::answered && event.channel < kSharedChannels) [[likely]] {
    // A shared socket is bound to a wildcard: which address was asked from, the answer tells.
    const auto& arrived_at = loop_.arrived_at();
    write_reply(event, arrived_at ? *arrived_at : channels_[event.channel].local, *answer_);
    tell(done, answer_);
    if (!answer_) answer_ = Reply{};
    return;
  }
  auto result = result_of(event, loop_.arrived_at().value_or(channels_[event.channel].local));
  if (event.channel >= kSharedChannels) {
    retire_port(monotonic_now(), channels_[event.channel].local.port, event);
    release_channel(event.channel);
  }
  tell(done, result);
}

/// @param result  whatever the callback does not take stays there
void AsyncAsks::tell(const Callback& done, Result<Reply>& result) {
  if (std::exchange(reported_, loop_.reports()) != loop_.reports()) {
    publish_stats();  // before anybody learns of the end, and looks
  }
  count(-1, true);
  if (done) done(std::move(result));
}

void AsyncAsks::finish(const Callback& done, Result<Reply> result) {
  count(-1, in_thread());
  if (done) done(std::move(result));
}

Timestamp AsyncAsks::next_timeout() const {
  const Timestamp next = loop_.requester().next_timeout();
  return waiting_deadlines_.empty() ? next : std::min(next, waiting_deadlines_.begin()->first);
}

void AsyncAsks::publish() {
  std::uint64_t drops = drops_of_closed_;
  for (std::uint32_t channel = 0; channel < kSharedChannels; ++channel) {
    if (channels_[channel].socket) drops += channels_[channel].socket->kernel_drops();
  }
  kernel_drops_.store(drops, std::memory_order_relaxed);
  publish_stats();
}

void AsyncAsks::publish_stats() {
  const RequesterStats stats = loop_.take_stats();
  const std::scoped_lock lock{mutex_};
  stats_ += stats;
}

void AsyncAsks::cancel_all() {
  for (;;) {
    take_orders(monotonic_now());
    if (loop_.requester().outstanding() == 0 && waiting_.empty()) return;
    const std::scoped_lock lock{mutex_};
    for (const Ask& ask : asks_) {
      if (ask.id != kNotTaken) cancelled_.push_back(ask.id);
    }
    orders_.store(true, std::memory_order_relaxed);
    for (const auto& [ask, submission] : waiting_) cancelled_.push_back(ask);
  }
}

}  // namespace holler
