#include "holler_asking.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>

#include "holler/client.hpp"

#include "asking.hpp"
#include "holler_endpoint.hpp"

namespace peers {

namespace {

class HollerAsking {
 public:
  explicit HollerAsking(const Options& options) : asking_{options}, peer_{endpoint_of(options)} {
    holler::ClientOptions how;
    how.requester.uncontrolled = options.mode == kHollerUncontrolled;
    auto client = holler::Client::open(how);
    if (!client) give_up("peer_holler", client.error().message());
    client_ = std::make_unique<holler::Client>(std::move(*client));
    const std::scoped_lock lock{mutex_};
    for (std::size_t place = 0; place < options.outstanding; ++place) ask();
  }

  int finish() {
    {
      std::unique_lock lock{mutex_};
      // The last question ends it; looking now and then bounds the time in which none may be asked any more.
      while (!asking_.over()) changed_.wait_for(lock, std::chrono::milliseconds{20});
      over_ = true;
    }
    client_.reset();
    return asking_.report();
  }

 private:
  /// With the mutex held: callbacks come in the client's own thread.
  void ask() {
    const std::span<const std::byte> payload = asking_.next();
    if (payload.empty()) return;
    client_->ask_async(
        peer_, payload, {},
        [this, number = asking_.number()](holler::Result<holler::Reply>&& reply) { ended(number, reply); });
  }
  void ended(std::uint32_t number, const holler::Result<holler::Reply>& reply) {
    // It may come before ask_async returns, with the mutex held.
    if (!reply && reply.error().code == holler::ErrorCode::out_of_resources)
      give_up("peer_holler", reply.error().message());
    const std::scoped_lock lock{mutex_};
    if (over_) return;
    const std::uint64_t repeated = client_->stats().retransmitted;
    asking_.repeated(repeated - repeated_);
    repeated_ = repeated;
    if (reply) {
      asking_.answered(reply->payload);
    } else {
      asking_.given_up(number);
    }
    ask();
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Asking asking_;
  holler::Endpoint peer_;
  std::uint64_t repeated_ = 0;
  bool over_ = false;
  std::unique_ptr<holler::Client> client_;
};

}  // namespace

int ask_by_holler(const Options& options) { return HollerAsking{options}.finish(); }

}  // namespace peers
