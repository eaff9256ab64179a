// The exchange engine in a loop of your own: Requester and Responder under plain poll(2). They keep no
// socket, clock or thread, so any event loop can carry them; this one is the smallest.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <poll.h>
#include <span>
#include <string_view>
#include <tuple>

#include "holler/codecs.hpp"
#include "holler/names.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

namespace {

int complain(const holler::Error& error) {
  std::cerr << "foreign_loop: " << error.message() << '\n';
  return 4;
}

/// Sleeps until the socket has news or an engine's next timeout is due.
void sleep_until(const holler::UdpSocket& socket, holler::Timestamp wake) {
  const auto now = holler::monotonic_now();
  // Rounded up: waking too early would find nothing due and spin.
  const auto left = wake > now ? std::chrono::ceil<std::chrono::milliseconds>(wake - now).count() : 0;
  pollfd watched{.fd = socket.native_handle(), .events = POLLIN, .revents = 0};
  poll(&watched, 1, wake == holler::kNever ? -1 : static_cast<int>(std::min<std::int64_t>(left, 60'000)));
}

int ask(const holler::Endpoint& peer, std::span<char*> questions) {
  const auto any = peer.address.is_v6() ? holler::Address::any_v6() : holler::Address::any_v4();
  auto socket = holler::UdpSocket::bind({any, 0});
  if (!socket) return complain(socket.error());
  holler::SystemRandom random;
  holler::Requester requester{holler::holler_codec(), random};
  holler::ByteVector buffer(holler::kPayloadBytesMaxV6);
  holler::ReceiveBatch batch;
  int unanswered = 0;

  for (const std::string_view question : questions) {  // all at once: the engine paces them
    const auto started = requester.start(holler::monotonic_now(), peer, holler::bytes_of(question));
    if (started.status != holler::StartStatus::started) ++unanswered;
  }
  const auto report = [&] {
    while (const auto event = requester.poll_event()) {
      const bool answered = event->outcome == holler::Outcome::answered;
      if (answered) std::cout << holler::text_of(event->payload) << std::endl;
      std::cerr << event->peer.to_string() << ": " << holler::name_of(event->outcome) << ", "
                << event->attempts << " transmissions\n";
      if (!answered) ++unanswered;
    }
  };
  while (requester.outstanding() > 0) {
    while (const auto out = requester.poll_transmit(holler::monotonic_now(), buffer)) {
      // What cannot be sent is lost like any other datagram, and repeated like it.
      std::ignore = socket->send_to(out->to, holler::Bytes{buffer}.first(out->bytes));
    }
    sleep_until(*socket, requester.next_timeout());
    for (const auto& error : socket->receive_errors()) {
      const bool refused = error.system_errno == ECONNREFUSED;
      (void)requester.handle_unreachable(
          holler::monotonic_now(),
          {.kind = refused ? holler::Unreachable::refused : holler::Unreachable::soft,
           .peer = error.destination,
           .quote = error.quote});
    }
    if (const auto received = socket->receive(batch); !received) return complain(received.error());
    for (const auto& datagram : batch.datagrams()) {
      (void)requester.handle_datagram(
          holler::monotonic_now(),
          {.from = datagram.from, .bytes = datagram.bytes, .truncated = datagram.truncated});
      report();  // the payload points into the datagram: use it before the next one
    }
    requester.handle_timeout(holler::monotonic_now());
    report();
  }
  return unanswered == 0 ? 0 : 1;
}

int serve(const holler::Endpoint& local) {
  auto socket = holler::UdpSocket::bind(local);
  if (!socket) return complain(socket.error());
  std::cout << "listening at " << socket->local_address().to_string() << std::endl;
  holler::SystemRandom random;
  holler::Responder responder{{&holler::holler_codec()}, random};
  holler::ByteVector buffer(holler::kPayloadBytesMaxV6);
  holler::ReceiveBatch batch;

  for (;;) {
    while (const auto out = responder.poll_transmit(holler::monotonic_now(), buffer)) {
      const holler::OutgoingDatagram reply{.to = out->to,
                                           .from = out->from.address,
                                           .interface = out->interface,
                                           .bytes = holler::Bytes{buffer}.first(out->bytes)};
      (void)socket->send({&reply, 1});
    }
    sleep_until(*socket, responder.next_timeout());
    (void)socket->receive_errors();  // an asker that has gone is no reason to stop
    if (const auto received = socket->receive(batch); !received) return complain(received.error());
    for (const auto& datagram : batch.datagrams()) {
      // What came to this host alone is answered by the way that the routes say; what came to many, on the
      // network that they are on.
      const bool alone = datagram.delivery == holler::Delivery::unicast;
      (void)responder.handle_datagram(holler::monotonic_now(), {.from = datagram.from,
                                                                .to = {datagram.reply_from, datagram.to.port},
                                                                .interface = alone ? 0 : datagram.interface,
                                                                .delivery = datagram.delivery,
                                                                .bytes = datagram.bytes,
                                                                .truncated = datagram.truncated,
                                                                .waited = datagram.waited});
      while (const auto request = responder.poll_request()) {  // here is where the work is done
        auto shout = holler::copy_of(request->payload);
        std::ranges::transform(shout, shout.begin(), [](std::byte b) {
          return b >= std::byte{'a'} && b <= std::byte{'z'} ? b ^ std::byte{0x20} : b;
        });
        (void)responder.reply(holler::monotonic_now(), request->job, shout);
      }
    }
    responder.handle_timeout(holler::monotonic_now());
  }
}

}  // namespace

int main(int count, char** values) {
  const std::span<char*> arguments{values, static_cast<std::size_t>(count)};
  const std::string_view role = count > 2 ? arguments[1] : "";
  if ((role != "server" || count != 3) && (role != "client" || count < 4)) {
    std::cerr << "usage: foreign_loop server HOST[:PORT] | client HOST[:PORT] QUESTION...\n";
    return 2;
  }
  const auto typed = holler::split_host_port(arguments[2]);
  if (!typed) return complain(typed.error());
  if (role == "server") {
    const auto local = holler::resolve_local(typed->host, typed->port);
    return local ? serve(*local) : complain(local.error());
  }
  const auto found = holler::resolve(typed->host, typed->port);
  return found ? ask(found->front(), arguments.subspan(3)) : complain(found.error());
}
