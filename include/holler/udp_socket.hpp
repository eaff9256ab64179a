#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"
#include "holler/time.hpp"

/// A UDP socket that says what happened. It is always bound or connected: one that could not
/// communicate cannot be made. It never blocks; `wait` waits.
namespace holler {

struct SocketOptions {
  /// Only traffic through this interface, whatever the routes say (SO_BINDTODEVICE); empty for any.
  std::string interface;
  /// An IPv6 wildcard hears IPv4 too.
  bool dual_stack = true;
  /// Bytes of receive buffer to ask for, as the kernel counts them (with its overhead); 0 for the system's
  /// default. 4 MiB hold about 10,000 small datagrams. What was granted: `receive_buffer_bytes()`.
  std::size_t receive_buffer_bytes = std::size_t{4} << 20U;
  /// May send to broadcast addresses (SO_BROADCAST; receiving them needs no permission).
  bool broadcast = false;
  /// The kernel may join datagrams of one sender and size into one piece on their way up (UDP_GRO), which
  /// makes many of them much cheaper. `receive` takes them apart again; read(2) on `native_handle` would not.
  bool coalesce = false;
  /// Datagrams tell how long they lay in the receive buffer (SO_TIMESTAMPNS): the kernel takes 1 or 2 % more
  /// for each.
  bool tell_waits = true;
  /// Datagrams tell to which of our addresses they were sent, and by which interface they came (IP_PKTINFO),
  /// which costs 1 or 2 % for each. Without it that address is taken for the socket's own, and for a unicast
  /// one, and the interface is unknown: right for a socket that is bound to a unicast address or connected.
  bool tell_destination = true;
  /// Several sockets share the address and port, and the kernel spreads the peers over them.
  bool reuse_port = false;
};

/// One datagram of a ReceiveBatch; its bytes live until the batch is filled again.
struct ReceivedDatagram {
  Endpoint from;
  Endpoint to;  ///< the address it was sent to, with our port (SocketOptions::tell_destination)
  /// The address to answer from: `to`, or ours on that subnet for a broadcast; a wildcard (IPv6 multicast)
  /// leaves it to the kernel.
  Address reply_from;
  std::uint32_t interface = 0;  ///< index of the interface it arrived on; 0 for unknown
  Delivery delivery = Delivery::unicast;
  bool truncated = false;  ///< it was longer than the batch has room for; `bytes` is its beginning
  Duration waited{};  ///< in the receive buffer, until it was read (SocketOptions::tell_waits); 0 if unknown
  Bytes bytes;        ///< may be empty: zero-length datagrams are valid (RFC 8085 §5)
};

/// Reused memory for many datagrams: a slab of equal places.
class ReceiveBatch {
 public:
  /// @param datagrams_max       messages that are taken from the kernel at once; each may hold up to 128
  ///                            datagrams that it has joined (`SocketOptions::coalesce`)
  /// @param datagram_bytes_max  longer ones are marked truncated
  explicit ReceiveBatch(std::size_t datagrams_max = 32, std::size_t datagram_bytes_max = 65536);
  ReceiveBatch(ReceiveBatch&&) noexcept;
  ReceiveBatch& operator=(ReceiveBatch&&) noexcept;
  ~ReceiveBatch();

  [[nodiscard]] std::span<const ReceivedDatagram> datagrams() const noexcept;
  /// When they were taken from the kernel, by `monotonic_now`: none of them arrived later.
  [[nodiscard]] Timestamp read_at() const noexcept;

 private:
  friend class UdpSocket;
  struct Slab;
  std::unique_ptr<Slab> slab_;
};

/// One datagram to send.
struct OutgoingDatagram {
  Endpoint to;  ///< ignored by a connected socket
  /// One of our addresses to send from (IP_PKTINFO); empty or a wildcard for the kernel's choice.
  std::optional<Address> from;
  std::uint32_t interface = 0;  ///< to leave through; 0 for the routes' choice
  Bytes bytes;
};

/// What became of a batch that was sent.
struct SendReport {
  std::size_t accepted = 0;  ///< datagrams that the kernel took, counted from the first
  /// Why it stopped before the end: for the datagram at index `accepted`. Would-block is not an error: it
  /// leaves `accepted` short and this empty.
  std::optional<Error> error;
};

/// News from the error queue: an ICMP message about a datagram that this socket sent.
struct SocketError {
  int system_errno = 0;  ///< ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, …
  bool local = false;    ///< said by this host (such as EMSGSIZE), not by ICMP
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  Endpoint destination;              ///< where the datagram was going
  std::optional<Address> reporter;   ///< which host said so
  std::uint32_t path_mtu_bytes = 0;  ///< for EMSGSIZE: what fits, with headers
  ByteVector quote;                  ///< as much of the payload as came back
};

class UdpSocket {
 public:
  /// Binds to loopback, one address, or a wildcard; port 0 chooses one.
  /// @error address_in_use, address_not_local, permission_denied, unsupported, …; each with advice
  [[nodiscard]] static Result<UdpSocket> bind(const Endpoint& local, const SocketOptions& options = {});
  /// A socket that talks with one peer: the kernel drops what others send. No datagram is sent.
  /// @param local  the source to use; nullopt for the kernel's choice and a random port
  [[nodiscard]] static Result<UdpSocket> connected(const Endpoint& peer, std::optional<Endpoint> local = {},
                                                   const SocketOptions& options = {});
  /// Takes over a descriptor.
  /// @error invalid_argument: not a bound UDP socket of IPv4 or IPv6
  [[nodiscard]] static Result<UdpSocket> adopt(int descriptor);

  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) noexcept;
  ~UdpSocket();

  /// Talks with another peer from now on. The old association is dissolved first, so that the source
  /// address fits the new peer (seen on Linux 6.18: a second connect alone keeps the old source). Datagrams
  /// that were queued before may still be received: check their source.
  [[nodiscard]] Result<void> connect(const Endpoint& peer);
  /// Talks with everyone again, on the same port.
  /// @error address_in_use: another program took the port in the moment it was free; the socket has another
  [[nodiscard]] Result<void> disconnect();

  [[nodiscard]] Endpoint local_address() const;
  [[nodiscard]] std::optional<Endpoint> peer() const;

  /// Fills `batch` with what has arrived, without waiting.
  /// @param messages_max  takes no more from the kernel than this, or than the batch has room for. A look for
  ///                      one more, in vain, costs as much as a tenth of a datagram's whole way.
  /// @return how many datagrams; 0 if nothing is there. A stale ICMP error never makes it fail.
  [[nodiscard]] Result<std::size_t> receive(
      ReceiveBatch& batch, std::size_t messages_max = std::numeric_limits<std::size_t>::max());
  /// Sends without waiting. Datagrams that follow each other with the same addresses and size go down in one
  /// piece (UDP_SEGMENT); where the kernel or a device refuses that, they go again one by one, and no more is
  /// tried on this socket. EINTR is retried; an ICMP error that was pending from an earlier datagram is
  /// left to `receive_errors` and the datagram is sent again. A full queue of an interface (ENOBUFS) is
  /// reported as out_of_resources and not tried again: that datagram is lost, as on any full queue on its
  /// way.
  [[nodiscard]] SendReport send(std::span<const OutgoingDatagram> datagrams);
  /// `send` for one datagram; nullopt where the kernel has no room at the moment.
  [[nodiscard]] Result<bool> send_to(const Endpoint& to, Bytes bytes);

  /// What the error queue holds; empties it (64 at most in one call). Left unread, errors take up the receive
  /// buffer until no datagram fits into it any more (seen on Linux 6.18).
  [[nodiscard]] std::vector<SocketError> receive_errors();
  /// Whether wait, receive or send has come across an error that `receive_errors` has not fetched yet. Costs
  /// nothing: ask after every receive, also where datagrams keep coming.
  [[nodiscard]] bool errors_waiting() const noexcept;

  /// Waits until there is a datagram or an error to receive, or `timeout` has passed.
  /// @return false for the timeout, and when a signal arrives
  [[nodiscard]] Result<bool> wait(Duration timeout) const;

  /// Datagrams that the kernel threw away, nearly always because the receive buffer was full, since the
  /// socket was made: up to now, which takes a system call (SO_MEMINFO). Any thread may ask.
  [[nodiscard]] std::uint64_t kernel_drops() const noexcept;
  /// What the kernel granted, in its own counting (twice what was asked, at most twice rmem_max).
  [[nodiscard]] std::size_t receive_buffer_bytes() const;

  /// The descriptor, for epoll, poll and read. It stays this object's.
  [[nodiscard]] int native_handle() const noexcept;

 private:
  struct State;
  explicit UdpSocket(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holler
