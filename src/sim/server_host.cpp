#include "sim/server_host.hpp"

#include <algorithm>
#include <array>

#include "sim/packer.hpp"

namespace holler::sim {
namespace {

constexpr std::size_t kRecordsMax = 200'000;
constexpr std::size_t kTransmitsAtOnceMax = 2'000'000;
constexpr std::array<std::string_view, 5> kReceiptNames{"as new request", "as repeat, at work",
                                                        "as repeat, answered", "declined", "dropped"};

}  // namespace

void ServerHost::echo(const IncomingRequest& request, Answer& answer) {
  answer.say("re: ");
  answer.payload.insert(answer.payload.end(), request.payload.begin(), request.payload.end());
}

ServerHost::ServerHost(World& world, std::vector<Endpoint> addresses, Handler handler,
                       const ServerHostOptions& options)
    : world_{world},
      own_random_{world.fork_random()},
      options_{options},
      responder_{new_responder()},
      handler_{std::move(handler)},
      addresses_{std::move(addresses)},
      worker_free_at_(options.workers, world.now()),
      buffer_(options.responder.datagram_bytes_max) {
  for (const Endpoint& address : addresses_) ports_.push_back(world.attach(*this, address));
}

Responder ServerHost::new_responder() {
  ResponderOptions options = options_.responder;
  if (!options.born) {
    const Timestamp now = world_.clock(*this);
    // What is there when a story begins has been there before.
    options.born = world_.elapsed() == Duration::zero() ? now - std::chrono::hours{1} : now;
  }
  return {{&holler_codec(), &plain_codec()},
          options_.random != nullptr ? *options_.random : own_random_,
          options};
}

void ServerHost::restart() {
  responder_ = new_responder();
  works_.clear();
  worker_free_at_.assign(options_.workers, world_.clock(*this));
  if (Witness* witness = world_.witness()) witness->on_restart(*this);
}

std::uint64_t ServerHost::runs_for(std::string_view payload) const {
  const auto found = runs_by_payload_.find(std::string{payload});
  return found == runs_by_payload_.end() ? 0 : found->second;
}

std::uint64_t ServerHost::runs_max() const {
  std::uint64_t most = 0;
  for (const auto& [payload, runs] : runs_by_payload_) most = std::max(most, runs);
  return most;
}

void ServerHost::handle_datagram(Timestamp now, const Delivered& datagram) {
  Delivered message = datagram;
  Bytes rest = datagram.bytes;
  do {
    message.bytes = rest;
    rest = handle_message(now, message, message.bytes.data() != datagram.bytes.data());
  } while (!rest.empty());
  pump();
}

Bytes ServerHost::handle_message(Timestamp now, const Delivered& datagram, bool continued) {
  const auto channel =
      static_cast<std::uint32_t>(std::find(ports_.begin(), ports_.end(), datagram.at) - ports_.begin());
  const ReceiptResult result = continued ? responder_.handle_rest(now)
                                         : responder_.handle_datagram(now, {.from = datagram.from,
                                                                            .to = datagram.to,
                                                                            .channel = channel,
                                                                            .bytes = datagram.bytes,
                                                                            .waited = datagram.waited});
  const Bytes message = datagram.bytes.first(datagram.bytes.size() - result.rest.size());
  if (world_.story().on()) {
    if (result.receipt == Receipt::dropped) {
      world_.story().record(world_.now(), Happening::dropped, datagram.from, datagram.to, message,
                            name_of(result.drop));
    } else {
      world_.story().record(world_.now(), Happening::used, datagram.from, datagram.to, message,
                            kReceiptNames.at(static_cast<std::size_t>(result.receipt)));
    }
  }
  if (options_.keep_records && receipts_.size() < kRecordsMax) receipts_.push_back(result);
  std::size_t handed_out = 0;
  while (const IncomingRequest* request = responder_.take_request()) {
    if (Witness* witness = world_.witness()) witness->on_run(*this, *request, message);
    serve(*request);
    if (++handed_out > 1) world_.fault("the responder handed out two requests for one datagram");
  }
  if ((handed_out == 1) != (result.receipt == Receipt::request)) {
    world_.fault("the responder's receipt and poll_request disagree");
  }
  return result.rest;
}

Timestamp ServerHost::done_at(Duration service) {
  const Timestamp now = world_.clock(*this);
  if (worker_free_at_.empty()) return later(now, service);
  auto& worker = *std::min_element(worker_free_at_.begin(), worker_free_at_.end());
  worker = later(std::max(worker, now), service);
  return worker;
}

void ServerHost::serve(const IncomingRequest& request) {
  ++runs_;
  if (options_.count_payloads) ++runs_by_payload_[std::string{text_of(request.payload)}];
  answer_.kind = Answer::Kind::reply;
  answer_.payload.clear();
  answer_.service = answer_.hold_back = answer_.retry_after = Duration::zero();
  answer_.reason = 0;
  handler_(request, answer_);
  const Timestamp done = done_at(answer_.service);
  if (done == world_.clock(*this)) return answer_at_once(request);
  works_.push_back({done, sequence_++, request.job, answer_});
  std::push_heap(works_.begin(), works_.end(), Sooner{});
}

/// As a server's loop does it: a plain reply leaves without a queue where nothing else waits to leave.
void ServerHost::answer_at_once(const IncomingRequest& request) {
  if (answer_.kind != Answer::Kind::reply || answer_.hold_back != Duration::zero()) {
    return finish(request.job, answer_);
  }
  if (Witness* witness = world_.witness()) witness->on_answer(*this, request.job, answer_);
  const PromptReply reply =
      responder_.reply_at_once(world_.clock(*this), request.job, answer_.payload, buffer_);
  if (reply.state != PromptReply::State::written) return;
  send({.to = request.from,
        .from = request.to,
        .channel = request.channel,
        .bytes = reply.bytes,
        .kind = reply.kind,
        .repeat = reply.repeat,
        .sharing = reply.sharing});
}

void ServerHost::finish(JobHandle job, const Answer& answer) {
  const Timestamp now = world_.clock(*this);
  if (Witness* witness = world_.witness()) witness->on_answer(*this, job, answer);
  switch (answer.kind) {
    case Answer::Kind::reply: {
      const Timestamp not_before =
          answer.hold_back == Duration::zero() ? Timestamp::min() : later(now, answer.hold_back);
      responder_.reply(now, job, answer.payload, not_before);
      return;
    }
    case Answer::Kind::refuse: responder_.refuse(now, job, answer.reason); return;
    case Answer::Kind::postpone: responder_.postpone(now, job, answer.retry_after); return;
    case Answer::Kind::ignore: responder_.ignore(now, job); return;
  }
}

void ServerHost::handle_timeout(Timestamp now) {
  while (!works_.empty() && works_.front().done <= now) {
    std::pop_heap(works_.begin(), works_.end(), Sooner{});
    const Work work = std::move(works_.back());
    works_.pop_back();
    finish(work.job, work.answer);
  }
  if (responder_.next_timeout() <= now) responder_.handle_timeout(now);
  pump();
}

Timestamp ServerHost::next_timeout() const {
  const Timestamp own = works_.empty() ? kNever : works_.front().done;
  return std::min(own, responder_.next_timeout());
}

void ServerHost::pump() {
  std::size_t count = 0;
  while (const auto transmit = responder_.poll_transmit(world_.clock(*this), buffer_)) {
    send(*transmit);
    if (++count > kTransmitsAtOnceMax) return world_.fault("the responder never stops sending");
  }
  world_.packer().finish();
}

/// What is in the buffer.
void ServerHost::send(const ResponseTransmit& transmit) {
  if (transmit.channel >= ports_.size() || addresses_[transmit.channel] != transmit.from) {
    return world_.fault("a reply leaves from an address that was not asked");
  }
  if (options_.keep_records && sent_.size() < kRecordsMax) sent_.push_back(transmit);
  const Bytes datagram = Bytes{buffer_}.first(transmit.bytes);
  if (Witness* witness = world_.witness()) witness->on_response(*this, transmit, datagram);
  world_.packer().add(ports_[transmit.channel],
                      {.to = transmit.to, .from = transmit.from.address, .channel = transmit.channel},
                      transmit.sharing, datagram);
}

}  // namespace holler::sim
