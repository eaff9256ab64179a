#include "holler/server.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "holler/local_addresses.hpp"
#include "holler/names.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "net/shared_port.hpp"
#include "runtime/serving_loop.hpp"

namespace holler {
namespace {

constexpr std::size_t kThreadsMax = 1024;

/// What each of several loops may take up, so that together they keep within what was asked for.
ResponderOptions share_of(const ServerOptions& options) {
  ResponderOptions share = options.responder;
  for (std::size_t* bound :
       {&share.jobs_max, &share.conversations_max, &share.replies_max, &share.reply_bytes_max}) {
    *bound = (*bound + options.threads - 1) / options.threads;
  }
  return share;
}

/// Whether datagrams have to tell where they were sent. Not where that can only be the one address that the
/// sockets are bound to, and nobody looks at the interface.
bool wants_destinations(const ServerOptions& options, const Address& local) {
  if (options.filter) return true;
  const auto ours = LocalAddresses::read();
  return !ours || !ours->contains(local);
}

/// What the loops of several threads have come to.
class Outcomes {
 public:
  explicit Outcomes(std::stop_source& all) noexcept : all_{all} {}

  /// Runs one loop to its end; the first that fails ends the others.
  template <class Serve>
  void run(Serve&& serve) noexcept {
    try {
      if (auto served = serve(); !served) fail([&] { error_ = std::move(served.error()); });
    } catch (...) {
      fail([&] { thrown_ = std::current_exception(); });
    }
  }
  void fail(Error error) {
    fail([&] { error_ = std::move(error); });
  }
  /// When all have ended.
  [[nodiscard]] Result<void> result() {
    if (thrown_) std::rethrow_exception(thrown_);
    if (error_) return failure(std::move(*error_));
    return {};
  }

 private:
  template <class Keep>
    requires std::is_invocable_v<Keep>
  void fail(Keep&& keep) {
    const std::scoped_lock lock{mutex_};
    if (!error_ && !thrown_) keep();
    all_.request_stop();
  }
  std::stop_source& all_;
  std::mutex mutex_;
  std::optional<Error> error_;
  std::exception_ptr thrown_;
};

Error no_thread(const std::system_error& error) {
  return {.code = ErrorCode::out_of_resources,
          .system_errno = error.code().value(),
          .attempted = "start a thread to serve",
          .endpoint = {},
          .advice = "serve with fewer threads, or raise the limit on processes (ulimit -u)",
          .payload_bytes_max = {}};
}

}  // namespace

struct Server::State {
  explicit State(ServerOptions settings) : options{std::move(settings)} {}

  ServerOptions options;
  std::vector<std::unique_ptr<ServingLoop>> loops;

  [[nodiscard]] Result<void> serve(const Handler& handler, const std::stop_token& stop);
};

Result<void> Server::State::serve(const Handler& handler, const std::stop_token& stop) {
  if (loops.size() == 1) return loops.front()->serve(handler, stop);
  std::stop_source all;
  Outcomes outcomes{all};
  {
    const std::stop_callback on_stop{stop, [&all] { all.request_stop(); }};
    const auto run = [&](ServingLoop& loop) {
      outcomes.run([&] { return loop.serve(handler, all.get_token()); });
    };
    std::vector<std::jthread> threads;
    try {
      for (const auto& loop : std::span{loops}.subspan(1))
        threads.emplace_back([&run, &loop] { run(*loop); });
      run(*loops.front());
    } catch (const std::system_error& error) {
      outcomes.fail(no_thread(error));
    }
  }
  return outcomes.result();
}

Result<Server> Server::bind(ServerOptions options) {
  if (options.threads < 1 || options.threads > kThreadsMax) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = "serve",
                    .endpoint = {},
                    .advice = format("the number of threads is from 1 to {}", kThreadsMax),
                    .payload_bytes_max = {}});
  }
  const auto local = resolve_local(options.host, options.port);
  if (!local) return failure(local.error());
  const SocketOptions socket_options{.interface = options.interface,
                                     .receive_buffer_bytes = options.receive_buffer_bytes,
                                     .coalesce = true,
                                     .tell_destination = wants_destinations(options, local->address)};
  auto sockets = bind_shared(*local, socket_options, options.threads, ServingLoop::kSteering);
  const bool every_address = options.host.empty() || options.host == "*";
  if (!sockets && every_address && sockets.error().code == ErrorCode::unsupported) {
    // A host without IPv6 still has "every address".
    sockets = bind_shared({Address::any_v4(), local->port}, socket_options, options.threads,
                          ServingLoop::kSteering);
  }
  if (!sockets) return failure(std::move(sockets.error()));
  if (!options.responder.born) options.responder.born = monotonic_now();  // nobody else has the address now
  SystemRandom random;
  // All threads are one life of the server, whichever of them an asker comes to.
  while (options.threads > 1 && options.responder.life == 0) {
    options.responder.life = static_cast<std::uint32_t>(random.next());
  }
  auto state = std::make_unique<State>(std::move(options));
  for (UdpSocket& socket : *sockets) {
    auto loop = ServingLoop::create(state->options, share_of(state->options), std::move(socket));
    if (!loop) return failure(std::move(loop.error()));
    state->loops.push_back(std::move(*loop));
  }
  for (std::size_t place = 0; place < state->loops.size(); ++place)
    state->loops[place]->join(state->loops, place);
  return Server{std::move(state)};
}

Server::Server(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<void> Server::serve(const Handler& handler, const std::stop_token& stop) {
  return state_->serve(handler, stop);
}

Endpoint Server::local_address() const { return state_->loops.front()->local(); }

ServerStats Server::stats() const {
  ServerStats sum;
  for (const auto& loop : state_->loops) {
    const ServerStats stats = loop->stats();
    sum.responder += stats.responder;
    sum.kernel_drops += stats.kernel_drops;
  }
  return sum;
}

}  // namespace holler
