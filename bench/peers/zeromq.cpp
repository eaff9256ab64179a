// ZeroMQ: DEALER sockets ask a ROUTER over TCP, any number of questions at a time. Queues are as long as they
// need to be. Many clients are many sockets, as many programs would have them.

#include <memory>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "asked.hpp"
#include "common.hpp"

namespace {

using peers::Options;

std::string name_of(const Options& options) {
  return "tcp://" + options.address + ':' + (options.port == 0 ? "*" : std::to_string(options.port));
}

int serve(const Options& options) {
  if (options.spin) return peers::cannot("an I/O thread that sleeps hands everything over");
  zmq::context_t context;
  zmq::socket_t router{context, zmq::socket_type::router};
  router.set(zmq::sockopt::sndhwm, 0);
  router.set(zmq::sockopt::rcvhwm, 0);
  router.set(zmq::sockopt::backlog, 4096);
  router.bind(name_of(options));
  const std::string at = router.get(zmq::sockopt::last_endpoint);
  peers::say_ready(static_cast<std::uint16_t>(std::stoi(at.substr(at.rfind(':') + 1))));
  zmq::message_t identity;
  zmq::message_t question;
  for (;;) {
    if (!router.recv(identity) || !router.recv(question)) continue;
    router.send(identity, zmq::send_flags::sndmore);
    router.send(question, zmq::send_flags::none);
  }
}

class Load {
 public:
  explicit Load(const Options& options) : options_{options}, asked_{options}, meter_{options} {
    context_.set(zmq::ctxopt::max_sockets, static_cast<int>(options.clients) + 16);
    for (std::size_t i = 0; i < options.clients; ++i) {
      zmq::socket_t& dealer = dealers_.emplace_back(context_, zmq::socket_type::dealer);
      dealer.set(zmq::sockopt::sndhwm, 0);
      dealer.set(zmq::sockopt::rcvhwm, 0);
      dealer.set(zmq::sockopt::linger, 0);
      dealer.set(zmq::sockopt::rcvtimeo, 100);
      dealer.connect(name_of(options));
      items_.push_back({dealer.handle(), 0, ZMQ_POLLIN, 0});
    }
    for (std::size_t client = 0; client < options.clients; ++client) {
      for (std::size_t place = 0; place < options.outstanding; ++place) ask(client, place);
    }
  }

  int run() {
    for (std::uint64_t now = peers::now_ns(); meter_.go_on(now); now = peers::now_ns()) {
      if (options_.clients == 1) {
        take(0, zmq::recv_flags::none);
        continue;
      }
      zmq::poll(items_, std::chrono::milliseconds{20});
      for (std::size_t client = 0; client < items_.size(); ++client) {
        if ((items_[client].revents & ZMQ_POLLIN) == 0) continue;
        while (take(client, zmq::recv_flags::dontwait)) continue;
      }
    }
    return meter_.report();
  }

 private:
  void ask(std::size_t client, std::size_t place) {
    const auto bytes = asked_.write(client, place, peers::now_ns());
    dealers_[client].send(zmq::buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }
  bool take(std::size_t client, zmq::recv_flags flags) {
    if (!dealers_[client].recv(answer_, flags)) return false;
    const std::span bytes{answer_.data<std::byte>(), answer_.size()};
    ask(client, asked_.answered(meter_, bytes, client, peers::now_ns()));
    return true;
  }

  Options options_;
  zmq::context_t context_;
  std::vector<zmq::socket_t> dealers_;
  std::vector<zmq::pollitem_t> items_;
  zmq::message_t answer_;
  peers::Asked asked_;
  peers::Meter meter_;
};

int load(const Options& options) {
  if (options.spin) return peers::cannot("an I/O thread that sleeps hands everything over");
  return Load{options}.run();
}

}  // namespace

int main(int count, char** values) {
  const auto [major, minor, patch] = zmq::version();
  const std::string version =
      std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
  try {
    return peers::run(count, values, {"peer_zeromq", version, {}, serve, load});
  } catch (const zmq::error_t& error) {
    peers::give_up("peer_zeromq", error.what());
  }
}
