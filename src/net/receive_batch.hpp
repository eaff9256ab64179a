#pragma once

#include <cstddef>
#include <memory>
#include <sys/socket.h>
#include <sys/uio.h>
#include <vector>

#include "holler/udp_socket.hpp"

#include "net/control_messages.hpp"
#include "net/sockaddr.hpp"

namespace holler {

/// One place for each message of recvmmsg(2). A message and a datagram are counted apart: a message may
/// come to hold several datagrams that the kernel has joined (UDP_GRO).
struct ReceiveBatch::Slab {
  Slab(std::size_t messages_max, std::size_t message_bytes_max);

  /// Makes the headers that the kernel has written to ready for it again.
  /// @param for_notes  with room for what travels beside a datagram
  void prepare(bool for_notes) noexcept;
  [[nodiscard]] Bytes bytes_of_message(std::size_t index) const noexcept {
    return {bytes.get() + index * place_bytes, std::min<std::size_t>(headers[index].msg_len, place_bytes)};
  }
  /// Takes apart what the kernel has joined.
  /// @param whole          what all of them have in common; `bytes` are those of all
  /// @param segment_bytes  of each, but for the last; 0 where it is one
  void add(ReceivedDatagram whole, std::size_t segment_bytes);

  std::size_t datagram_bytes_max;  ///< longer ones are cut
  std::size_t place_bytes;
  std::size_t written;                 ///< headers that the kernel may have written to
  bool has_note_room = true;           ///< those that it has not written to
  std::unique_ptr<std::byte[]> bytes;  ///< not set to zero, so that places never used cost no memory
  std::vector<SocketName> names;
  std::vector<ControlRoom> controls;
  std::vector<iovec> vectors;
  std::vector<mmsghdr> headers;
  std::vector<ReceivedDatagram> datagrams;
  Timestamp read_at{};
};

}  // namespace holler
