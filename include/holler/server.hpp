#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"
#include "holler/format.hpp"
#include "holler/responder.hpp"
#include "holler/trace.hpp"

/// Answer, each request once.
///
///     auto server = holler::Server::bind({.host = "", .port = "1060"});
///     server->serve([](const holler::Request& request, holler::ReplyWriter& reply) {
///       reply.print("Your data was {} bytes long", request.payload.size());
///     });
namespace holler {

struct Completion;
class ServingLoop;

/// A request, as a handler sees it.
struct Request {
  Endpoint from;
  Endpoint to;                    ///< the address and port that was asked
  Bytes payload;                  ///< valid until the handler returns: copy it to answer later
  bool identified = true;         ///< false for plain datagrams: a repeat looks like a new request
  std::uint8_t attempt = 1;       ///< 0 where the protocol does not tell
  Duration time_left = kForever;  ///< until the asker gives up
  Delivery delivery = Delivery::unicast;

  [[nodiscard]] std::string_view text() const noexcept { return text_of(payload); }
};

/// A reply that is written later, by any thread (by one at a time). If it is destroyed unanswered, the asker
/// is refused with reason 65533: whoever had it may have begun something, and must not be made to begin it
/// again. Where nothing has begun, `busy` lets the asker come back. It may outlive the server, and then does
/// nothing.
class DeferredReply {
 public:
  DeferredReply() noexcept;
  DeferredReply(DeferredReply&&) noexcept;
  DeferredReply& operator=(DeferredReply&& other) noexcept;
  ~DeferredReply();

  /// Each of these answers; the first one counts.
  void send(Bytes payload);
  void send(std::string_view text) { send(bytes_of(text)); }
  void refuse(std::uint16_t reason = 0);
  void busy(Duration retry_after = std::chrono::seconds{1});

 private:
  friend class ReplyWriter;
  struct Ticket;
  void complete(Completion completion);
  std::unique_ptr<Ticket> ticket_;
};

/// Where a handler writes its reply. What has been written when the handler returns is sent: nothing
/// written is an empty reply, which is valid.
class ReplyWriter {
 public:
  /// Adds to the reply. What exceeds `payload_bytes_max` makes the whole reply a refusal, counted in the
  /// server's statistics, for half an answer is none.
  void append(Bytes bytes);
  void append(std::string_view text) { append(bytes_of(text)); }
  /// Adds formatted text: `{}` stands for the next argument.
  template <class... Arguments>
  void print(FormatString<std::type_identity_t<Arguments>...> format, const Arguments&... arguments) {
    append(std::string_view{holler::format(format, arguments...)});
  }

  void refuse(std::uint16_t reason = 0);                      ///< "this will not be done"
  void busy(Duration retry_after = std::chrono::seconds{1});  ///< "come back in t"
  void ignore();                                              ///< no answer at all
  /// Holds the reply back; askers who repeat are told "working".
  /// For no longer than the request is remembered (`ResponderOptions::time_left_max`).
  void hold_back(Duration delay);
  /// Answer after the handler has returned.
  [[nodiscard]] DeferredReply defer();

  [[nodiscard]] std::size_t payload_bytes_max() const noexcept;

 private:
  friend class ServingLoop;
  struct State;
  explicit ReplyWriter(State& state) noexcept : state_{&state} {}
  State* state_;
};

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< ``, `*`, `::` for every address; `0.0.0.0` for IPv4's
  std::string port = "1060";       ///< a number or a service name; `0` for the kernel's choice
  std::string interface;           ///< only this interface; empty for any
  ResponderOptions responder{};
  bool answer_plain = true;  ///< also answer datagrams that are not holler's, as plain requests
  std::size_t receive_buffer_bytes = std::size_t{4} << 20U;  ///< for each thread
  /// Threads that serve, 1..1024, each with a socket of its own at the same address (SO_REUSEPORT), which
  /// programs of the same user may then share if they ask for that. The handler, `filter` and `tracer` are
  /// called by all of them at once. A conversation stays with one thread; the bounds of `responder` are
  /// divided among them.
  std::size_t threads = 1;
  /// After a datagram, look for the next one for so long before going to sleep: the answer to it comes tens
  /// of microseconds earlier, and a processor is busy with looking. 0: sleep at once. Nullopt: up to 100 µs,
  /// where looking has found something lately.
  std::optional<Duration> spin;
  /// Looks at each datagram first: a reason drops it, before anything else is done with it.
  std::function<std::optional<DropReason>(const Incoming&)> filter;
  Tracer tracer;  ///< empty for none
};

struct ServerStats {
  ResponderStats responder;
  std::uint64_t kernel_drops = 0;  ///< lost because the receive buffer was full
};

class Server {
 public:
  using Handler = std::function<void(const Request&, ReplyWriter&)>;

  /// @error address_in_use, address_not_local, permission_denied, name_unknown, out_of_resources,
  ///        invalid_argument (also for a number of threads that is none)
  [[nodiscard]] static Result<Server> bind(ServerOptions options = {});
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  /// Serves in the caller's thread, and in `threads` - 1 of its own, until `stop` is requested, or for ever.
  /// Replies that are ready when it stops are still sent, for which it waits up to 1 s where the kernel has
  /// no room; those deferred and not answered by then are sent if `serve` is called again. What the handler
  /// throws leaves this function; its request is refused with reason 65534, whatever else has arrived with it
  /// is lost as on the way, and `serve` may be called again.
  /// @error system: a socket has failed for good; out_of_resources: no thread to be had
  [[nodiscard]] Result<void> serve(const Handler& handler, const std::stop_token& stop = {});

  [[nodiscard]] Endpoint local_address() const;
  /// From any thread; as of the last batch.
  [[nodiscard]] ServerStats stats() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holler
