#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

#include "holler/server.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "net/poller.hpp"
#include "net/shared_port.hpp"
#include "runtime/lookout.hpp"
#include "runtime/outbox.hpp"
#include "runtime/reply_writer.hpp"

namespace holler {

/// One thread's share of a server: a socket, a responder, and the way of a datagram between them. Loops that
/// serve one address share nothing but what one hands to another because it belongs there.
class ServingLoop {
 public:
  /// @param options  of the server; they must outlive the loop
  [[nodiscard]] static Result<std::unique_ptr<ServingLoop>> create(const ServerOptions& options,
                                                                   const ResponderOptions& share,
                                                                   UdpSocket socket);
  /// Which loop takes which conversation (docs/protocol.md has the bytes).
  static const Steering kSteering;
  /// All loops of the server, this one among them, at `place`. Before the first `serve`.
  void join(std::span<const std::unique_ptr<ServingLoop>> loops, std::size_t place) noexcept;

  /// As Server::serve, in the caller's thread.
  [[nodiscard]] Result<void> serve(const Server::Handler& handler, const std::stop_token& stop);
  struct Turn {
    Timestamp when;      ///< it has looked, or taken out what it has found
    bool found = false;  ///< there was something
    bool more = false;   ///< there is probably more: look again at once
  };
  /// Takes in a batch, if there is one, and sends what is due, without waiting.
  [[nodiscard]] Result<Turn> turn(const Server::Handler& handler);
  [[nodiscard]] const Endpoint& local() const noexcept { return local_; }
  [[nodiscard]] ServerStats stats() const;

 private:
  /// What arrived at another loop's socket.
  struct Stray {
    Incoming incoming;  // but for its bytes
    ByteVector bytes;
  };

  /// What the messages of one datagram have in common.
  struct Visit {
    Way back;               // the way of the answers
    Request request;        // as the handler sees it: where it comes from, and who was asked
    bool likewise = false;  // what was last put into the outbox goes this way
  };

  ServingLoop(const ServerOptions& options, const ResponderOptions& share, UdpSocket socket, Poller poller,
              std::shared_ptr<Completions> completions);

  [[nodiscard]] Result<void> sleep();
  [[nodiscard]] Result<std::size_t> look();
  [[nodiscard]] Result<std::size_t> receive(Timestamp& now, const Server::Handler& handler);
  std::size_t receive_one(Timestamp now, const ReceivedDatagram& datagram, const Server::Handler& handler);
  std::size_t take_in(Timestamp now, Incoming incoming, const Server::Handler& handler);
  [[nodiscard]] ServingLoop* owner_of(Bytes message) const noexcept;
  void hand_in(const Incoming& incoming);
  void take_strays(Timestamp now, const Server::Handler& handler);
  [[gnu::always_inline]] void handle(Timestamp now, const IncomingRequest& incoming, Visit& visit,
                                     const Server::Handler& handler);
  [[gnu::noinline]] void handle_unusual(Timestamp now);
  [[gnu::noinline]] void handle_thrown(Timestamp now);
  void complete(Timestamp now, JobHandle job, const Decision& decision, Bytes payload,
                Timestamp not_before = Timestamp::min());
  void write_queued(Timestamp now);
  void answer(Timestamp now);
  void send_the_rest();
  void transmit(Timestamp now);
  void trace(Timestamp now, const Incoming& incoming, const ReceiptResult& result) const;
  void trace_departure(Timestamp now, Bytes message, const PromptReply& note,
                       const OutgoingDatagram& datagram, int system_errno) const;
  void receive_errors(Timestamp now);
  void publish();

  const ServerOptions& options_;
  UdpSocket socket_;
  Endpoint local_;
  Poller poller_;
  SystemRandom random_;
  Responder responder_;
  ReceiveBatch batch_;
  Outbox<PromptReply> outbox_;
  ReplyWriter::State writer_;
  bool waits_for_room_ = false;
  std::size_t room_ = 1;       // messages that the next call takes in
  bool woken_ = false;         // the poller has something to tell of the socket
  std::uint32_t singles_ = 0;  // times that there was one where one was asked for
  Lookout lookout_;
  std::uint64_t filtered_ = 0;
  DropCounts dropped_;  // beside the responder's

  std::span<const std::unique_ptr<ServingLoop>> loops_;
  std::size_t place_ = 0;
  std::atomic<bool> has_strays_{false};
  std::mutex strays_mutex_;
  std::vector<Stray> strays_;
  std::uint64_t strays_lost_ = 0;

  mutable std::mutex stats_mutex_;
  ServerStats published_;
};

}  // namespace holler
