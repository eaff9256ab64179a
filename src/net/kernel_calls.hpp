#pragma once

#include <sys/socket.h>

namespace holler {

/// sendmmsg(2), but for one message sendmsg(2), which costs less.
inline int send_messages(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  if (count != 1) return ::sendmmsg(descriptor, messages, count, flags);
  const ssize_t sent = ::sendmsg(descriptor, &messages->msg_hdr, flags);
  if (sent < 0) return -1;
  messages->msg_len = static_cast<unsigned>(sent);
  return 1;
}

/// recvmmsg(2) without a time limit, but for one message recvmsg(2), which costs less.
inline int receive_messages(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  if (count != 1) return ::recvmmsg(descriptor, messages, count, flags, nullptr);
  const ssize_t received = ::recvmsg(descriptor, &messages->msg_hdr, flags);
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
