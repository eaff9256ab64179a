#include <array>
#include <cerrno>
#include <cstddef>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>

#include "holler/client.hpp"

#include "tests/support/running_server.hpp"

// A question that waits learned its source address from a second socket, which was connected for it and had a
// port of its own for a moment: whoever looked at the right time, like the stranger of `holler forge`, saw
// two.

namespace holler {
namespace {

/// From here on this thread, and those that it starts, meet a kernel without netlink, or without connect(2).
bool forbid(bool netlink) {
  const auto refuse = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO);
  constexpr auto kFirstArgument = static_cast<std::uint32_t>(offsetof(seccomp_data, args));
  const sock_filter call{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)};
  const sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const std::array<sock_filter, 4> no_connect{{call,
                                               {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_connect},
                                               {BPF_RET | BPF_K, 0, 0, refuse | ENOSYS},
                                               allow}};
  const std::array<sock_filter, 6> no_netlink{{call,
                                               {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_socket},
                                               {BPF_LD | BPF_W | BPF_ABS, 0, 0, kFirstArgument},
                                               {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AF_NETLINK},
                                               {BPF_RET | BPF_K, 0, 0, refuse | EAFNOSUPPORT},
                                               allow}};
  const auto install = [](const auto& rules) {
    const sock_fprog filter{.len = static_cast<unsigned short>(rules.size()),
                            .filter = const_cast<sock_filter*>(rules.data())};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
  };
  return netlink ? install(no_netlink) : install(no_connect);
}

void ask_without(bool netlink) {
  const auto echo = [](const Request& request, ReplyWriter& reply) { reply.append(request.text()); };
  const testing::RunningServer old{{.host = "127.0.0.1"}, echo};
  const testing::RunningServer modern{{.host = "::1"}, echo};
  // In a thread of its own, so that the tests that follow meet the kernel as it is.
  std::thread{[&] {
    ASSERT_TRUE(forbid(netlink));
    for (const Endpoint& server : {old.endpoint(), modern.endpoint()}) {
      auto client = Client::open();
      ASSERT_TRUE(client);
      const auto reply = client->ask(server, bytes_of("one socket?"));
      ASSERT_TRUE(reply) << reply.error().message();
      EXPECT_EQ(text_of(reply->payload), "one socket?");
      EXPECT_EQ(reply->peer, server);
    }
  }}.join();
}

TEST(Asking, ShowsNoOtherSocketThanTheOneThatAsks) { ask_without(false); }

TEST(Asking, FindsItsSourceWhereASandboxHasNoNetlink) { ask_without(true); }

}  // namespace
}  // namespace holler
