#include "net/socket_error.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

#include "holler/format.hpp"
#include "holler/ports.hpp"

#include "net/descriptor.hpp"
#include "net/port_holder.hpp"
#include "net/sockaddr.hpp"

namespace holler {
namespace {

constexpr const char* kForbiddenAdvice =
    "it is a broadcast address, which nobody answers from (to send there at all, see "
    "SocketOptions::broadcast), or a route forbids it";
constexpr const char* kScopeAdvice = "a link-local address needs its interface, as in fe80::1%eth0";

/// What is the same whatever was attempted.
Error plain(int system_errno, const char* attempted) {
  Error error{.system_errno = system_errno, .attempted = attempted, .endpoint = {}, .advice = {}};
  switch (system_errno) {
    case EACCES:
    case EPERM: error.code = ErrorCode::permission_denied; break;
    case EMFILE:
      error.code = ErrorCode::out_of_resources;
      error.advice = "this process has no descriptor left: raise `ulimit -n`";
      break;
    case ENFILE:
      error.code = ErrorCode::out_of_resources;
      error.advice = "the system has no descriptor left: raise the sysctl fs.file-max";
      break;
    case ENOBUFS:
    case ENOMEM: error.code = ErrorCode::out_of_resources; break;
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      error.code = ErrorCode::unsupported;
      error.advice = "this kernel does not speak that address family";
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
      error.code = ErrorCode::unreachable;
      error.advice = "no route leads there; `ip route get ADDRESS` shows what this host would do";
      break;
    case EADDRNOTAVAIL:
      error.code = ErrorCode::address_not_local;
      error.advice = "`ip address` lists the addresses of this machine";
      break;
    case ENODEV:
    case ENXIO:
      error.code = ErrorCode::address_not_local;
      error.advice = "there is no such interface; `ip link` lists them";
      break;
    case EINVAL: error.code = ErrorCode::invalid_argument; break;
    default: break;
  }
  return error;
}

/// Whether no interface has that address: the one thing that bind(2) asks of an address.
bool is_foreign(const Address& address) {
  const int family = address.is_v6() ? AF_INET6 : AF_INET;
  const SocketName name{{address, 0}, family};
  const Descriptor probe{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)};
  return probe && ::bind(probe.get(), name.get(), name.size()) != 0 && errno == EADDRNOTAVAIL;
}

std::string in_use_advice(const Endpoint& local) {
  if (local.port == 0) return "every port of the sysctl net.ipv4.ip_local_port_range is taken";
  const auto holder = find_port_holder(local);
  if (!holder) return "choose another port; `ss -uanp` lists who holds which";
  const std::string bound = holder->bound == local ? "" : format(" as {}", holder->bound.to_string());
  if (holder->process == 0) {
    return format("held{} by a process of user {}; root sees which with `ss -uanp`", bound, holder->user);
  }
  return format("held by {} (pid {}){}", holder->program, holder->process, bound);
}

std::string bind_permission_advice(const Endpoint& local) {
  const std::uint16_t start = unprivileged_port_start();
  if (local.port == 0 || local.port >= start) return "a security policy of this system forbids it";
  return format(
      "ports below {} need the capability CAP_NET_BIND_SERVICE, or the sysctl "
      "net.ipv4.ip_unprivileged_port_start at {} or lower",
      start, local.port);
}

}  // namespace

Error socket_failure(int system_errno) { return plain(system_errno, "open a UDP socket"); }

Error bind_failure(int system_errno, const Endpoint& local) {
  Error error = plain(system_errno, "bind");
  error.endpoint = local;
  if (system_errno == EADDRINUSE) {
    error.code = ErrorCode::address_in_use;
    error.advice = in_use_advice(local);
  } else if (system_errno == EACCES || system_errno == EPERM) {
    error.advice = bind_permission_advice(local);
  } else if (system_errno == EINVAL && lacks_scope(local.address)) {
    error.advice = kScopeAdvice;
  }
  return error;
}

Error interface_failure(int system_errno, const std::string& interface) {
  Error error = plain(system_errno, "");
  error.attempted = "use interface " + interface;
  if (system_errno == EPERM) error.advice = "it needs the capability CAP_NET_RAW";
  return error;
}

Error connect_failure(int system_errno, const Endpoint& peer) {
  Error error = plain(system_errno, "connect to");
  error.endpoint = peer;
  if (system_errno == EACCES) {
    error.advice = kForbiddenAdvice;
  } else if (system_errno == EINVAL && lacks_scope(peer.address)) {
    error.advice = kScopeAdvice;
  } else if (system_errno == EINVAL) {
    // Seen on Linux 6.18: blackhole routes, and loopback addresses as the source to other machines.
    error.code = ErrorCode::unreachable;
    error.advice =
        "a route discards it, or the source address cannot reach it; `ip route get ADDRESS` shows what this "
        "host would do";
  } else if (system_errno == EAGAIN) {
    error.code = ErrorCode::out_of_resources;
    error.advice = "every port of the sysctl net.ipv4.ip_local_port_range is taken";
  } else if (system_errno == EADDRNOTAVAIL) {
    error.advice = "no address of this machine fits that peer; `ip address` lists them";
  }
  return error;
}

Error send_failure(int system_errno, const Endpoint& peer, const OutgoingDatagram& datagram) {
  Error error = plain(system_errno, "send to");
  error.endpoint = peer;
  switch (system_errno) {
    case EMSGSIZE: error.code = ErrorCode::too_large; break;
    case EPERM:
      error.advice = "a packet filter of this host dropped it; `nft list ruleset` shows its rules";
      break;
    case EACCES: error.advice = kForbiddenAdvice; break;
    case ENOBUFS:
      error.advice = "the queue of the interface is full and dropped it: send less at once";
      break;
    case EINVAL:
      if (lacks_scope(peer.address)) error.advice = kScopeAdvice;
      break;
    default: break;
  }
  // Seen on Linux 6.18: for a source that is not ours IPv4 says ENETUNREACH and IPv6 EINVAL.
  if ((system_errno == EINVAL || system_errno == ENETUNREACH) && datagram.from &&
      is_foreign(*datagram.from)) {
    error.code = ErrorCode::address_not_local;
    error.advice = format("it was to leave from {}; `ip address` lists the addresses of this machine",
                          datagram.from->to_string());
  }
  return error;
}

bool lacks_scope(const Address& address) noexcept {
  // Address keeps a scope only where it means something.
  return address.is_v6() && address.scope() == 0 && Address::v6(address.bytes(), 1).scope() != 0;
}

bool may_be_stale(int system_errno) noexcept {
  switch (system_errno) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPROTO:
    case EMSGSIZE:
    case EACCES: return true;
    default: return false;
  }
}

}  // namespace holler
