// nng: REQ and REP over TCP. One question at a time is a send and a receive; many outstanding are contexts,
// each with an asynchronous operation, as its demonstration of an asynchronous server has them.

#include <atomic>
#include <memory>
#include <mutex>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "asked.hpp"
#include "common.hpp"

namespace {

using peers::Options;

void check(const char* what, int status) {
  if (status != 0) peers::give_up(what, nng_strerror(status));
}

std::string name_of(const Options& options) {
  return "tcp://" + options.address + ':' + std::to_string(options.port);
}

/// A question that is being answered: receive, send, and again.
class Answering {
 public:
  explicit Answering(nng_socket socket) {
    check("nng_ctx_open", nng_ctx_open(&context_, socket));
    check("nng_aio_alloc",
          nng_aio_alloc(&aio_, [](void* self) { static_cast<Answering*>(self)->step(); }, this));
  }
  void begin() { nng_ctx_recv(context_, aio_); }

 private:
  void step() {
    const bool worked = nng_aio_result(aio_) == 0;
    if (received_ || !worked) {
      if (received_ && !worked) nng_msg_free(nng_aio_get_msg(aio_));
      received_ = false;
      nng_ctx_recv(context_, aio_);
      return;
    }
    received_ = true;  // the message stays in the operation, and goes back as it is
    nng_ctx_send(context_, aio_);
  }
  nng_ctx context_{};
  nng_aio* aio_ = nullptr;
  bool received_ = false;
};

int serve(const Options& options) {
  if (options.spin) return peers::cannot("threads that sleep do its work");
  nng_socket socket;
  check("nng_rep0_open", nng_rep0_open(&socket));
  nng_listener listener;
  check("nng_listen", nng_listen(socket, name_of(options).c_str(), &listener, 0));
  int port = 0;
  check("port", nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port));
  // As many at a time as are asked, up to what is of use to one processor.
  constexpr std::size_t kContextsMax = 1024;
  std::vector<std::unique_ptr<Answering>> all(std::min(options.outstanding * options.clients, kContextsMax));
  for (auto& one : all) one = std::make_unique<Answering>(socket);
  for (auto& one : all) one->begin();
  peers::say_ready(static_cast<std::uint16_t>(port));
  for (;;) ::pause();  // its threads do the work
}

class Load;

/// A question that is outstanding: send, receive, and again.
struct Asking {
  Load* load = nullptr;
  std::size_t client = 0;
  std::size_t place = 0;
  nng_ctx context{};
  nng_aio* aio = nullptr;
  bool sent = false;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_{options}, asked_{options}, meter_{options}, asking_(options.clients * options.outstanding) {
    for (std::size_t client = 0; client < options.clients; ++client) {
      nng_socket& socket = sockets_.emplace_back();
      check("nng_req0_open", nng_req0_open(&socket));
      check("nng_dial", nng_dial(socket, name_of(options).c_str(), nullptr, 0));
      for (std::size_t place = 0; place < options.outstanding; ++place) open(client, place);
    }
  }

  int run() {
    if (asking_.size() == 1) {
      ask_one_by_one();
      return meter_.report();
    }
    for (Asking& one : asking_) ask(one);
    over_.wait(false);
    const std::lock_guard lock{mutex_};  // callbacks that are under way find it over
    const int code = meter_.report();
    std::_Exit(code);  // its threads may still be calling back
  }

 private:
  void open(std::size_t client, std::size_t place) {
    Asking& one = asking_[client * options_.outstanding + place];
    one = {.load = this, .client = client, .place = place};
    check("nng_ctx_open", nng_ctx_open(&one.context, sockets_[client]));
    const auto step = [](void* self) {
      auto* asking = static_cast<Asking*>(self);
      asking->load->step(*asking);
    };
    check("nng_aio_alloc", nng_aio_alloc(&one.aio, step, &one));
  }
  nng_msg* question(const Asking& one) {
    const auto bytes = asked_.write(one.client, one.place, peers::now_ns());
    nng_msg* message = nullptr;
    check("nng_msg_alloc", nng_msg_alloc(&message, 0));
    check("nng_msg_append", nng_msg_append(message, bytes.data(), bytes.size()));
    return message;
  }
  std::size_t answered(const Asking& one, nng_msg* message, std::uint64_t now) {
    const std::span bytes{static_cast<const std::byte*>(nng_msg_body(message)), nng_msg_len(message)};
    return asked_.answered(meter_, bytes, one.client, now);
  }
  void ask(Asking& one) {
    const std::lock_guard lock{mutex_};
    one.sent = false;
    nng_aio_set_msg(one.aio, question(one));
    nng_ctx_send(one.context, one.aio);
  }
  void step(Asking& one) {
    if (over_) return;
    check("question", nng_aio_result(one.aio));
    if (!one.sent) {
      one.sent = true;
      nng_ctx_recv(one.context, one.aio);
      return;
    }
    nng_msg* message = nng_aio_get_msg(one.aio);
    {
      const std::lock_guard lock{mutex_};
      const std::uint64_t now = peers::now_ns();
      if (over_) return;
      answered(one, message, now);
      if (!meter_.go_on(now)) {
        over_ = true;
        over_.notify_one();
        return;
      }
    }
    nng_msg_free(message);
    ask(one);
  }
  void ask_one_by_one() {
    for (std::uint64_t now = peers::now_ns(); meter_.go_on(now); now = peers::now_ns()) {
      check("nng_sendmsg", nng_sendmsg(sockets_[0], question(asking_[0]), 0));
      nng_msg* message = nullptr;
      check("nng_recvmsg", nng_recvmsg(sockets_[0], &message, 0));
      answered(asking_[0], message, peers::now_ns());
      nng_msg_free(message);
    }
  }

  Options options_;
  std::mutex mutex_;  // its threads call back at the same time; together they have one processor
  peers::Asked asked_;
  peers::Meter meter_;
  std::atomic<bool> over_{false};
  std::vector<nng_socket> sockets_;
  std::vector<Asking> asking_;
};

int load(const Options& options) {
  if (options.spin) return peers::cannot("threads that sleep do its work");
  return std::make_unique<Load>(options)->run();
}

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values, {"peer_nng", nng_version(), {}, serve, load});
}
