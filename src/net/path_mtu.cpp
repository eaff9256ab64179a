#include "net/path_mtu.hpp"

#include <sys/socket.h>

#include "net/sockaddr.hpp"
#include "net/socket_options.hpp"

namespace holler {
namespace {

constexpr std::uint16_t kAnyPort = 9;  // of the peer; nothing is sent there

}  // namespace

std::size_t PathMtu::payload_bytes(Timestamp now, const Address& peer) {
  const Endpoint key{peer, 0};
  const auto known = paths_.find(key);
  if (known != paths_.end() && now - known->second.asked < kKept) return known->second.payload_bytes;
  const Path path{.payload_bytes = ask_kernel(peer), .asked = now};
  if (known == paths_.end() && paths_.size() >= kPathsMax) paths_.clear();
  paths_.insert_or_assign(key, path);
  return path.payload_bytes;
}

std::size_t PathMtu::ask_kernel(const Address& peer) {
  Descriptor& socket = sockets_[peer.is_v6() ? 1 : 0];
  const int family = peer.is_v6() ? AF_INET6 : AF_INET;
  if (!socket) socket = Descriptor{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return kUnknownBytes;
  const SocketName name{{peer, kAnyPort}, family};
  if (::connect(socket.get(), name.get(), name.size()) != 0) return kUnknownBytes;
  const auto bytes = path_payload_bytes(socket.get(), peer);
  // The old association would choose the source of the next one (seen on Linux 6.18), and its port hears
  // what nobody reads.
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  (void)::connect(socket.get(), &nobody, sizeof nobody);
  return bytes.value_or(kUnknownBytes);
}

}  // namespace holler
