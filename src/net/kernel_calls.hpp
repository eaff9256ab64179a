#pragma once

#include <sys/socket.h>

namespace holler {

/// The calls that move datagrams, so that a test can put its own in their place and let them fail as kernels
/// and devices do.
struct KernelCalls {
  int (*send)(int descriptor, mmsghdr* messages, unsigned count, int flags) = ::sendmmsg;
  int (*receive)(int descriptor, mmsghdr* messages, unsigned count, int flags,
                 timespec* timeout) = ::recvmmsg;
};

/// Those of this thread.
inline const KernelCalls kDirectCalls{};
inline thread_local const KernelCalls* kernel_calls = &kDirectCalls;

}  // namespace holler
