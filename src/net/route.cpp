#include "net/route.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

#include "holler/names.hpp"

#include "net/descriptor.hpp"
#include "net/sockaddr.hpp"
#include "net/socket_error.hpp"

namespace holler {
namespace {

/// RTM_GETROUTE and a handful of attributes (rtnetlink(7)).
struct Question {
  nlmsghdr header{};
  rtmsg route{};
  std::array<std::byte, 128> attributes{};

  explicit Question(int family) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof route);
    header.nlmsg_type = RTM_GETROUTE;
    header.nlmsg_flags = NLM_F_REQUEST;
    route.rtm_family = static_cast<unsigned char>(family);
  }

  template <class Value>
  void add(unsigned short type, const Value& value) {
    const rtattr attribute{.rta_len = static_cast<unsigned short>(RTA_LENGTH(sizeof value)),
                           .rta_type = type};
    std::byte* const place = attributes.data() + (header.nlmsg_len - NLMSG_LENGTH(sizeof route));
    std::memcpy(place, &attribute, sizeof attribute);
    std::memcpy(place + RTA_LENGTH(0), &value, sizeof value);
    header.nlmsg_len += RTA_SPACE(sizeof value);
  }

  /// @return the length of an address in bits
  unsigned char add_address(unsigned short type, const Address& address) {
    if (address.is_v6()) {
      add(type, in6_addr_of(address));
      return 128;
    }
    add(type, in_addr_of(address));
    return 32;
  }
};

/// What the kernel has to say of a way.
struct Way {
  int failed = 0;  ///< errno
  unsigned char type = RTN_UNSPEC;
  std::optional<Address> source;
};

using Answer = std::array<std::byte, 4096>;

Way read_route(const Answer& bytes, std::size_t size, bool v6) {
  Way way;
  rtmsg route{};
  if (size < NLMSG_LENGTH(sizeof route)) return {.failed = EPROTO, .source = {}};
  std::memcpy(&route, bytes.data() + NLMSG_HDRLEN, sizeof route);
  way.type = route.rtm_type;
  std::uint32_t interface = 0;
  in_addr source_v4{};
  in6_addr source_v6{};
  bool found = false;
  const auto take = [&](rtattr attribute, const std::byte* value, void* place, std::size_t place_size) {
    if (attribute.rta_len != RTA_LENGTH(place_size)) return false;
    std::memcpy(place, value, place_size);
    return true;
  };
  for (std::size_t at = NLMSG_LENGTH(sizeof route); at + sizeof(rtattr) <= size;) {
    rtattr attribute{};
    std::memcpy(&attribute, bytes.data() + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > size) break;
    const std::byte* const value = bytes.data() + at + RTA_LENGTH(0);
    if (attribute.rta_type == RTA_OIF) {
      (void)take(attribute, value, &interface, sizeof interface);
    } else if (attribute.rta_type == RTA_PREFSRC) {
      found = v6 ? take(attribute, value, &source_v6, sizeof source_v6)
                 : take(attribute, value, &source_v4, sizeof source_v4);
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  if (found) way.source = v6 ? address_from(source_v6, interface) : address_from(source_v4);
  return way;
}

/// @return nothing where the kernel cannot be asked
std::optional<Way> ask_kernel(const Question& question, bool v6) {
  const Descriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!netlink) return std::nullopt;
  if (::send(netlink.get(), &question, question.header.nlmsg_len, 0) < 0) return std::nullopt;
  Answer answer{};  // the kernel has written it before send(2) came back
  const ssize_t size = ::recv(netlink.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  nlmsghdr header{};
  if (size < static_cast<ssize_t>(sizeof header)) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof header);
  if (header.nlmsg_type == RTM_NEWROUTE) return read_route(answer, static_cast<std::size_t>(size), v6);
  nlmsgerr error{};
  if (header.nlmsg_type != NLMSG_ERROR || size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof error))) {
    return std::nullopt;
  }
  std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
  if (error.error == -EOPNOTSUPP) return std::nullopt;  // a kernel that does not speak this IP version
  return Way{.failed = -error.error, .source = {}};
}

/// The other way to learn it, where a sandbox has no netlink: a socket that is connected sends nothing
/// either.
Result<Address> ask_a_socket(const Endpoint& peer, const Address& source, const SocketOptions& options) {
  const auto any_port = source.is_wildcard() ? std::nullopt : std::optional{Endpoint{source, 0}};
  const auto socket = UdpSocket::connected(peer, any_port, options);
  if (!socket) return failure(socket.error());
  return socket->local_address().address;
}

/// As connect(2) takes "no address": this machine.
Address address_meant(const Address& address) {
  if (!address.is_wildcard()) return address;
  return address.is_v6() ? Address::loopback_v6() : Address::loopback_v4();
}

}  // namespace

Result<Address> source_toward(const Endpoint& peer, const Address& source, const SocketOptions& options) {
  if (peer.port == 0) return ask_a_socket(peer, source, options);  // which has words for that
  const bool v6 = peer.address.is_v6();
  const Address target = address_meant(peer.address);
  std::uint32_t interface = target.scope();
  if (!options.interface.empty()) {
    const auto index = interface_index(options.interface);
    if (!index) return failure(interface_failure(ENODEV, options.interface));
    if (interface != 0 && interface != *index) return failure(connect_failure(EINVAL, peer));
    interface = *index;
  }
  // A route that needs an interface is not without one.
  if (interface == 0 && lacks_scope(target)) return failure(connect_failure(EINVAL, peer));

  Question question{v6 ? AF_INET6 : AF_INET};
  question.route.rtm_dst_len = question.add_address(RTA_DST, target);
  // With a source, IPv6 looks beyond the interface, as it does for no socket that is bound to one (seen on
  // Linux 6.18).
  const bool says_source = !source.is_wildcard() && !(v6 && interface != 0);
  if (says_source) question.route.rtm_src_len = question.add_address(RTA_SRC, source);
  if (interface != 0) question.add(RTA_OIF, interface);
  // For rules that look at them.
  question.add(RTA_IP_PROTO, std::uint8_t{IPPROTO_UDP});
  question.add(RTA_DPORT, htons(peer.port));

  const auto way = ask_kernel(question, v6);
  if (!way) return ask_a_socket(peer, source, options);
  if (way->failed != 0) return failure(connect_failure(way->failed, peer));
  if (way->type == RTN_BROADCAST && !options.broadcast) return failure(connect_failure(EACCES, peer));
  if (!source.is_wildcard()) return source;
  if (!way->source) return failure(connect_failure(EADDRNOTAVAIL, peer));
  // The way to an address of our own is the loopback interface, which is not where the address is.
  return v6 && interface != 0 ? Address::v6(way->source->bytes(), interface) : *way->source;
}

}  // namespace holler
