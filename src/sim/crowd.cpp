#include "sim/crowd.hpp"

#include <algorithm>

#include "sim/exponential.hpp"

namespace holler::sim {
namespace {

constexpr std::uint32_t kFirstClient = 1000;  // its host's number; the server's is 1
constexpr std::uint16_t kClientPort = 40'000;

WorldOptions world_options(const CrowdOptions& options) {
  return {.seed = options.seed, .link = options.up, .events_max = 1, .story_lines_max = 0};
}

/// Room for every client, so that the limits of docs/limits.md are not what is measured: a conversation of
/// its own for each, and half as much again, since from half of the bound on new askers must verify.
ResponderOptions responder_options(const CrowdOptions& options) {
  ResponderOptions result;
  result.conversations_max =
      std::max<std::size_t>(result.conversations_max, 4 * std::size_t{options.clients});
  result.replies_max = std::max<std::size_t>(result.replies_max, 16 * std::size_t{options.clients});
  result.reply_bytes_max =
      std::max<std::size_t>(result.reply_bytes_max, 16 * std::size_t{options.clients} * options.reply_bytes);
  return result;
}

RequestOptions request_options(const CrowdOptions& options) {
  RequestOptions result{.deadline = options.deadline};
  if (options.asker == Asker::holler) return result;
  result.first_wait = options.interval;
  result.jitter = {};
  if (options.asker == Asker::fixed) result.backoff_max = options.interval;
  return result;
}

CrowdCounts difference(const CrowdCounts& now, const CrowdCounts& before) {
  CrowdCounts result = now;
  result.started -= before.started;
  result.transmitted -= before.transmitted;
  result.answered -= before.answered;
  result.failed -= before.failed;
  result.server.arrived -= before.server.arrived;
  result.server.overflown -= before.server.overflown;
  result.server.handled -= before.server.handled;
  result.server.repeated -= before.server.repeated;
  result.server.declined -= before.server.declined;
  result.server.dropped -= before.server.dropped;
  result.server.sent -= before.server.sent;
  result.server.useful -= before.server.useful;
  result.server.wasted -= before.server.wasted;
  return result;
}

}  // namespace

std::string_view name_of(Asker asker) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"holler", "fixed", "doubling"};
  return kNames[static_cast<std::size_t>(asker)];
}

/// Says who asks when.
class Crowd::Arrivals final : public Host {
 public:
  Arrivals(World& world, Crowd& crowd) : world_{world}, crowd_{crowd}, random_{world.fork_random()} {
    const CrowdOptions& options = crowd.options_;
    if (open()) {
      next_ = later(world.now(), gap());
      return;
    }
    const auto first = std::min<std::uint64_t>(options.clients, options.requests);
    for (std::uint32_t client = 0; client < first; ++client) add(client);
  }

  /// The client's question has ended: it thinks, and asks again.
  void think(std::uint32_t client) {
    if (open()) return;
    add(client);
    world_.rearm(*this);
  }

  void handle_datagram(Timestamp /*now*/, const Delivered& /*datagram*/) override {}
  void handle_timeout(Timestamp now) override {
    if (open()) {
      crowd_.ask(static_cast<std::uint32_t>(random_.below(crowd_.options_.clients)));
      next_ = later(next_, gap());
      return;
    }
    while (!thinking_.empty() && thinking_.front().when <= now) {
      std::pop_heap(thinking_.begin(), thinking_.end(), Later{});
      const std::uint32_t client = thinking_.back().client;
      thinking_.pop_back();
      if (!all_started()) crowd_.ask(client);
    }
  }
  [[nodiscard]] Timestamp next_timeout() const override {
    if (all_started()) return kNever;
    if (open()) return next_;
    return thinking_.empty() ? kNever : thinking_.front().when;
  }

 private:
  struct Thinking {
    Timestamp when;
    std::uint64_t sequence = 0;
    std::uint32_t client = 0;
  };
  struct Later {
    bool operator()(const Thinking& left, const Thinking& right) const noexcept {
      return left.when != right.when ? left.when > right.when : left.sequence > right.sequence;
    }
  };
  void add(std::uint32_t client) {
    thinking_.push_back(
        {later(world_.now(), exponential(crowd_.options_.think, random_)), sequence_++, client});
    std::push_heap(thinking_.begin(), thinking_.end(), Later{});
  }
  [[nodiscard]] bool open() const noexcept { return crowd_.options_.arrivals_per_second != 0; }
  [[nodiscard]] bool all_started() const noexcept { return crowd_.started_ >= crowd_.options_.requests; }
  /// Askers who ask by themselves at random moments ask, together, after exponential gaps.
  [[nodiscard]] Duration gap() {
    return exponential(std::chrono::seconds{1}, random_) / crowd_.options_.arrivals_per_second;
  }

  World& world_;
  Crowd& crowd_;
  SeededRandom random_;
  Timestamp next_ = kNever;
  std::vector<Thinking> thinking_;  // a heap, the soonest first
  std::uint64_t sequence_ = 0;
};

Crowd::Crowd(const CrowdOptions& options)
    : options_{options},
      world_{world_options(options)},
      request_options_{request_options(options)},
      request_(options.request_bytes, std::byte{'?'}) {
  populate();
}

Crowd::~Crowd() = default;

void Crowd::populate() {
  server_ = &world_.add<LoadedServer>(endpoint(1), LoadedServerOptions{
                                                       .costs = ServerCosts::of_rate(options_.server_rate),
                                                       .receive_buffer_datagrams = options_.server_buffer,
                                                       .reply_bytes = options_.reply_bytes,
                                                       .responder = responder_options(options_),
                                                   });
  world_.line_of(server_->at().address) = options_.down;
  ClientHostOptions client{.keep_records = false};
  if (options_.asker != Asker::holler) {
    client.codec = &plain_schedule_;
    client.requester.uncontrolled = true;
  }
  clients_.reserve(options_.clients);
  for (std::uint32_t i = 0; i < options_.clients; ++i) {
    clients_.push_back(&world_.add<ClientHost>(endpoint(kFirstClient + i, kClientPort), client));
    clients_.back()->set_on_end([this, i](const RequestEvent& event) { on_end(i, event); });
  }
  arrivals_ = &world_.add<Arrivals>(*this);
  for (const CrowdOutage& outage : options_.outages) {
    world_.at(outage.start, [this] { block(+1); });
    world_.at(outage.start + outage.length, [this] { block(-1); });
  }
  world_.at(std::chrono::seconds{1}, [this] { close_second(); });
}

/// Outages may overlap: the line is open again when the last of them is over.
void Crowd::block(int more) {
  blocks_ += more;
  world_.link().blocked = world_.line_of(server_->at().address).blocked = blocks_ > 0;
}

void Crowd::ask(std::uint32_t client) {
  ++started_;
  const StartResult result = clients_[client]->ask(server_->at(), request_, request_options_);
  if (result.status == StartStatus::started) return;
  ++ended_;
  arrivals_->think(client);
}

void Crowd::on_end(std::uint32_t client, const RequestEvent& event) {
  ++ended_;
  ++outcomes_[static_cast<std::size_t>(event.outcome)];
  if (event.outcome == Outcome::answered) latencies_.add(event.elapsed);
  arrivals_->think(client);
}

CrowdCounts Crowd::totals() const {
  return {.started = started_,
          .transmitted = world_.datagrams_sent() - server_->counts().sent,
          .answered = ended_with(Outcome::answered),
          .failed = ended_ - ended_with(Outcome::answered),
          .server = server_->counts()};
}

void Crowd::close_second() {
  const CrowdCounts now = totals();
  seconds_.push_back(difference(now, before_));
  before_ = now;
  world_.at(std::chrono::seconds{static_cast<std::int64_t>(seconds_.size()) + 1}, [this] { close_second(); });
}

bool Crowd::run(std::uint64_t events) {
  for (std::uint64_t i = 0; i < events; ++i) {
    if (ended_ >= options_.requests || !faults().empty()) return false;
    if (world_.run() == RunEnd::idle) return false;
  }
  return true;
}

}  // namespace holler::sim
