// One datagram that everybody on the subnet hears.

#include <string>

#include "holler/udp_socket.hpp"

#include "examples/program.hpp"
#include "examples/python_text.hpp"

namespace chapter {
namespace {

int serve(const std::string& host, std::uint16_t port) {
  end_on_signals<kDone>();
  const auto local = resolve_ipv4(host, port);
  if (!local) return fail(local.error());
  // Hearing broadcasts takes no option, only a wildcard address: one bound to its own address hears none.
  auto socket = holler::UdpSocket::bind(*local);
  if (!socket) return fail(socket.error());
  say("Listening for datagrams at {}", python_tuple(socket->local_address()));

  holler::ReceiveBatch batch;
  for (;;) {
    if (const auto ready = socket->wait(holler::kForever); !ready) return fail(ready.error());
    if (const auto received = socket->receive(batch); !received) return fail(received.error());
    for (const auto& datagram : batch.datagrams()) {
      say("The client at {} says: {}", python_tuple(datagram.from),
          python_repr(holler::text_of(datagram.bytes)));
    }
  }
}

int shout(const std::string& network, std::uint16_t port) {
  end_on_signals<kInterrupted>();
  const auto everyone = resolve_ipv4(network, port);
  if (!everyone) return fail(everyone.error());
  auto socket = holler::UdpSocket::bind({holler::Address::any_v4(), 0}, {.broadcast = true});
  if (!socket) return fail(socket.error());
  const auto sent = socket->send_to(*everyone, holler::bytes_of("Broadcast datagram!"));
  return sent ? kDone : fail(sent.error());
}

}  // namespace
}  // namespace chapter

int main(int count, char** values) {
  const auto arguments =
      chapter::read_arguments({.program = "udp_broadcast",
                               .description = "Send, receive UDP broadcast",
                               .role = true,
                               .host = "interface the server listens at; network the client sends to"},
                              count, values);
  return arguments.server ? chapter::serve(arguments.host, arguments.port)
                          : chapter::shout(arguments.host, arguments.port);
}
