// A question and an answer between two programs on one machine, with nothing but a socket.

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <tuple>

#include "holler/udp_socket.hpp"

#include "examples/program.hpp"
#include "examples/python_text.hpp"

namespace chapter {
namespace {

int serve(std::uint16_t port) {
  end_on_signals<kDone>();
  auto socket = holler::UdpSocket::bind({holler::Address::loopback_v4(), port});
  if (!socket) return fail(socket.error());
  say("Listening at {}", python_tuple(socket->local_address()));

  holler::ReceiveBatch batch;
  for (;;) {
    if (const auto ready = socket->wait(holler::kForever); !ready) return fail(ready.error());
    if (const auto received = socket->receive(batch); !received) return fail(received.error());
    for (const auto& datagram : batch.datagrams()) {
      say("The client at {} says {}", python_tuple(datagram.from),
          python_repr(holler::text_of(datagram.bytes)));
      const auto reply = holler::format("Your data was {} bytes long", datagram.bytes.size());
      // A reply that cannot be sent is a reply that got lost: UDP's askers live with both.
      std::ignore = socket->send_to(datagram.from, holler::bytes_of(reply));
    }
    (void)socket->receive_errors();  // a client that has closed its socket is no reason to stop
  }
}

/// `str(datetime.now())`: local time, with microseconds.
std::string local_time() {
  const auto now = std::chrono::system_clock::now();
  const auto microseconds =
      std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now));
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S", &parts);
  const std::string fraction = std::to_string(1'000'000 + microseconds).substr(1);
  return holler::format("{}.{}", date.data(), fraction);
}

int ask(std::uint16_t port, bool naive) {
  end_on_signals<kInterrupted>();
  const holler::Endpoint server{holler::Address::loopback_v4(), port};
  auto socket = holler::UdpSocket::bind({holler::Address::any_v4(), 0});
  if (!socket) return fail(socket.error());
  const auto sent = socket->send_to(server, holler::bytes_of(holler::format("The time is {}", local_time())));
  if (!sent) return fail(sent.error());
  say("The OS assigned me the address {}", python_tuple(socket->local_address()));

  holler::ReceiveBatch batch;
  for (;;) {
    if (const auto ready = socket->wait(holler::kForever); !ready) return fail(ready.error());
    if (const auto received = socket->receive(batch); !received) return fail(received.error());
    for (const auto& datagram : batch.datagrams()) {
      // The socket is open to everyone. Whoever leaves this line out believes the first stranger who writes.
      if (!naive && datagram.from != server) continue;
      say("The server {} replied {}", python_tuple(datagram.from),
          python_repr(holler::text_of(datagram.bytes)));
      return kDone;
    }
    for (const auto& error : socket->receive_errors()) {
      if (error.system_errno != ECONNREFUSED || error.destination != server) continue;
      return fail({.code = holler::ErrorCode::refused,
                   .system_errno = ECONNREFUSED,
                   .attempted = "ask",
                   .endpoint = server,
                   .advice = "start a server there: udp_local server"});
    }
  }
}

}  // namespace
}  // namespace chapter

int main(int count, char** values) {
  const auto arguments =
      chapter::read_arguments({.program = "udp_local",
                               .description = "Send and receive UDP locally",
                               .role = true,
                               .option = "--naive",
                               .option_help = "client: believe whoever answers first, as the chapter's does"},
                              count, values);
  return arguments.server ? chapter::serve(arguments.port)
                          : chapter::ask(arguments.port, arguments.option.has_value());
}
