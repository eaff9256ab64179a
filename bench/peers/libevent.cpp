// libevent: one persistent read event, and recvfrom and sendto until nothing is left. Its own buffers are for
// streams; UDP is left to the caller.

#include <array>
#include <event2/event.h>

#include "common.hpp"

namespace {

constexpr int kAtOnce = 64;  // then other events get their turn

void readable(evutil_socket_t descriptor, short /*what*/, void* /*argument*/) {
  static std::array<char, 65536> buffer;
  for (int i = 0; i < kAtOnce; ++i) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* name = reinterpret_cast<sockaddr*>(&from);
    const auto got = ::recvfrom(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT, name, &size);
    if (got < 0) return;
    ::sendto(descriptor, buffer.data(), static_cast<std::size_t>(got), 0, name, size);
  }
}

int serve(const peers::Options& options) {
  if (options.spin) return peers::cannot("a loop of events sleeps");
  const int descriptor = peers::bound_socket(peers::socket_address(options));
  (void)evutil_make_socket_nonblocking(descriptor);
  event_base* base = event_base_new();
  if (base == nullptr) peers::give_up("event_base_new", "failed");
  event* reading = event_new(base, descriptor, EV_READ | EV_PERSIST, readable, nullptr);
  if (reading == nullptr || event_add(reading, nullptr) != 0) peers::give_up("event_add", "failed");
  peers::say_ready(peers::port_of(descriptor));
  return event_base_dispatch(base);
}

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values, {"peer_libevent", event_get_version(), {}, serve, nullptr});
}
