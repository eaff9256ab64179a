#pragma once

#include <algorithm>
#include <cstddef>
#include <sys/socket.h>

namespace holler {

/// One piece of memory, with no notes beside it.
inline bool is_plain(const msghdr& header) noexcept {
  return header.msg_iovlen == 1 && header.msg_controllen == 0;
}

/// sendmmsg(2), but for one message sendmsg(2), and for a plain one sendto(2): each costs less than the one
/// before.
inline int send_messages(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  if (count != 1) return ::sendmmsg(descriptor, messages, count, flags);
  const msghdr& header = messages->msg_hdr;
  const ssize_t sent = is_plain(header)
                           ? ::sendto(descriptor, header.msg_iov->iov_base, header.msg_iov->iov_len, flags,
                                      static_cast<const sockaddr*>(header.msg_name), header.msg_namelen)
                           : ::sendmsg(descriptor, &header, flags);
  if (sent < 0) return -1;
  messages->msg_len = static_cast<unsigned>(sent);
  return 1;
}

/// recvmmsg(2) without a time limit, but for one message recvmsg(2), and for a plain one recvfrom(2): each
/// costs less than the one before.
inline int receive_messages(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  if (count != 1) return ::recvmmsg(descriptor, messages, count, flags, nullptr);
  msghdr& header = messages->msg_hdr;
  ssize_t received = 0;
  if (is_plain(header)) {
    const std::size_t room = header.msg_iov->iov_len;
    // With this flag it tells the datagram's own length (recv(2)).
    received = ::recvfrom(descriptor, header.msg_iov->iov_base, room, flags | MSG_TRUNC,
                          static_cast<sockaddr*>(header.msg_name), &header.msg_namelen);
    header.msg_flags = received > static_cast<ssize_t>(room) ? MSG_TRUNC : 0;
    received = std::min(received, static_cast<ssize_t>(room));
  } else {
    received = ::recvmsg(descriptor, &header, flags);
  }
  if (received < 0) return -1;
  messages->msg_len = static_cast<unsigned>(received);
  return 1;
}

/// The calls that move datagrams, so that a test can put its own in their place and let them fail as kernels
/// and devices do.
struct KernelCalls {
  int (*send)(int descriptor, mmsghdr* messages, unsigned count, int flags) = send_messages;
  int (*receive)(int descriptor, mmsghdr* messages, unsigned count, int flags) = receive_messages;
};

/// Those of this thread.
inline const KernelCalls kDirectCalls{};
inline thread_local const KernelCalls* kernel_calls = &kDirectCalls;

}  // namespace holler
