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
#include "holler/codecs.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"
#include "holler/requester.hpp"
#include "holler/trace.hpp"

/// Ask, and get the one right answer.
///
///     auto client = holler::Client::open();
///     auto reply = client->ask("guinness:1060", "This is another message");
///     if (reply) use(reply->text()); else complain(reply.error().message());
namespace holler {

class AsyncAsks;

struct ClientOptions {
  /// The protocol to speak; must outlive the client.
  const Codec* codec = &holler_codec();
  /// The address and port to send from; empty for the kernel's choice and a random port. A wildcard leaves
  /// the address to the kernel, and goes with both IP versions.
  std::optional<Endpoint> source;
  /// Use only this interface; empty for any. A link-local peer without one is on this one.
  std::string interface;
  RequesterOptions requester{};
  /// Bytes of receive buffer to ask the kernel for, for the socket that many requests share.
  std::size_t receive_buffer_bytes = std::size_t{4} << 20U;
  /// Look for an answer for so long before going to sleep: it is heard tens of microseconds earlier, and a
  /// processor is busy with looking. For `ask` from each transmission on, for `ask_async` from each datagram
  /// that has come. 0: sleep at once. Nullopt: up to 100 µs, where looking has found something lately.
  std::optional<Duration> spin;
  Tracer tracer;  ///< empty for none
};

/// How one question is to be asked.
struct AskOptions {
  Duration deadline = std::chrono::seconds{10};  ///< until "no answer"; see RequestOptions
  Duration first_wait{};                         ///< 0: the protocol's own, 1 s for holler's
  std::uint32_t attempts_max = 0;                ///< 0: as many as the deadline allows
  Duration backoff_max = std::chrono::seconds{60};
  Ratio jitter = percent(25);
  /// It does no harm to do this twice: where the server has been restarted, ask on, instead of ending with
  /// ErrorCode::unknown.
  bool repeatable = false;
  bool promiscuous = false;  ///< accept anything from anyone; for demonstrations
  std::stop_token stop{};    ///< cancels the question
};

struct Reply {
  ByteVector payload;
  Endpoint peer;                 ///< who answered
  Endpoint local;                ///< the endpoint that it was asked from
  std::uint32_t attempts = 1;    ///< transmissions
  std::optional<Duration> rtt;   ///< network time of the transmission that was answered, where known
  std::optional<Duration> hold;  ///< server time, where the protocol tells
  Duration elapsed{};            ///< from the question to the answer
  std::uint32_t mismatches = 0;  ///< datagrams that pretended to be this answer
  /// The server was started while it was being asked: an earlier one may have done the same already.
  bool maybe_repeated = false;

  [[nodiscard]] std::string_view text() const noexcept { return text_of(payload); }
};

/// A question that was asked with ask_async.
class PendingAsk {
 public:
  PendingAsk() = default;
  /// Ends it with ErrorCode::cancelled, unless it has already ended. From any thread, and also when the
  /// client has gone.
  void cancel();

 private:
  friend class Client;
  std::uint64_t client_ = 0;  // it does not keep the client: who cancels must not be the one who ends it
  std::uint64_t ask_ = 0;
};

class Client {
 public:
  /// Takes the result by value, or looks at it where it is: memory that it does not keep is used again.
  using Callback = std::function<void(Result<Reply>&&)>;

  /// @error address_in_use, address_not_local, permission_denied, invalid_argument: for `source` and
  ///        `interface`
  [[nodiscard]] static Result<Client> open(ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&& other) noexcept;
  /// Ends what is outstanding with ErrorCode::cancelled, each by its callback, before it returns. What those
  /// callbacks ask is not taken any more: its callback is destroyed without a call. A callback may itself
  /// destroy the client: the others are then called after it has returned. No thread may be waiting in `ask`.
  /// A forked child has no use for its parent's client: its thread is not there.
  ~Client();

  /// Asks and waits, in the caller's thread; any number of threads may ask at once (but one only where
  /// `ClientOptions::source` has a port, which one socket takes). The deadline counts from when `peer` has
  /// been looked up.
  /// @param peer  `HOST`, `HOST:PORT`, `[V6]:PORT`; the port is 1060 where none is given, and may be a name.
  ///              Where a name has several addresses, the next is asked when one refuses or is unreachable.
  /// @error no_answer, refused, declined, unknown, busy, cancelled, too_large, name_unknown, unreachable, …
  [[nodiscard]] Result<Reply> ask(std::string_view peer, std::string_view payload,
                                  const AskOptions& options = {});
  [[nodiscard]] Result<Reply> ask(const Endpoint& peer, Bytes payload, const AskOptions& options = {});

  /// Asks without waiting. `done` is called exactly once, in the client's own thread, which starts with the
  /// first question; it may ask again, must not block, and must not throw (std::terminate). The payload is
  /// copied. Where the question cannot be taken, for want of descriptors or threads or because
  /// `RequesterOptions::outstanding_max` are outstanding, `done` is called with out_of_resources by the
  /// caller's thread, before this returns.
  PendingAsk ask_async(const Endpoint& peer, Bytes payload, const AskOptions& options, Callback done);

  /// Questions of ask_async that have not ended. One has ended when its callback is about to be called.
  [[nodiscard]] std::size_t outstanding() const;
  /// The largest payload that can be asked of a peer, in bytes.
  [[nodiscard]] std::size_t payload_bytes_max(const Endpoint& peer) const noexcept;
  /// All questions of this client together.
  [[nodiscard]] RequesterStats stats() const;
  /// Datagrams that the kernel threw away because this client was too slow to receive them.
  [[nodiscard]] std::uint64_t kernel_drops() const;

 private:
  friend class PendingAsk;
  struct State;
  explicit Client(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace holler
