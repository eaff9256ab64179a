#pragma once

#include <memory>
#include <optional>

#include "net/poller.hpp"
#include "runtime/ask_loop.hpp"
#include "runtime/lookout.hpp"

namespace holler {

/// A socket of its own for questions that are asked one after the other, and waited for in the caller's
/// thread: waking a thread that sleeps in another loop costs tens of microseconds each way. The socket is
/// bound, not connected, so that what strangers send is seen, dropped and counted.
class Lane {
 public:
  /// @error as Client::ask, where no socket can be made toward `peer`
  [[nodiscard]] static Result<std::unique_ptr<Lane>> open(const ClientOptions& options, const Endpoint& peer);

  /// @param now  when the question is asked
  [[nodiscard]] Result<Reply> ask(Timestamp now, const Endpoint& peer, Bytes payload,
                                  const AskOptions& options);

  [[nodiscard]] Requester& requester() noexcept { return loop_.requester(); }
  [[nodiscard]] RequesterStats take_stats() noexcept { return loop_.take_stats(); }
  [[nodiscard]] std::uint64_t kernel_drops() const noexcept { return socket_.kernel_drops(); }
  /// Another question may use this lane. Not after silence: the socket may be bound to an address that has
  /// gone from this host, or that routes no longer lead back to, and a new one would be bound to another.
  [[nodiscard]] bool reusable() const noexcept { return reusable_; }
  /// The last question has found no way to the peer from this socket, and nothing of it has left. On a lane
  /// that has been used before it ends there, for another lane; the first one goes on trying.
  [[nodiscard]] bool found_no_way() const noexcept { return found_no_way_; }

 private:
  Lane(const ClientOptions& options, UdpSocket socket, const Endpoint& local);
  [[nodiscard]] Result<bool> wait(Duration timeout, bool for_room, const std::stop_token& stop);
  [[nodiscard]] Result<std::size_t> look(Timestamp until, const std::stop_token& stop,
                                         const AskLoop::OnEnd& on_end);
  [[nodiscard]] Result<void> watch();

  UdpSocket socket_;
  Endpoint local_;
  bool fresh_port_;
  Lookout lookout_;
  AskLoop loop_;
  bool reusable_ = false;
  bool found_no_way_ = false;
  bool asked_before_ = false;
  // Only for questions that can be stopped from elsewhere, and for a socket without room to send.
  std::optional<Poller> poller_;
  std::optional<WakeEvent> wake_;
};

}  // namespace holler
