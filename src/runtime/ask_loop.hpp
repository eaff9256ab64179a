#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "holler/client.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

#include "runtime/outbox.hpp"

namespace holler {

/// The way of a datagram on the asking side, between one Requester and the sockets of its channels. It
/// never waits: its owner decides how.
class AskLoop {
 public:
  /// @param socket_of   the socket of a channel; it must be there while a request of the channel is
  /// @param local_of    what that socket is called in traces and replies
  struct Channels {
    std::function<UdpSocket*(std::uint32_t)> socket_of;
    std::function<Endpoint(std::uint32_t)> local_of;
  };
  using OnEnd = std::function<void(const RequestEvent&)>;

  AskLoop(const ClientOptions& options, Channels channels, std::size_t batch_datagrams);

  [[nodiscard]] Requester& requester() noexcept { return requester_; }
  [[nodiscard]] const Requester& requester() const noexcept { return requester_; }

  /// Sends what is to be sent, and tells what has ended.
  /// @return the socket that has no room at the moment, or nullptr
  UdpSocket* transmit(Timestamp now, const OnEnd& on_end);
  /// Takes in what has arrived on a channel: datagrams, or else ICMP errors.
  /// @param woken  the kernel has said that there is something: an error, if it is no datagram
  /// @return how many datagrams; a full batch means that there may be more
  [[nodiscard]] Result<std::size_t> receive(std::uint32_t channel, bool woken, const OnEnd& on_end);
  void report_ended(const OnEnd& on_end);
  /// Goes up before each series of ends that is told.
  [[nodiscard]] std::uint64_t reports() const noexcept { return reports_; }
  /// The requester's, with what the kernel would not send; they start again from zero.
  [[nodiscard]] RequesterStats take_stats() noexcept;
  /// While `on_end` runs: where the datagram arrived that ended the request, if one did.
  [[nodiscard]] const std::optional<Endpoint>& arrived_at() const noexcept { return arrived_at_; }
  /// In the last `transmit` the kernel said of the first datagram of this request that no way leads to the
  /// peer from its socket: nothing of the request has left.
  [[nodiscard]] bool found_no_way(RequestHandle request) const noexcept { return no_way_ == request; }
  /// When the last batch was taken out of its socket.
  [[nodiscard]] Timestamp read_at() const noexcept { return batch_.read_at(); }
  [[nodiscard]] std::size_t batch_datagrams() const noexcept { return batch_datagrams_; }

 private:
  void trace_arrival(Timestamp now, const Arrival& arrival, const Verdict& verdict);
  void receive_errors(Timestamp now, std::uint32_t channel, UdpSocket& socket);
  void on_sent(Timestamp now, Bytes message, const Transmit& note);
  void on_send_failed(Timestamp now, Bytes message, const Transmit& note, const Error& error);

  Tracer tracer_;
  Channels channels_;
  SystemRandom random_;
  Requester requester_;
  std::size_t batch_datagrams_;
  ReceiveBatch batch_;
  Outbox<Transmit> outbox_;
  std::optional<Endpoint> arrived_at_;
  std::uint64_t reports_ = 0;
  std::uint64_t send_failures_ = 0;  // since the statistics were last taken
  std::optional<RequestHandle> no_way_;
};

}  // namespace holler
