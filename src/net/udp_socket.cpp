#include "holler/udp_socket.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

#include "holler/format.hpp"

#include "net/error_queue.hpp"
#include "net/sockaddr.hpp"
#include "net/socket_error.hpp"
#include "net/socket_options.hpp"
#include "net/udp_socket_state.hpp"

namespace holler {
namespace {

constexpr std::size_t kErrorsMax = 64;

Endpoint name_of_socket(int descriptor) noexcept {
  SocketName name{};
  socklen_t size = SocketName::room();
  if (::getsockname(descriptor, name.get(), &size) != 0) return {};
  return endpoint_from(name.get());
}

std::optional<Endpoint> peer_of_socket(int descriptor) noexcept {
  SocketName name{};
  socklen_t size = SocketName::room();
  if (::getpeername(descriptor, name.get(), &size) != 0) return std::nullopt;
  return endpoint_from(name.get());
}

int bind_to(int descriptor, int family, const Endpoint& local) noexcept {
  const SocketName name{local, family};
  return ::bind(descriptor, name.get(), name.size()) == 0 ? 0 : errno;
}

Error not_usable(std::string advice) {
  return {.code = ErrorCode::invalid_argument,
          .attempted = "adopt a descriptor",
          .endpoint = {},
          .advice = std::move(advice)};
}

}  // namespace

UdpSocket::UdpSocket(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

namespace {

/// Neither bound nor connected yet: never leaves this file.
struct Opened {
  Descriptor descriptor;
  int family;
  bool v6_only;
};

Result<Opened> open(const Address& local, const SocketOptions& options) {
  const int family = local.is_v6() ? AF_INET6 : AF_INET;
  // Only a wildcard can hear both families. A socket bound to one IPv6 address would otherwise send to an
  // IPv4 peer from 127.0.0.6 (the kernel's LOOPBACK4_IPV6).
  const bool v6_only = family == AF_INET6 && !(options.dual_stack && local.is_wildcard());
  Descriptor descriptor{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)};
  if (!descriptor) return failure(socket_failure(errno));
  if (auto applied = apply_options(descriptor.get(), family, v6_only, options); !applied) {
    return failure(std::move(applied.error()));
  }
  return Opened{std::move(descriptor), family, v6_only};
}

}  // namespace

Result<UdpSocket> UdpSocket::bind(const Endpoint& local, const SocketOptions& options) {
  auto opened = open(local.address, options);
  if (!opened && opened.error().system_errno == EAFNOSUPPORT && options.dual_stack &&
      local.address == Address::any_v6()) {
    // "Every address of both families" on a machine without IPv6 is every IPv4 address.
    return bind({Address::any_v4(), local.port}, options);
  }
  if (!opened) return failure(std::move(opened.error()));
  auto& [descriptor, family, v6_only] = *opened;
  if (const int failed = bind_to(descriptor.get(), family, local); failed != 0) {
    return failure(bind_failure(failed, local));
  }
  auto state = std::make_unique<State>(std::move(descriptor), family, v6_only, local.address);
  state->stamped = options.tell_waits;
  state->noted = options.tell_waits || options.tell_destination || options.coalesce;
  state->refresh_local();
  return UdpSocket{std::move(state)};
}

Result<UdpSocket> UdpSocket::connected(const Endpoint& peer, std::optional<Endpoint> local,
                                       const SocketOptions& options) {
  const Endpoint source =
      local.value_or(Endpoint{peer.address.is_v6() ? Address::any_v6() : Address::any_v4(), 0});
  auto socket = bind(source, options);
  if (!socket) return failure(std::move(socket.error()));
  if (auto done = socket->state_->connect(peer); !done) return failure(std::move(done.error()));
  return socket;
}

Result<UdpSocket> UdpSocket::adopt(int descriptor) {
  if (get_option(descriptor, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM ||
      get_option(descriptor, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP) {
    return failure(not_usable("it is not a UDP socket"));
  }
  const int family = get_option(descriptor, SOL_SOCKET, SO_DOMAIN).value_or(AF_UNSPEC);
  const Endpoint local = name_of_socket(descriptor);
  if (local.port == 0) return failure(not_usable("it is not bound"));
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ||
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0) {
    return failure(socket_failure(errno));
  }
  if (auto enabled = enable_reports(descriptor, family, {}); !enabled)
    return failure(std::move(enabled.error()));
  const bool v6_only =
      family == AF_INET6 && get_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY).value_or(0) != 0;
  auto state = std::make_unique<State>(Descriptor{descriptor}, family, v6_only, local.address, local,
                                       peer_of_socket(descriptor));
  return UdpSocket{std::move(state)};
}

void UdpSocket::State::refresh_local() noexcept { local = name_of_socket(descriptor.get()); }

std::uint64_t UdpSocket::State::look_at_drops() noexcept {
  std::uint64_t before = drops.load();
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  if (::getsockopt(descriptor.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return before;
  const std::uint64_t now = widened(before, memory[SK_MEMINFO_DROPS]);
  // Where another thread has looked meanwhile, what it has seen stands.
  drops.compare_exchange_strong(before, now);
  return now;
}

Result<void> UdpSocket::State::dissolve() {
  const std::uint16_t port = local.port;
  const int interface = get_option(descriptor.get(), SOL_SOCKET, SO_BINDTOIFINDEX).value_or(0);
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  if (::connect(descriptor.get(), &nobody, sizeof nobody) != 0) return failure(socket_failure(errno));
  peer.reset();
  refresh_local();
  // The interface goes with the association, too (seen on Linux 6.18), and with it a protection.
  if (interface != 0) {
    const int failed = set_option(descriptor.get(), SOL_SOCKET, SO_BINDTOIFINDEX, interface);
    if (failed != 0) return failure(interface_failure(failed, format("number {}", interface)));
  }
  if (local.port == port) return {};
  // A port that the kernel chose goes with the association (seen on Linux 6.18; __udp_disconnect keeps
  // only what was bound by number). Bound by number from here on, it stays.
  const int failed = bind_to(descriptor.get(), family, {bound, port});
  if (failed != 0) static_cast<void>(bind_to(descriptor.get(), family, {bound, 0}));  // never left unbound
  refresh_local();
  if (failed != 0) return failure(bind_failure(failed, {bound, port}));
  return {};
}

Result<void> UdpSocket::State::connect(const Endpoint& to) {
  if (to.port == 0) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = "connect to",
                    .endpoint = to,
                    .advice = "port 0 only means \"choose one\", when binding"});
  }
  if ((to.address.is_v6() && family == AF_INET) || (to.address.is_v4() && v6_only)) {
    return failure({.code = ErrorCode::invalid_argument,
                    .attempted = "connect to",
                    .endpoint = to,
                    .advice = format("this socket is bound to {}, of the other family", local.to_string())});
  }
  if (peer) {
    if (auto dissolved = dissolve(); !dissolved) return dissolved;
  }
  const SocketName name{to, family};
  while (::connect(descriptor.get(), name.get(), name.size()) != 0) {
    if (errno != EINTR) return failure(connect_failure(errno, to));
  }
  peer = to;
  refresh_local();
  return {};
}

Result<void> UdpSocket::connect(const Endpoint& peer) { return state_->connect(peer); }
Result<void> UdpSocket::disconnect() { return state_->peer ? state_->dissolve() : Result<void>{}; }

Endpoint UdpSocket::local_address() const { return name_of_socket(state_->descriptor.get()); }
std::optional<Endpoint> UdpSocket::peer() const { return state_->peer; }

std::vector<SocketError> UdpSocket::receive_errors() {
  auto errors = read_error_queue(state_->descriptor.get(), kErrorsMax);
  state_->errors_waiting = errors.size() == kErrorsMax;
  return errors;
}

bool UdpSocket::errors_waiting() const noexcept { return state_->errors_waiting; }

Result<bool> UdpSocket::wait(Duration timeout) const {
  pollfd entry{.fd = state_->descriptor.get(), .events = POLLIN, .revents = 0};
  timeout = std::max(timeout, Duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
  const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
  int ready = ::ppoll(&entry, 1, timeout == kForever ? nullptr : &limit, nullptr);
  if (ready < 0 && errno == EINTR) {  // what has arrived by now has arrived in time: see Poller::wait
    const timespec none{};
    ready = ::ppoll(&entry, 1, &none, nullptr);
  }
  if (ready > 0) {
    if ((entry.revents & POLLERR) != 0) state_->errors_waiting = true;
    return true;
  }
  if (ready == 0 || errno == EINTR) return false;
  return failure(socket_failure(errno));
}

std::uint64_t UdpSocket::kernel_drops() const noexcept { return state_->look_at_drops(); }

std::size_t UdpSocket::receive_buffer_bytes() const {
  return static_cast<std::size_t>(get_option(state_->descriptor.get(), SOL_SOCKET, SO_RCVBUF).value_or(0));
}

int UdpSocket::native_handle() const noexcept { return state_->descriptor.get(); }

}  // namespace holler
