#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "holler/endpoint.hpp"
#include "holler/error.hpp"
#include "holler/link.hpp"
#include "holler/time.hpp"

/// A relay between UDP programs that treats datagrams as a bad network would. It needs no privileges and
/// knows no protocol: whatever program asks it is asking the target, over two links (link.hpp).
///
///     auto relay = holler::Impairer::open({.listen = {holler::Address::loopback_v4(), 5300},
///                                          .target = {holler::Address::loopback_v4(), 53},
///                                          .up = {.link = {.loss = holler::percent(20)}}});
///     relay->run(stop);
namespace holler {

/// A time in which nothing passes, counted from the beginning of `run`.
struct Outage {
  Duration start{};
  Duration length{};
};

/// From `start` on, counted from the beginning of `run`, `delay` takes the place of the link's own.
struct DelayStep {
  Duration start{};
  Duration delay{};
};

/// What happens to datagrams in one direction. All clients share the link, its rate and its bursts.
struct ImpairedWay {
  /// Of its settings, `icmp_too_big` has no effect: an ICMP message cannot be sent without privileges. So the
  /// MTU is that of a black hole. Packets are counted with the headers that they have toward the target.
  LinkSettings link{};
  /// What was taken before an outage begins still arrives.
  std::vector<Outage> outages;
  std::vector<DelayStep> delay_steps;  ///< the one that began last holds; what was taken before is not moved
};

struct ImpairerOptions {
  Endpoint listen{Address::loopback_v4(), 0};  ///< a wildcard answers from the address that was asked
  Endpoint target;
  ImpairedWay up;          ///< toward the target
  ImpairedWay down;        ///< back to the clients
  std::uint64_t seed = 1;  ///< the same datagrams in the same order have the same fates, in each direction
  /// Each client has a socket of its own toward the target, so that the target can tell them apart. It is
  /// closed when nothing has come from either side for so long (1 ms at least); the next datagram opens
  /// another.
  Duration idle_max = std::chrono::seconds{60};
  /// Sockets at one time; each takes a descriptor (`ulimit -n`). Where there are no more, the client idle for
  /// longest makes room if it has been idle for a second; otherwise the newcomer's datagram is dropped.
  std::size_t clients_max = 1000;
  /// What is delayed takes memory. What exceeds it is dropped, and counted as `no_room`.
  std::size_t pending_datagrams_max = 65'536;
  std::size_t pending_bytes_max = std::size_t{64} << 20U;  ///< of payloads
  std::size_t receive_buffer_bytes = std::size_t{4} << 20U;
};

/// What became of the datagrams of one direction. At any time,
/// received + duplicated = delivered + lost + no_client + no_room + send_failed + pending.
struct WayStats {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;              ///< of payloads
  std::uint64_t delivered = 0;                   ///< handed to the kernel for the other side, copies included
  std::uint64_t delivered_bytes = 0;             ///< of payloads
  std::array<std::uint64_t, kLossKinds> lost{};  ///< on the link, by `Loss`; that of outages is `blocked`
  std::uint64_t duplicated = 0;                  ///< copies that the link made
  std::uint64_t held_back = 0;                   ///< by reordering
  std::uint64_t corrupted = 0;                   ///< arrivals with bytes that were altered
  std::uint64_t no_client = 0;     ///< there was no socket for the client: `clients_max`, or no descriptor
  std::uint64_t no_room = 0;       ///< too much was delayed: `pending_datagrams_max`, `pending_bytes_max`
  std::uint64_t send_failed = 0;   ///< the kernel refused to send it, such as for its size
  std::uint64_t pending = 0;       ///< still on the link
  std::uint64_t refused = 0;       ///< ICMP said of a delivered one that nobody listens there
  std::uint64_t unreachable = 0;   ///< other ICMP errors about delivered ones
  std::uint64_t kernel_drops = 0;  ///< never received here: the relay's receive buffer was full

  [[nodiscard]] std::uint64_t lost_total() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : lost) sum += count;
    return sum;
  }
  [[nodiscard]] std::uint64_t lost_by(Loss reason) const noexcept {
    return lost.at(static_cast<std::size_t>(reason));
  }
};

struct ImpairerStats {
  WayStats up;
  WayStats down;
  std::uint64_t clients = 0;       ///< with a socket, now
  std::uint64_t clients_most = 0;  ///< at one time
  std::uint64_t clients_total = 0;
};

class Impairer {
 public:
  /// @error invalid_argument: the target is this relay, a group, or port 0; address_in_use, unreachable, …
  [[nodiscard]] static Result<Impairer> open(ImpairerOptions options);
  Impairer(Impairer&&) noexcept;
  Impairer& operator=(Impairer&&) noexcept;
  ~Impairer();

  /// Relays in the caller's thread until `stop` is requested. What is on the links then stays there, and goes
  /// on if `run` is called again.
  /// @error system: the listening socket has failed for good
  [[nodiscard]] Result<void> run(const std::stop_token& stop = {});

  [[nodiscard]] Endpoint local_address() const;
  /// From any thread; as of the last datagrams. The kernel's drops are up to a quarter of a second older.
  [[nodiscard]] ImpairerStats stats() const;

 private:
  struct State;
  explicit Impairer(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holler
