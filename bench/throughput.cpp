// How many questions a second one server core answers on loopback, against bare echoes that check nothing.
//
// The server's thread is pinned to one processor and the asker's to another. The bare echo comes in three
// forms: one datagram a call, 32 in a call (recvmmsg, sendmmsg), and joined by the kernel (UDP_GRO,
// UDP_SEGMENT, 128 segments). All take turns in each round; medians and their ratios are printed, with the
// processor time of the server's thread for each question. holler's side has everything on: IDs, source
// checks, at-most-once, round-trip times, the congestion window.
//
//     bench_throughput [ROUNDS] [MILLISECONDS] [--json]        5 rounds of 500 ms for each

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

#include "holler/client.hpp"
#include "holler/server.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutstanding = 1024;
constexpr std::size_t kSegments = 128;

void pin(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor % std::max(1U, std::thread::hardware_concurrency()), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);  // where it is not allowed, all run unpinned
}

double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(4);
}

struct Sample {
  double per_second = 0;   // answered
  double server_ns = 0;    // of processor time for each
  double server_busy = 0;  // part of the time
};

// The bare side.

struct BareSocket {
  BareSocket() : descriptor{::socket(AF_INET, SOCK_DGRAM, 0)} {
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    const int buffer = 4 << 20;
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (descriptor < 0 || ::bind(descriptor, get(), size) != 0 ||
        ::getsockname(descriptor, get(), &size) != 0)
      give_up("bench_throughput: bare socket");
  }
  BareSocket(const BareSocket&) = delete;
  BareSocket& operator=(const BareSocket&) = delete;
  ~BareSocket() { ::close(descriptor); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
  void join_on_arrival() const {
    const int on = 1;
    ::setsockopt(descriptor, SOL_UDP, UDP_GRO, &on, sizeof on);
  }
  [[nodiscard]] bool readable(int milliseconds) const {
    pollfd one{descriptor, POLLIN, 0};
    return ::poll(&one, 1, milliseconds) > 0;
  }

  int descriptor;
  sockaddr_in name{};
};

/// Messages of recvmmsg(2) and sendmmsg(2), each with room for what the kernel joins.
class Messages {
 public:
  Messages(std::size_t count, std::size_t bytes) : bytes_{bytes}, memory_(count * bytes), all_(count) {}

  int receive(int descriptor) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      One& one = all_[i];
      one.vector = {memory_.data() + i * bytes_, bytes_};
      headers_[i].msg_hdr = {
          &one.name, sizeof one.name, &one.vector, 1, one.control.data(), one.control.size(), 0};
    }
    return ::recvmmsg(descriptor, headers_.data(), static_cast<unsigned>(all_.size()), MSG_DONTWAIT, nullptr);
  }
  /// What came in goes back to where it came from, in pieces of the size in which it came.
  int send_back(int descriptor, int count) {
    for (int i = 0; i < count; ++i) {
      One& one = all_[static_cast<std::size_t>(i)];
      mmsghdr& header = headers_[static_cast<std::size_t>(i)];
      one.vector.iov_len = header.msg_len;
      const std::uint16_t segment = segment_bytes(header.msg_hdr);
      header.msg_hdr.msg_controllen = 0;
      header.msg_hdr.msg_control = nullptr;
      if (segment != 0) {
        header.msg_hdr.msg_control = one.control.data();
        header.msg_hdr.msg_controllen = CMSG_SPACE(sizeof segment);
        cmsghdr* message = CMSG_FIRSTHDR(&header.msg_hdr);
        message->cmsg_level = SOL_UDP;
        message->cmsg_type = UDP_SEGMENT;
        message->cmsg_len = CMSG_LEN(sizeof segment);
        std::memcpy(CMSG_DATA(message), &segment, sizeof segment);
      }
    }
    return ::sendmmsg(descriptor, headers_.data(), static_cast<unsigned>(count), 0);
  }
  [[nodiscard]] std::size_t datagrams(int count, std::size_t each) const {
    std::size_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += headers_[static_cast<std::size_t>(i)].msg_len;
    return bytes / each;
  }

 private:
  static std::uint16_t segment_bytes(msghdr& header) {
    for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
         message = CMSG_NXTHDR(&header, message)) {
      if (message->cmsg_level != SOL_UDP || message->cmsg_type != UDP_GRO) continue;
      int bytes = 0;
      std::memcpy(&bytes, CMSG_DATA(message), sizeof bytes);
      return static_cast<std::uint16_t>(bytes);
    }
    return 0;
  }
  struct One {
    sockaddr_in name{};
    iovec vector{};
    alignas(cmsghdr) std::array<char, 64> control{};
  };
  std::size_t bytes_;
  std::vector<char> memory_;
  std::vector<One> all_;
  std::array<mmsghdr, 64> headers_{};
};

/// Sends everything back until it is told to stop.
/// @param at_once  messages in a call; 0: one, with recvfrom and sendto
void echo(const BareSocket& server, std::size_t at_once, const std::atomic<bool>& stop,
          std::atomic<double>& used) {
  Messages messages{std::max<std::size_t>(at_once, 1), 65536};
  std::vector<char> buffer(65536);
  std::size_t calls = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (!server.readable(20)) continue;
    for (;;) {
      if (at_once == 0) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        auto* name = reinterpret_cast<sockaddr*>(&from);
        const auto got =
            ::recvfrom(server.descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT, name, &size);
        if (got < 0) break;
        ::sendto(server.descriptor, buffer.data(), static_cast<std::size_t>(got), 0, name, size);
      } else {
        const int got = messages.receive(server.descriptor);
        if (got <= 0) break;
        messages.send_back(server.descriptor, got);
      }
      if (++calls % 256 == 0) used.store(processor_seconds(), std::memory_order_relaxed);
    }
    used.store(processor_seconds(), std::memory_order_relaxed);
  }
}

/// Sends datagrams of one size, so many of them in a piece.
void ask_bare(const BareSocket& asker, BareSocket& server, std::size_t datagrams, std::size_t segments,
              std::size_t bytes) {
  static const std::vector<char> kPayload(65536);
  for (std::size_t sent = 0; sent < datagrams;) {
    const std::size_t now = std::min(segments, datagrams - sent);
    iovec vector{const_cast<char*>(kPayload.data()), now * bytes};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr header{server.get(), sizeof server.name, &vector, 1, nullptr, 0, 0};
    if (now > 1) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* message = CMSG_FIRSTHDR(&header);
      message->cmsg_level = SOL_UDP;
      message->cmsg_type = UDP_SEGMENT;
      message->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto segment = static_cast<std::uint16_t>(bytes);
      std::memcpy(CMSG_DATA(message), &segment, sizeof segment);
    }
    if (::sendmsg(asker.descriptor, &header, 0) < 0) give_up("bench_throughput: sendmsg");
    sent += now;
  }
}

/// @param segments  datagrams in a message of the asker's
Sample bare(std::size_t at_once, std::size_t segments, std::size_t bytes, std::chrono::milliseconds time) {
  BareSocket server;
  BareSocket asker;
  if (segments > 1) {
    server.join_on_arrival();
    asker.join_on_arrival();
  }
  std::atomic<bool> stop{false};
  std::atomic<double> used{0};
  std::thread serving{[&] {
    pin(0);
    echo(server, at_once, stop, used);
  }};
  Sample sample;
  std::thread asking{[&] {
    pin(1);
    Messages messages{64, 65536};
    ask_bare(asker, server, kOutstanding, segments, bytes);
    std::size_t answered = 0;
    const auto begin = Clock::now();
    const double used_before = used;
    while (Clock::now() - begin < time) {
      if (!asker.readable(50)) {  // something was lost: begin again
        ask_bare(asker, server, kOutstanding, segments, bytes);
        continue;
      }
      const int got = messages.receive(asker.descriptor);
      if (got <= 0) continue;
      const std::size_t more = messages.datagrams(got, bytes);
      answered += more;
      ask_bare(asker, server, more, segments, bytes);
    }
    const std::chrono::duration<double> took = Clock::now() - begin;
    const double server_seconds = used - used_before;
    sample = {static_cast<double>(answered) / took.count(),
              server_seconds * 1e9 / static_cast<double>(answered), server_seconds / took.count()};
  }};
  asking.join();
  stop = true;
  serving.join();
  return sample;
}

// holler's side.

Sample with_holler(std::size_t bytes, std::chrono::milliseconds time) {
  auto server = holler::Server::bind({.port = "0", .answer_plain = false});
  if (!server) give_up("bench_throughput: holler");
  const holler::Endpoint peer = server->local_address();
  std::stop_source stop;
  std::atomic<double> used{0};
  std::thread serving{[&] {
    pin(0);
    std::size_t handled = 0;
    const auto served = server->serve(
        [&](const holler::Request& request, holler::ReplyWriter& reply) {
          reply.append(request.payload);
          if (++handled % 4096 == 0) used.store(processor_seconds(), std::memory_order_relaxed);
        },
        stop.get_token());
    if (!served) give_up("bench_throughput: serve");
  }};
  Sample sample;
  std::thread ask{[&] {
    pin(1);  // the client's own thread inherits it
    const holler::ByteVector payload(bytes);
    std::atomic<std::size_t> answered{0};
    std::atomic<bool> over{false};
    std::function<void(const holler::Result<holler::Reply>&)> next;
    auto client = holler::Client::open();  // behind what its last callbacks look at
    if (!client) give_up("bench_throughput: client");
    next = [&](const holler::Result<holler::Reply>& reply) {
      if (reply) answered.store(answered.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      if (over.load(std::memory_order_relaxed)) return;
      client->ask_async(peer, payload, {},
                        [&next](const holler::Result<holler::Reply>& result) { next(result); });
    };
    for (std::size_t i = 0; i < kOutstanding; ++i) {
      client->ask_async(peer, payload, {},
                        [&next](const holler::Result<holler::Reply>& result) { next(result); });
    }
    std::this_thread::sleep_for(time / 4);  // the window opens
    const std::size_t before = answered;
    const double used_before = used;
    const auto begin = Clock::now();
    std::this_thread::sleep_for(time);
    const auto count = static_cast<double>(answered - before);
    const std::chrono::duration<double> took = Clock::now() - begin;
    const double server_seconds = used - used_before;
    over = true;
    sample = {count / took.count(), server_seconds * 1e9 / count, server_seconds / took.count()};
  }};
  ask.join();
  stop.request_stop();
  serving.join();
  return sample;
}

/// 0 where it is no number.
int number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

Sample median(std::vector<Sample> samples) {
  std::ranges::sort(samples, {}, &Sample::per_second);
  return samples[samples.size() / 2];
}

}  // namespace

int main(int words, char** word) {
  std::vector<std::string_view> options{word + 1, word + words};
  const bool json = std::erase(options, "--json") > 0;
  const int rounds = options.empty() ? 5 : number_in(options[0]);
  const int milliseconds = options.size() < 2 ? 500 : number_in(options[1]);
  if (rounds < 1 || milliseconds < 50 || options.size() > 2) {
    std::fprintf(stderr, "usage: bench_throughput [ROUNDS] [MILLISECONDS, at least 50] [--json]\n");
    return 2;
  }
  const std::chrono::milliseconds time{milliseconds};
  struct System {
    const char* name;
    std::function<Sample(std::size_t)> run;
    std::vector<Sample> samples{};
  };
  if (!json) {
    std::printf(
        "%zu outstanding from one peer, %d rounds of %d ms; the server on one processor, the asker on "
        "another\n",
        kOutstanding, rounds, static_cast<int>(time.count()));
  }
  for (const std::size_t bytes : {std::size_t{32}, std::size_t{1200}}) {
    const std::size_t segments = std::min(kSegments, 65507 / bytes);
    std::vector<System> systems{
        {"bare, one a call", [&](std::size_t size) { return bare(0, 1, size, time); }},
        {"bare, 32 in a call", [&](std::size_t size) { return bare(32, 1, size, time); }},
        {"bare, joined", [&](std::size_t size) { return bare(32, segments, size, time); }},
        {"holler", [&](std::size_t size) { return with_holler(size, time); }},
    };
    for (int round = 0; round < rounds; ++round) {
      for (System& system : systems) system.samples.push_back(system.run(bytes));
    }
    const double best = median(systems[2].samples).per_second;
    const double one = median(systems[0].samples).per_second;
    if (!json) {
      std::printf(
          "\n%5zu bytes             answered/s   least   most   of one a call   of joined   server ns   "
          "server busy\n",
          bytes);
    }
    for (System& system : systems) {
      const Sample middle = median(system.samples);
      const auto [least, most] = std::ranges::minmax(system.samples, {}, &Sample::per_second);
      if (json) {
        std::printf(
            "{\"bytes\":%zu,\"system\":\"%s\",\"per_second\":%.0f,\"server_ns\":%.1f,\"server_busy\":%.2f}\n",
            bytes, system.name, middle.per_second, middle.server_ns, middle.server_busy);
      } else {
        std::printf("%-22s %9.3f M  %6.3f %6.3f  %13.2f  %10.2f  %10.0f  %10.0f %%\n", system.name,
                    middle.per_second / 1e6, least.per_second / 1e6, most.per_second / 1e6,
                    middle.per_second / one, middle.per_second / best, middle.server_ns,
                    100 * middle.server_busy);
      }
    }
  }
  return 0;
}
