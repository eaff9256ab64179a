// holler by its public interface, with everything on: IDs, source checks, at-most-once, round-trip times, the
// congestion window. One client asks with `ask` where one question is outstanding and with `ask_async` where
// more are; many clients are `Requester`s in a loop of one's own (holler_machines.cpp).

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holler/client.hpp"
#include "holler/server.hpp"

#include "common.hpp"
#include "holler_asking.hpp"
#include "holler_endpoint.hpp"
#include "holler_machines.hpp"

namespace {

using peers::Meter;
using peers::Options;

/// Longer than any wait of a case that spins.
constexpr holler::Duration kSpinning = std::chrono::seconds{1};

/// A mode: the server and the blocking client go to sleep without looking first.
constexpr std::string_view kSleeping = "sleeping";

std::optional<holler::Duration> spin_of(const Options& options) {
  if (options.spin) return kSpinning;
  return options.mode == kSleeping ? std::optional{holler::Duration::zero()} : std::nullopt;
}

int serve(const Options& options) {
  auto server = holler::Server::bind({.host = options.address,
                                      .port = std::to_string(options.port),
                                      .answer_plain = false,
                                      .spin = spin_of(options)});
  if (!server) peers::give_up("peer_holler", server.error().message());
  peers::say_ready(server->local_address().port);
  const auto served = server->serve(
      [](const holler::Request& request, holler::ReplyWriter& reply) { reply.append(request.payload); });
  if (!served) peers::give_up("peer_holler", served.error().message());
  return 0;
}

/// One question at a time, in this thread.
int load_blocking(const Options& options) {
  auto client = holler::Client::open({.spin = spin_of(options)});
  if (!client) peers::give_up("peer_holler", client.error().message());
  const holler::Endpoint peer = peers::endpoint_of(options);
  holler::ByteVector payload(options.bytes);
  Meter meter{options};
  std::uint64_t begin = peers::now_ns();
  std::uint64_t number = 0;
  while (meter.go_on(begin)) {
    ++number;
    std::memcpy(payload.data(), &number, sizeof number);
    const auto reply = client->ask(peer, payload);
    const std::uint64_t end = peers::now_ns();
    if (!reply) {
      meter.lost(1);
    } else if (!holler::same_bytes(reply->payload, payload)) {
      peers::give_up("peer_holler", "a wrong answer");
    } else {
      meter.answered();
      meter.took(end - begin);
      meter.retransmitted(reply->attempts - 1);
    }
    begin = end;
  }
  return meter.report();
}

/// Many questions at a time; each answer asks the next one, in the client's own thread.
class Pipeline {
 public:
  explicit Pipeline(const Options& options)
      : peer_{peers::endpoint_of(options)}, payload_(options.bytes), started_(options.outstanding) {
    auto client = holler::Client::open();
    if (!client) peers::give_up("peer_holler", client.error().message());
    client_ = std::make_unique<holler::Client>(std::move(*client));
    meter_ = std::make_unique<Meter>(options);
    // The first callbacks come while the last questions are still being asked: one payload for each thread.
    const holler::ByteVector first(options.bytes);
    for (std::uint32_t slot = 0; slot < options.outstanding; ++slot) {
      started_[slot] = peers::now_ns();
      client_->ask_async(peer_, first, {}, Done{this, slot});
    }
  }

  int finish() {
    over_.wait(false);
    client_.reset();
    return meter_->report();
  }

 private:
  /// Small enough for std::function to keep it without memory of its own.
  struct Done {
    Pipeline* pipeline;
    std::uint32_t slot;
    void operator()(holler::Result<holler::Reply>&& reply) const { pipeline->answered(slot, reply); }
  };

  void answered(std::uint32_t slot, const holler::Result<holler::Reply>& reply) {
    if (over_.load(std::memory_order_relaxed)) return;
    if (!reply) {
      meter_->lost(1);
    } else if (reply->payload.size() != payload_.size()) {
      peers::give_up("peer_holler", "an answer of another size");
    } else {
      meter_->answered();
      if (reply->attempts > 1) meter_->retransmitted(reply->attempts - 1);
    }
    if (slot % kTimedOne == 0 && !time(slot, reply.has_value())) return;
    client_->ask_async(peer_, payload_, {}, Done{this, slot});
  }
  /// One in so many questions is timed, because reading the clock takes as long as a fifth of a question.
  /// @return whether to go on
  bool time(std::uint32_t slot, bool was_answered) {
    const std::uint64_t now = peers::now_ns();
    if (was_answered) meter_->took(now - started_[slot]);
    started_[slot] = now;
    if (meter_->go_on(now)) return true;
    over_ = true;
    over_.notify_one();
    return false;
  }
  static constexpr std::uint32_t kTimedOne = 8;

  holler::Endpoint peer_;
  holler::ByteVector payload_;
  std::vector<std::uint64_t> started_;  // by slot; of those that are timed
  std::unique_ptr<Meter> meter_;
  std::atomic<bool> over_{false};
  std::unique_ptr<holler::Client> client_;
};

int load(const Options& options) {
  if (options.mode == peers::kHollerUncontrolled) return peers::cannot("only 'ask' has this mode");
  if (options.spin && options.clients * options.outstanding > 1)
    return peers::cannot("spinning is measured with one question at a time");
  const bool one_by_one = options.clients * options.outstanding == 1;
  if (options.mode == kSleeping && !one_by_one)
    return peers::cannot("this mode is for one question at a time");
  if (options.clients > 1 || (options.mode != "client" && options.mode != kSleeping))
    return peers::load_by_machines(options, options.mode != "unbundled");
  if (one_by_one) return load_blocking(options);
  return Pipeline{options}.finish();
}

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values,
                    {"peer_holler",
                     HOLLER_VERSION,
                     {"client", "machines", "unbundled", kSleeping, peers::kHollerUncontrolled},
                     serve,
                     load,
                     peers::ask_by_holler});
}
