// What lessons on UDP have a client do: wait 0.1 s for the answer, ask again, wait twice as long, and give up
// when the wait would be longer than 2 s. It learns nothing of the path. An answer is known by what it
// repeats of its question. Any program that sends back what it hears serves it, such as peer_bare.

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "asking.hpp"
#include "common.hpp"

namespace {

using peers::Options;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kFirstWait = 100 * kMillisecond;
constexpr std::uint64_t kWaitMost = 2000 * kMillisecond;

class PlainAsking {
 public:
  explicit PlainAsking(const Options& options) : asking_{options}, places_(options.outstanding) {
    const sockaddr_in to = peers::socket_address(options);
    socket_ = peers::bound_socket({.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}});
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) peers::give_up("connect");
  }
  ~PlainAsking() { ::close(socket_); }
  PlainAsking(const PlainAsking&) = delete;
  PlainAsking& operator=(const PlainAsking&) = delete;

  int run() {
    while (!asking_.over()) {
      const std::uint64_t next = turn(peers::now_ns());
      const std::uint64_t now = peers::now_ns();
      const std::uint64_t left = next > now ? next - now : 0;
      const timespec wait{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
      pollfd readable{socket_, POLLIN, 0};
      if (::ppoll(&readable, 1, &wait, nullptr) > 0) receive();
    }
    return asking_.report();
  }

 private:
  struct Place {
    bool busy = false;
    std::uint32_t number = 0;
    std::uint64_t wait = 0;
    std::uint64_t due = 0;
    std::vector<std::byte> question;
  };

  /// Asks at free places, asks again where it is due, gives up where the wait would be too long.
  /// @return when the next turn is due
  std::uint64_t turn(std::uint64_t now) {
    std::uint64_t next = now + kFirstWait;
    for (Place& place : places_) {
      if (place.busy && asking_.has_ended(place.number)) place.busy = false;
      if (place.busy && now >= place.due) again(place, now);
      if (!place.busy) begin(place, now);
      if (place.busy) next = std::min(next, place.due);
    }
    return next;
  }
  void begin(Place& place, std::uint64_t now) {
    const std::span<const std::byte> question = asking_.next();
    if (question.empty()) return;
    place.busy = true;
    place.number = asking_.number();
    place.question.assign(question.begin(), question.end());
    place.wait = kFirstWait;
    send(place, now);
  }
  void again(Place& place, std::uint64_t now) {
    place.wait *= 2;
    if (place.wait > kWaitMost) {
      place.busy = false;
      return asking_.given_up(place.number);
    }
    asking_.repeated();
    send(place, now);
  }
  void send(Place& place, std::uint64_t now) {
    place.due = now + place.wait;
    const auto sent = ::send(socket_, place.question.data(), place.question.size(), 0);
    // A refusal by ICMP, or a full queue, is one more datagram lost.
    if (sent < 0 && errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN) peers::give_up("send");
  }
  void receive() {
    for (;;) {
      const auto got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got < 0) return;
      asking_.answered(std::span{buffer_}.first(static_cast<std::size_t>(got)));
    }
  }

  peers::Asking asking_;
  std::vector<Place> places_;
  std::array<std::byte, 65536> buffer_{};
  int socket_ = -1;
};

int serve(const Options&) { return peers::cannot("peer_bare serves it"); }
int load(const Options&) { return peers::cannot("what it does is to wait"); }
int ask(const Options& options) { return PlainAsking{options}.run(); }

}  // namespace

int main(int count, char** values) {
  return peers::run(count, values,
                    {"peer_plain_schedule", "0.1 s, doubling, up to 2 s", {}, serve, load, ask});
}
