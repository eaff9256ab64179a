#include "sim/loaded_server.hpp"

#include <algorithm>

namespace holler::sim {

ServerCosts ServerCosts::of_rate(std::uint32_t requests_per_second) noexcept {
  if (requests_per_second == 0) return {};
  const Duration whole = Duration{std::chrono::seconds{1}} / requests_per_second;
  const Duration step = whole / 20;
  return {.take = step, .look = step, .answer = step, .work = whole - 3 * step};
}

LoadedServer::LoadedServer(World& world, const Endpoint& at, const LoadedServerOptions& options)
    : world_{world},
      random_{world.fork_random()},
      options_{options},
      responder_{{&holler_codec()}, random_, options.responder},
      at_{at},
      port_{world.attach(*this, at)},
      buffer_(std::max<std::size_t>(1, options.receive_buffer_datagrams)),
      reply_(options.reply_bytes, std::byte{'.'}) {}

void LoadedServer::handle_datagram(Timestamp now, const Delivered& datagram) {
  ++counts_.arrived;
  // Whatever the processor is at, it is interrupted (Mogul and Ramakrishnan 1997, "receive livelock").
  spend(now, options_.costs.take);
  if (waiting_ == buffer_.size()) {
    ++counts_.overflown;
    counts_.wasted += options_.costs.take;
    return;
  }
  Waiting& place = buffer_[(first_ + waiting_++) % buffer_.size()];
  place.from = datagram.from;
  place.arrived = now;
  place.bytes.assign(datagram.bytes.begin(), datagram.bytes.end());
  if (free_at_ <= now) handle_timeout(now);
}

void LoadedServer::handle_timeout(Timestamp now) {
  if (responder_.next_timeout() <= now) responder_.handle_timeout(now);
  while (free_at_ <= now) {
    if (at_work_) finish(now);
    if (waiting_ == 0) return;
    look(now);
  }
}

Timestamp LoadedServer::next_timeout() const {
  const Timestamp own = at_work_ || waiting_ != 0 ? free_at_ : kNever;
  return std::min(own, responder_.next_timeout());
}

/// Takes the next datagram out of the buffer. What it leads to is sent when the time that it costs is over.
void LoadedServer::look(Timestamp now) {
  const Waiting& datagram = buffer_[first_];
  const Receiving received = receive(now, datagram);
  first_ = (first_ + 1) % buffer_.size();
  --waiting_;
  const ServerCosts& costs = options_.costs;
  Duration cost = costs.look;
  switch (received.receipt) {
    case Receipt::request:
      ++counts_.handled;
      cost += costs.work + costs.answer;
      break;
    case Receipt::repeat_working:
    case Receipt::repeat_answered:
      ++counts_.repeated;
      cost += costs.answer;
      break;
    case Receipt::declined:
      ++counts_.declined;
      cost += costs.answer;
      break;
    case Receipt::dropped: ++counts_.dropped; break;
  }
  (received.receipt == Receipt::request ? counts_.useful : counts_.wasted) += costs.take + cost;
  spend(now, cost);
  job_ = received.job;
  at_work_ = true;
}

LoadedServer::Receiving LoadedServer::receive(Timestamp now, const Waiting& datagram) {
  const ReceiptResult result = responder_.handle_datagram(
      now, {.from = datagram.from, .to = at_, .bytes = datagram.bytes, .waited = now - datagram.arrived});
  Receiving received{.receipt = result.receipt, .job = {}};
  if (const auto request = responder_.poll_request()) received.job = request->job;
  return received;
}

void LoadedServer::finish(Timestamp now) {
  at_work_ = false;
  if (job_ && !responder_.reply(now, *job_, reply_)) world_.fault("a reply was too large");
  job_.reset();
  for (;;) {
    const MutableBytes buffer = world_.scratch(options_.responder.datagram_bytes_max);
    const auto transmit = responder_.poll_transmit(now, buffer);
    if (!transmit) return;
    ++counts_.sent;
    world_.send(port_, transmit->to, buffer.first(transmit->bytes));
  }
}

}  // namespace holler::sim
