#include "net/shared_port.hpp"

#include <array>
#include <linux/filter.h>
#include <sys/socket.h>
#include <utility>

#include "net/socket_error.hpp"
#include "net/socket_options.hpp"

namespace holler {
namespace {

constexpr std::uint32_t kKeyBytes = 4;

/// The filter that says what `Steering::socket_of` says. It sees the payload; a number that no socket has
/// leaves the choice to the kernel, which goes by the addresses and ports (socket(7)).
void attach(int descriptor, const Steering& steering, std::uint32_t sockets) noexcept {
  constexpr std::uint32_t kAnySocket = 0xffffffff;
  std::array<sock_filter, 8> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, steering.key_at + kKeyBytes, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steering.prefix, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, steering.key_at),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
      BPF_STMT(BPF_RET | BPF_A, 0),
      BPF_STMT(BPF_RET | BPF_K, kAnySocket),
  }};
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter);
}

}  // namespace

std::optional<std::size_t> Steering::socket_of(Bytes datagram, std::size_t sockets) const noexcept {
  if (datagram.size() < key_at + kKeyBytes) return std::nullopt;
  if (load_number<std::uint32_t>(datagram.data()) != prefix) return std::nullopt;
  return load_number<std::uint32_t>(datagram.data() + key_at) % sockets;
}

Result<std::vector<UdpSocket>> bind_shared(const Endpoint& local, const SocketOptions& options,
                                           std::size_t count, const Steering& steering) {
  auto first = UdpSocket::bind(local, options);
  if (!first) return failure(std::move(first.error()));
  std::vector<UdpSocket> sockets;
  sockets.push_back(std::move(*first));
  if (count <= 1) return sockets;
  const int descriptor = sockets.front().native_handle();
  if (const int failed = set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1); failed != 0) {
    return failure(socket_failure(failed));
  }
  const Endpoint name = sockets.front().local_address();
  SocketOptions shared = options;
  shared.reuse_port = true;
  while (sockets.size() < count) {
    auto another = UdpSocket::bind(name, shared);
    if (!another) return failure(std::move(another.error()));
    sockets.push_back(std::move(*another));
  }
  attach(descriptor, steering, static_cast<std::uint32_t>(count));
  return sockets;
}

}  // namespace holler
