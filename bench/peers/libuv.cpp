// libuv: several datagrams from one call (UV_UDP_RECVMMSG), answered at once with uv_udp_try_send, and by a
// request of its own where the socket has no room.

#include <cstring>
#include <memory>
#include <uv.h>
#include <vector>

#include "common.hpp"

namespace {

constexpr std::size_t kDatagramBytes = 65536;
constexpr std::size_t kAtOnce = 20;  // what libuv reads in one call at most

struct Waiting {
  uv_udp_send_t request{};
  std::vector<char> bytes;
};

void allocate(uv_handle_t* /*handle*/, std::size_t /*suggested*/, uv_buf_t* buffer) {
  static std::vector<char> memory(kAtOnce * kDatagramBytes);
  *buffer = uv_buf_init(memory.data(), static_cast<unsigned>(memory.size()));
}

void sent(uv_udp_send_t* request, int /*status*/) { delete static_cast<Waiting*>(request->data); }

void received(uv_udp_t* socket, ssize_t bytes, const uv_buf_t* buffer, const sockaddr* from, unsigned flags) {
  if (bytes < 0 || from == nullptr || (flags & UV_UDP_MMSG_FREE) != 0) return;
  uv_buf_t answer = uv_buf_init(buffer->base, static_cast<unsigned>(bytes));
  if (uv_udp_try_send(socket, &answer, 1, from) != UV_EAGAIN) return;
  auto waiting = std::make_unique<Waiting>();
  waiting->bytes.assign(buffer->base, buffer->base + bytes);
  waiting->request.data = waiting.get();
  answer = uv_buf_init(waiting->bytes.data(), static_cast<unsigned>(bytes));
  if (uv_udp_send(&waiting->request, socket, &answer, 1, from, sent) == 0) (void)waiting.release();
}

void check(const char* what, int status) {
  if (status < 0) peers::give_up(what, uv_strerror(status));
}

int serve(const peers::Options& options) {
  if (options.spin) return peers::cannot("a loop of events sleeps");
  uv_loop_t* loop = uv_default_loop();
  uv_udp_t socket;
  check("uv_udp_init_ex", uv_udp_init_ex(loop, &socket, AF_INET | UV_UDP_RECVMMSG));
  const sockaddr_in at = peers::socket_address(options);
  check("uv_udp_bind", uv_udp_bind(&socket, reinterpret_cast<const sockaddr*>(&at), 0));
  int bytes = peers::kReceiveBufferBytes;
  (void)uv_recv_buffer_size(reinterpret_cast<uv_handle_t*>(&socket), &bytes);
  check("uv_udp_recv_start", uv_udp_recv_start(&socket, allocate, received));
  int descriptor = -1;
  check("uv_fileno", uv_fileno(reinterpret_cast<uv_handle_t*>(&socket), &descriptor));
  peers::say_ready(peers::port_of(descriptor));
  return uv_run(loop, UV_RUN_DEFAULT);
}

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values, {"peer_libuv", uv_version_string(), {}, serve, nullptr});
}
