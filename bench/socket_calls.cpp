// What the kernel takes for one small datagram by each of the calls that could move it, and for each of the
// notes that a socket may ask it to put beside one.
//
// One thread sends to its own socket and takes in what it has sent, so nobody sleeps and nobody is woken. The
// ways take turns, a thousand datagrams each. A way of a datagram is told with what it costs beyond sendto
// and recvfrom, in hundredths of these two; a look in vain with what it costs in all.
//
//     bench_socket_calls [ROUNDS]        100

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <vector>

namespace {

constexpr int kDatagrams = 1000;
constexpr std::size_t kBytes = 64;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(4);
}

/// A socket that talks to itself, and the memory that calls on it need.
class Loop {
 public:
  explicit Loop(std::initializer_list<std::pair<int, int>> options = {})
      : descriptor_{::socket(AF_INET, SOCK_DGRAM, 0)} {
    self_.sin_family = AF_INET;
    self_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof self_;
    if (::bind(descriptor_, name(self_), size) != 0 || ::getsockname(descriptor_, name(self_), &size) != 0)
      give_up("bind");
    for (const auto& [level, option] : options) {
      const int on = 1;
      if (::setsockopt(descriptor_, level, option, &on, sizeof on) != 0) give_up("setsockopt");
    }
    poller_ = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {}};
    if (::epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor_, &event) != 0) give_up("epoll_ctl");
  }

  void sendto() { ::sendto(descriptor_, out_.data(), kBytes, MSG_DONTWAIT, name(self_), sizeof self_); }
  void sendmsg(bool with_source) {
    const msghdr header = departure(with_source);
    ::sendmsg(descriptor_, &header, MSG_DONTWAIT);
  }
  void sendmmsg(bool with_source) {
    mmsghdr header{departure(with_source), 0};
    ::sendmmsg(descriptor_, &header, 1, MSG_DONTWAIT);
  }

  void recvfrom() {
    socklen_t size = sizeof from_[0];
    ::recvfrom(descriptor_, in_[0].data(), kBytes, MSG_DONTWAIT, name(from_[0]), &size);
  }
  void recvmsg(bool with_notes) {
    mmsghdr& header = arrival(0, with_notes);
    ::recvmsg(descriptor_, &header.msg_hdr, MSG_DONTWAIT);
  }
  void recvmmsg(unsigned places, bool with_notes) {
    for (unsigned i = 0; i < places; ++i) arrival(i, with_notes);
    ::recvmmsg(descriptor_, headers_.data(), places, MSG_DONTWAIT, nullptr);
  }
  void wait_by_poll() {
    pollfd entry{.fd = descriptor_, .events = POLLIN, .revents = 0};
    const timespec limit{.tv_sec = 1, .tv_nsec = 0};
    ::ppoll(&entry, 1, &limit, nullptr);
  }
  void wait_by_epoll() {
    std::array<epoll_event, 64> events{};
    const timespec limit{.tv_sec = 1, .tv_nsec = 0};
    ::epoll_pwait2(poller_, events.data(), events.size(), &limit, nullptr);
  }

 private:
  static constexpr unsigned kPlaces = 32;
  struct alignas(cmsghdr) Control {
    std::array<char, 192> bytes;
  };

  static sockaddr* name(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }
  msghdr departure(bool with_source) {
    vector_ = {out_.data(), kBytes};
    msghdr header{name(self_), sizeof self_, &vector_, 1, nullptr, 0, 0};
    if (!with_source) return header;
    header.msg_control = control_[0].bytes.data();
    header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo));
    cmsghdr* note = CMSG_FIRSTHDR(&header);
    note->cmsg_level = IPPROTO_IP;
    note->cmsg_type = IP_PKTINFO;
    note->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    const in_pktinfo info{.ipi_ifindex = 0, .ipi_spec_dst = self_.sin_addr, .ipi_addr = {}};
    std::memcpy(CMSG_DATA(note), &info, sizeof info);
    return header;
  }
  mmsghdr& arrival(unsigned i, bool with_notes) {
    vectors_[i] = {in_[i].data(), kBytes};
    headers_[i] = {{name(from_[i]), sizeof from_[i], &vectors_[i], 1, nullptr, 0, 0}, 0};
    if (with_notes) {
      headers_[i].msg_hdr.msg_control = control_[i].bytes.data();
      headers_[i].msg_hdr.msg_controllen = sizeof control_[i].bytes;
    }
    return headers_[i];
  }

  int descriptor_;
  int poller_ = -1;
  sockaddr_in self_{};
  iovec vector_{};
  std::array<char, kBytes> out_{};
  std::array<std::array<char, kBytes>, kPlaces> in_{};
  std::array<sockaddr_in, kPlaces> from_{};
  std::array<Control, kPlaces> control_{};
  std::array<iovec, kPlaces> vectors_{};
  std::array<mmsghdr, kPlaces> headers_{};
};

/// One way, a thousand times.
struct Way {
  const char* name;
  std::function<void()> once;
  bool whole = true;  // a datagram's way; else something beside it
  std::vector<double> nanoseconds{};
};

/// Sockets that differ in what they were asked to tell.
struct Loops {
  Loop plain;
  Loop address{{{IPPROTO_IP, IP_PKTINFO}}};
  Loop drops{{{SOL_SOCKET, SO_RXQ_OVFL}}};
  Loop joined{{{SOL_UDP, UDP_GRO}}};
  Loop errors{{{IPPROTO_IP, IP_RECVERR}}};
  Loop time{{{SOL_SOCKET, SO_TIMESTAMPNS}}};
  Loop all{{{IPPROTO_IP, IP_PKTINFO},
            {SOL_SOCKET, SO_RXQ_OVFL},
            {SOL_UDP, UDP_GRO},
            {IPPROTO_IP, IP_RECVERR},
            {SOL_SOCKET, SO_TIMESTAMPNS}}};
};

Way sent_by(Loop& loop, const char* name, void (*send)(Loop&)) {
  return {name, [&loop, send] {
            send(loop);
            loop.recvfrom();
          }};
}

Way heard_by(Loop& loop, const char* name, void (*receive)(Loop&)) {
  return {name, [&loop, receive] {
            loop.sendto();
            receive(loop);
          }};
}

std::vector<Way> ways(Loops& of) {
  const auto notes = [](Loop& loop) { loop.recvmsg(true); };
  return {
      heard_by(of.plain, "sendto, recvfrom", [](Loop& loop) { loop.recvfrom(); }),
      sent_by(of.plain, "sendmsg", [](Loop& loop) { loop.sendmsg(false); }),
      sent_by(of.plain, "sendmsg, source named", [](Loop& loop) { loop.sendmsg(true); }),
      sent_by(of.plain, "sendmmsg of 1", [](Loop& loop) { loop.sendmmsg(false); }),
      sent_by(of.plain, "sendmmsg of 1, source named", [](Loop& loop) { loop.sendmmsg(true); }),
      heard_by(of.plain, "recvmsg", notes),
      heard_by(of.plain, "recvmmsg, 1 place", [](Loop& loop) { loop.recvmmsg(1, true); }),
      heard_by(of.plain, "recvmmsg, 32 places", [](Loop& loop) { loop.recvmmsg(32, true); }),
      heard_by(of.address, "recvmsg, IP_PKTINFO", notes),
      heard_by(of.drops, "recvmsg, SO_RXQ_OVFL", notes),
      heard_by(of.joined, "recvmsg, UDP_GRO", notes),
      heard_by(of.errors, "recvmsg, IP_RECVERR", notes),
      heard_by(of.time, "recvmsg, SO_TIMESTAMPNS", notes),
      heard_by(of.all, "recvmsg, all of them", notes),
      heard_by(of.plain, "ppoll before recvfrom",
               [](Loop& loop) {
                 loop.wait_by_poll();
                 loop.recvfrom();
               }),
      heard_by(of.plain, "epoll_pwait2 before recvfrom",
               [](Loop& loop) {
                 loop.wait_by_epoll();
                 loop.recvfrom();
               }),
      {"recvfrom in vain", [&of] { of.plain.recvfrom(); }, false},
      {"recvmsg in vain", [&of] { of.plain.recvmsg(true); }, false},
      {"recvmmsg in vain, 1 place", [&of] { of.plain.recvmmsg(1, true); }, false},
  };
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::max(1L, std::strtol(argv[1], nullptr, 10)) : 100L;
  Loops loops;
  std::vector<Way> all = ways(loops);
  for (long round = 0; round < rounds; ++round) {
    for (Way& way : all) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kDatagrams; ++i) way.once();
      const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
      way.nanoseconds.push_back(took.count() / kDatagrams);
    }
  }
  const double base = median(all.front().nanoseconds);
  for (const Way& way : all) {
    const double each = median(way.nanoseconds);
    std::printf("%-30s %8.0f ns  %+6.1f %%\n", way.name, each, 100 * (way.whole ? each - base : each) / base);
  }
}
