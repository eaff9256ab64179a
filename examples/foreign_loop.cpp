// The exchange engine in a loop of your own: Requester and Responder under plain poll(2). They keep no
// socket, clock or thread, so any event loop can carry them; this one is the smallest.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <poll.h>
#include <string_view>

#include "holler/codecs.hpp"
#include "holler/names.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"

using namespace holler;

namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "foreign_loop: %s\n", error.message().c_str());
  return 4;
}

/// Sleeps until the socket has news or an engine's next timeout is due.
void sleep_until(const UdpSocket& socket, Timestamp wake) {
  const auto now = monotonic_now();
  // Rounded up: waking too early would find nothing due and spin.
  const auto left = wake > now ? std::chrono::ceil<std::chrono::milliseconds>(wake - now).count() : 0;
  pollfd watched{.fd = socket.native_handle(), .events = POLLIN, .revents = 0};
  poll(&watched, 1, wake == kNever ? -1 : static_cast<int>(std::min<std::int64_t>(left, 60'000)));
}

int ask(const Endpoint& peer, std::span<char*> questions) {
  auto socket = UdpSocket::bind({peer.address.is_v6() ? Address::any_v6() : Address::any_v4(), 0});
  if (!socket) return complain(socket.error());
  SystemRandom random;
  Requester requester{holler_codec(), random};
  ByteVector buffer(kPayloadBytesMaxV6);
  ReceiveBatch batch;
  int unanswered = 0;

  for (const std::string_view question : questions) {  // all at once: the engine paces them
    if (requester.start(monotonic_now(), peer, bytes_of(question)).status != StartStatus::started)
      ++unanswered;
  }
  const auto report = [&] {
    while (const auto event = requester.poll_event()) {
      const bool answered = event->outcome == Outcome::answered;
      if (answered)
        std::printf("%.*s\n", static_cast<int>(event->payload.size()), text_of(event->payload).data());
      std::fprintf(stderr, "%s: %s, %u transmissions\n", event->peer.to_string().c_str(),
                   name_of(event->outcome).data(), event->attempts);
      if (!answered) ++unanswered;
    }
  };
  while (requester.outstanding() > 0) {
    while (const auto out = requester.poll_transmit(monotonic_now(), buffer)) {
      (void)socket->send_to(out->to,
                            Bytes{buffer}.first(out->bytes));  // what is not sent is lost, and repeated
    }
    sleep_until(*socket, requester.next_timeout());
    for (const auto& error : socket->receive_errors()) {
      const auto kind = error.system_errno == ECONNREFUSED ? Unreachable::refused : Unreachable::soft;
      requester.handle_unreachable(monotonic_now(),
                                   {.kind = kind, .peer = error.destination, .quote = error.quote});
    }
    if (const auto received = socket->receive(batch); !received) return complain(received.error());
    for (const auto& datagram : batch.datagrams()) {
      requester.handle_datagram(
          monotonic_now(), {.from = datagram.from, .bytes = datagram.bytes, .truncated = datagram.truncated});
      report();  // the payload points into the datagram: use it before the next one
    }
    requester.handle_timeout(monotonic_now());
    report();
  }
  return unanswered == 0 ? 0 : 1;
}

int serve(const Endpoint& local) {
  auto socket = UdpSocket::bind(local);
  if (!socket) return complain(socket.error());
  std::printf("listening at %s\n", socket->local_address().to_string().c_str());
  std::fflush(stdout);
  SystemRandom random;
  Responder responder{{&holler_codec()}, random};
  ByteVector buffer(kPayloadBytesMaxV6);
  ReceiveBatch batch;

  for (;;) {
    while (const auto out = responder.poll_transmit(monotonic_now(), buffer)) {
      const OutgoingDatagram reply{.to = out->to,
                                   .from = out->from.address,
                                   .interface = out->interface,
                                   .bytes = Bytes{buffer}.first(out->bytes)};
      (void)socket->send({&reply, 1});
    }
    sleep_until(*socket, responder.next_timeout());
    (void)socket->receive_errors();
    if (const auto received = socket->receive(batch); !received) return complain(received.error());
    for (const auto& datagram : batch.datagrams()) {
      responder.handle_datagram(monotonic_now(), {.from = datagram.from,
                                                  .to = {datagram.reply_from, datagram.to.port},
                                                  .interface = datagram.interface,
                                                  .delivery = static_cast<Delivery>(datagram.cast),
                                                  .bytes = datagram.bytes,
                                                  .truncated = datagram.truncated});
      while (const auto request = responder.poll_request()) {  // here is where the work is done
        ByteVector shout = copy_of(request->payload);
        std::ranges::transform(shout, shout.begin(), [](std::byte b) {
          return b >= std::byte{'a'} && b <= std::byte{'z'} ? b ^ std::byte{0x20} : b;
        });
        responder.reply(monotonic_now(), request->job, shout);
      }
    }
    responder.handle_timeout(monotonic_now());
  }
}

}  // namespace

int main(int count, char** values) {
  const std::span<char*> arguments{values, static_cast<std::size_t>(count)};
  const std::string_view role = count > 2 ? arguments[1] : "";
  if (!(role == "server" && count == 3) && !(role == "client" && count > 3)) {
    std::fputs("usage: foreign_loop server HOST[:PORT] | client HOST[:PORT] QUESTION...\n", stderr);
    return 2;
  }
  const auto typed = split_host_port(arguments[2]);
  if (!typed) return complain(typed.error());
  if (role == "server") {
    const auto local = resolve_local(typed->host, typed->port);
    return local ? serve(*local) : complain(local.error());
  }
  const auto found = resolve(typed->host, typed->port);
  return found ? ask(found->front(), arguments.subspan(3)) : complain(found.error());
}
