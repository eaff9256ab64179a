// The bare kernel: datagrams go back as they came, with no ID, no check and no repetition. What can be had at
// most, in three ways: one datagram a call, 32 in a call, and joined by the kernel (UDP_GRO, UDP_SEGMENT).
//
// Its load also serves for the event libraries, whose servers answer plain datagrams. Each question holds
// the time at which it was sent. On one way datagrams keep their order, so an answer shows that whatever
// was sent before it and has not come back is lost: it is counted and asked again.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <vector>

#include "bare_messages.hpp"
#include "common.hpp"

namespace {

using peers::Messages;
using peers::Options;

constexpr std::size_t kBatch = 32;
constexpr std::uint64_t kPatience = 100'000'000;  // ns without any answer: all of them are lost

int serve(const Options& options) {
  const int descriptor = peers::bound_socket(peers::socket_address(options));
  if (options.mode == "joined") peers::join_on_arrival(descriptor);
  peers::say_ready(peers::port_of(descriptor));
  if (options.mode != "one") {
    Messages messages{kBatch};
    for (;;) {
      const int got = messages.receive(descriptor, options.spin ? MSG_DONTWAIT : MSG_WAITFORONE);
      if (got > 0) messages.send_back(descriptor, got);
    }
  }
  std::vector<char> buffer(Messages::kRoomBytes);
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* name = reinterpret_cast<sockaddr*>(&from);
    const auto got =
        ::recvfrom(descriptor, buffer.data(), buffer.size(), options.spin ? MSG_DONTWAIT : 0, name, &size);
    if (got >= 0) ::sendto(descriptor, buffer.data(), static_cast<std::size_t>(got), 0, name, size);
  }
}

/// What the askers of one load have in common.
struct Load {
  explicit Load(const Options& given)
      : options{given},
        to{peers::socket_address(given)},
        at_once{given.mode == "one"      ? 1
                : given.mode == "joined" ? peers::segments_max(given.bytes)
                                         : kBatch},
        // More would overflow the receive buffer, and be lost.
        window{
            std::min(given.outstanding, std::max<std::size_t>(1, peers::kReceiveBufferBytes / given.bytes))},
        messages{given.mode == "one" ? 1 : kBatch},
        payload(std::max(at_once * given.bytes, given.bytes)),
        meter{given} {}

  Options options;
  sockaddr_in to;
  std::size_t at_once;  // datagrams of a call
  std::size_t window;
  Messages messages;
  std::vector<char> payload;
  peers::Meter meter;
  std::uint64_t last_stamp = 0;
};

/// One socket that asks.
class Asker {
 public:
  explicit Asker(Load& load) : load_{&load} {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    descriptor_ = peers::bound_socket(local);
    // Sleeps no longer than it takes to be sure that everything is lost.
    const timeval patience{0, kPatience / 1000};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (load.options.mode == "joined") peers::join_on_arrival(descriptor_);
    // With one client what is compared is sendto and recvfrom; many would each be tied to their server.
    connected_ = load.options.clients > 1;
    if (connected_ && ::connect(descriptor_, reinterpret_cast<sockaddr*>(&load.to), sizeof load.to) != 0)
      peers::give_up("connect");
  }

  [[nodiscard]] int descriptor() const { return descriptor_; }
  void ask(std::size_t count) {
    while (count > 0) {
      const std::size_t now = std::min(count, load_->at_once);
      send(now);
      count -= now;
    }
  }
  /// Takes in what has arrived, and asks as many questions.
  void receive(int flags) {
    const int got = load_->messages.receive(descriptor_, flags);
    if (got <= 0) return;
    const std::uint64_t now = peers::now_ns();
    std::size_t due = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
      due += take(load_->messages.bytes(i), now);
    heard_ = now;
    ask(due);
  }
  /// Asks everything again where nothing has come for long.
  void look_after(std::uint64_t now) {
    if (now < heard_ + kPatience) return;
    heard_ = now;
    std::size_t due = 0;
    for (const Sent& sent : sent_) due += sent.left;
    sent_.clear();
    load_->meter.lost(due);
    ask(due);
  }

 private:
  struct Sent {
    std::uint64_t stamp;
    std::size_t left;  // not yet answered
  };

  /// One call's worth, all with one stamp.
  void send(std::size_t count) {
    const std::size_t bytes = load_->options.bytes;
    const std::uint64_t stamp = load_->last_stamp = std::max(peers::now_ns(), load_->last_stamp + 1);
    if (heard_ == 0) heard_ = stamp;
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(load_->payload.data() + i * bytes, &stamp, sizeof stamp);
    sent_.push_back({stamp, count});
    if (load_->options.mode == "batch") return send_batch(count);
    if (load_->options.mode == "one" || count == 1) {
      ::sendto(descriptor_, load_->payload.data(), bytes, 0, name(), name_bytes());
      return;
    }
    iovec vector{load_->payload.data(), count * bytes};
    alignas(cmsghdr) std::array<char, 64> control{};
    msghdr header{name(), name_bytes(), &vector, 1, nullptr, 0, 0};
    peers::segment(header, control, static_cast<std::uint16_t>(bytes));
    // The device takes no pieces: those who ask for 'joined' there want to know.
    if (::sendmsg(descriptor_, &header, 0) < 0) peers::give_up("peer_bare: a send in pieces");
  }
  void send_batch(std::size_t count) {
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {load_->payload.data() + i * load_->options.bytes, load_->options.bytes};
      headers[i].msg_hdr = {name(), name_bytes(), &vectors[i], 1, nullptr, 0, 0};
    }
    ::sendmmsg(descriptor_, headers.data(), static_cast<unsigned>(count), 0);
  }
  /// @return how many questions are to be asked in the place of those that ended
  std::size_t take(std::span<const char> bytes, std::uint64_t now) {
    const std::size_t each = load_->options.bytes;
    const std::size_t count = bytes.size() / each;
    if (count == 0 || bytes.size() % each != 0) return 0;  // not ours
    if (stamp_at(bytes, 0) == stamp_at(bytes, count - 1)) return take(stamp_at(bytes, 0), count, now);
    std::size_t due = 0;
    for (std::size_t i = 0; i < count; ++i) due += take(stamp_at(bytes, i), 1, now);
    return due;
  }
  std::size_t take(std::uint64_t stamp, std::size_t count, std::uint64_t now) {
    std::size_t due = 0;
    while (!sent_.empty() && sent_.front().stamp < stamp) {
      due += sent_.front().left;
      load_->meter.lost(sent_.front().left);
      sent_.pop_front();
    }
    if (sent_.empty() || sent_.front().stamp != stamp) return due;  // late: its place has been asked again
    count = std::min(count, sent_.front().left);
    sent_.front().left -= count;
    if (sent_.front().left == 0) sent_.pop_front();
    load_->meter.answered(count);
    load_->meter.took(now - stamp, count);
    return due + count;
  }
  [[nodiscard]] std::uint64_t stamp_at(std::span<const char> bytes, std::size_t which) const {
    std::uint64_t stamp = 0;
    std::memcpy(&stamp, bytes.data() + which * load_->options.bytes, sizeof stamp);
    return stamp;
  }
  sockaddr* name() { return connected_ ? nullptr : reinterpret_cast<sockaddr*>(&load_->to); }
  [[nodiscard]] socklen_t name_bytes() const { return connected_ ? 0 : sizeof load_->to; }

  Load* load_;
  int descriptor_ = -1;
  bool connected_ = false;
  std::uint64_t heard_ = 0;
  std::deque<Sent> sent_;
};

void load_one(Load& load) {
  Asker asker{load};
  asker.ask(load.window);
  const int flags = load.options.spin ? MSG_DONTWAIT : MSG_WAITFORONE;
  for (std::uint64_t now = peers::now_ns(); load.meter.go_on(now); now = peers::now_ns()) {
    asker.receive(flags);
    asker.look_after(now);
  }
}

void load_many(Load& load) {
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Asker>> askers;
  for (std::size_t i = 0; i < load.options.clients; ++i) {
    askers.push_back(std::make_unique<Asker>(load));
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (::epoll_ctl(poller, EPOLL_CTL_ADD, askers.back()->descriptor(), &event) != 0)
      peers::give_up("epoll_ctl");
  }
  for (const auto& asker : askers) asker->ask(load.window);
  std::array<epoll_event, 256> events{};
  std::uint64_t looked_after = 0;
  for (std::uint64_t now = peers::now_ns(); load.meter.go_on(now); now = peers::now_ns()) {
    const int got = ::epoll_wait(poller, events.data(), events.size(), load.options.spin ? 0 : 20);
    for (int i = 0; i < got; ++i) askers[events[static_cast<std::size_t>(i)].data.u64]->receive(MSG_DONTWAIT);
    if (now - looked_after < kPatience / 4) continue;
    looked_after = now;
    for (const auto& asker : askers) asker->look_after(now);
  }
}

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "unknown";
}

int load_bare(const Options& options) {
  Load load{options};
  options.clients == 1 ? load_one(load) : load_many(load);
  return load.meter.report(load.window == options.outstanding
                               ? ""
                               : std::to_string(load.window) +
                                     " outstanding: more overflow the receive buffer");
}

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values,
                    {"peer_bare", kernel_release(), {"one", "batch", "joined"}, serve, load_bare});
}
