#include <array>
#include <cerrno>
#include <cstddef>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

#include "holler/client.hpp"
#include "holler/system.hpp"

#include "net/poller.hpp"
#include "tests/support/running_server.hpp"

// A kernel before 5.11, and a program that runs another under its eye (valgrind 3.19), has no
// epoll_pwait2(2): a server ended with "function not implemented".

namespace holler {
namespace {

/// From here on this thread, and those that it starts, meet a kernel without the call.
bool forbid_epoll_pwait2() {
  const auto refuse = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO) | static_cast<std::uint32_t>(ENOSYS);
  std::array<sock_filter, 4> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_epoll_pwait2},
      {BPF_RET | BPF_K, 0, 0, refuse},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(KernelsWithoutEpollPwait2, AreAskedTheOlderWay) {
  // In a thread of its own, so that the tests that follow meet the kernel as it is.
  std::thread{[] {
    ASSERT_TRUE(forbid_epoll_pwait2());
    auto poller = Poller::create();
    ASSERT_TRUE(poller);
    const Timestamp started = monotonic_now();
    const auto ready = poller->wait(std::chrono::microseconds{1500});
    ASSERT_TRUE(ready) << ready.error().message();
    EXPECT_TRUE(ready->empty());
    EXPECT_GE(monotonic_now() - started, std::chrono::microseconds{1500}) << "it came back early";

    const testing::RunningServer server{
        {}, [](const Request& request, ReplyWriter& reply) { reply.append(request.text()); }};
    auto client = Client::open();
    ASSERT_TRUE(client);
    const auto reply = client->ask(server.endpoint(), bytes_of("still there?"));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(text_of(reply->payload), "still there?");
  }}.join();
}

}  // namespace
}  // namespace holler
