// One datagram that no Ethernet takes in one piece, and the question what would have fitted.

#include <cstdio>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include "holler/udp_socket.hpp"

#include "examples/program.hpp"
#include "examples/python_text.hpp"

namespace chapter {
namespace {

#if defined(IP_MTU) && defined(IP_MTU_DISCOVER) && defined(IP_PMTUDISC_DO)

int send_big_datagram(const std::string& host, std::uint16_t port) {
  const auto peer = resolve_ipv4(host, port);
  if (!peer) return fail(peer.error());
  auto socket = holler::UdpSocket::connected(*peer);
  if (!socket) return fail(socket.error());

  // Don't fragment: what is too large for the way is an error here, not a puzzle of pieces there.
  const int discover = IP_PMTUDISC_DO;
  if (setsockopt(socket->native_handle(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover) != 0) {
    std::perror("big_sender: IP_MTU_DISCOVER");
    return kLocalFailure;
  }
  const auto sent = socket->send_to(*peer, holler::bytes_of(std::string(65000, '#')));
  if (sent) {
    say("The big datagram was sent!");
    return kDone;
  }
  if (sent.error().code != holler::ErrorCode::too_large) return fail(sent.error());
  say("Alas, the datagram did not make it");
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (getsockopt(socket->native_handle(), IPPROTO_IP, IP_MTU, &mtu, &size) != 0) {
    std::perror("big_sender: IP_MTU");
    return kLocalFailure;
  }
  say("Actual MTU: {}", mtu);
  return kDone;
}

#else

int send_big_datagram(const std::string&, std::uint16_t) {
  std::fputs("RuntimeError: unsupported: this operating system does not tell the MTU of a path\n", stderr);
  return kLocalFailure;
}

#endif

}  // namespace
}  // namespace chapter

int main(int count, char** values) {
  chapter::end_on_signals<chapter::kInterrupted>();
  const auto arguments =
      chapter::read_arguments({.program = "big_sender",
                               .description = "Send a big UDP datagram to learn the MTU of the network path",
                               .host = "the host to which to target the packet"},
                              count, values);
  return chapter::send_big_datagram(arguments.host, arguments.port);
}
