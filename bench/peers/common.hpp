#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "histogram.hpp"

/// What the programs that are compared have in common: their command line, the measured seconds, and how
/// they report. Each has up to three roles:
///
///     peer_NAME serve --port P [--on ADDRESS] [--clients C] [--outstanding W] [--spin]
///     peer_NAME load --to ADDRESS:PORT --bytes N --outstanding W --clients C --seconds S --warmup S [--spin]
///     peer_NAME ask --to ADDRESS:PORT --bytes N --outstanding W --questions Q --seconds S
///
/// and `peer_NAME version` prints the version of its library. `serve` prints `ready PORT`; a library
/// that wants to know how much will come is told. `load` keeps W
/// questions of N bytes outstanding from each of C clients, each answer causing the next question. It prints
/// `measuring` when the warm-up is over and one line of JSON at the end, or `{"cannot": "why"}` and ends
/// with 3. `ask` asks Q questions
/// where datagrams are lost, and reports what became of each (asking.hpp).
namespace peers {

inline constexpr int kUsage = 2;
inline constexpr int kCannot = 3;
inline constexpr int kLocalFailure = 4;

/// The largest question that is asked; it must fit into a datagram.
inline constexpr std::size_t kBytesMax = 60000;
/// The smallest: room for what a load writes into its questions to know them again.
inline constexpr std::size_t kBytesMin = 16;
/// What every receive buffer is asked to hold, where the library lets one ask.
inline constexpr int kReceiveBufferBytes = 4 << 20;

struct Options {
  bool serve = false;
  bool ask = false;  ///< what becomes of each question, in place of how many there are in a second
  std::string address = "127.0.0.1";  ///< to listen at, or to ask
  std::uint16_t port = 0;
  std::size_t bytes = 32;
  std::size_t outstanding = 1;  ///< of each client
  std::size_t clients = 1;
  std::size_t questions = 1000;
  double seconds = 1;
  double warmup = 0.25;
  bool spin = false;  ///< look again and again in place of sleeping
  std::string mode;   ///< what else a program offers: one of those it was declared with
};

struct Program {
  const char* name;
  std::string version;                  ///< of the library, as it says itself
  std::vector<std::string_view> modes;  ///< of `--mode`; the first is the default
  int (*serve)(const Options&);
  int (*load)(const Options&);           ///< nullptr: any datagram client can load it
  int (*ask)(const Options&) = nullptr;  ///< nullptr: it repeats nothing, or not over datagrams
};

/// Reads the command line and plays the role; a command line that makes no sense ends with 2.
int run(int count, char** values, const Program& program);

/// Says why a case is beyond this peer. @return the exit code for it
int cannot(std::string_view reason);
/// Says that a call failed, with errno's meaning, and ends the program.
[[noreturn]] void give_up(std::string_view what);
[[noreturn]] void give_up(std::string_view what, std::string_view why);

/// As many descriptors as the system allows.
void allow_many_descriptors();

[[nodiscard]] sockaddr_in socket_address(const Options& options);
/// A UDP socket at this address with a large receive buffer.
[[nodiscard]] int bound_socket(const sockaddr_in& at);
/// The largest UDP payload that goes to this address in one piece.
[[nodiscard]] std::size_t path_payload_bytes(const sockaddr_in& to);
[[nodiscard]] std::uint16_t port_of(int descriptor);
void say_ready(std::uint16_t port);

[[nodiscard]] inline std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Nanoseconds of processor time that this process has used, all threads together.
[[nodiscard]] std::uint64_t processor_ns() noexcept;

/// The warm-up and the measured seconds of a load. The warm-up begins when as many questions have been
/// answered as are outstanding at a time: all connections are there by then.
class Meter {
 public:
  explicit Meter(const Options& options);

  /// Hand in the time now and then, at least every few milliseconds.
  /// @return whether to go on
  bool go_on(std::uint64_t now) {
    if (now < next_) return true;
    return next_phase(now);
  }
  void answered(std::uint64_t count = 1) noexcept { answered_ += count; }
  /// How long a question took. Not every question needs to be timed, only enough of them.
  void took(std::uint64_t nanoseconds, std::uint64_t times = 1) noexcept { latency_.add(nanoseconds, times); }
  /// Questions that will not be answered: lost datagrams, or time-outs.
  void lost(std::uint64_t count) noexcept { lost_ += count; }
  void retransmitted(std::uint64_t count) noexcept { retransmitted_ += count; }

  /// Prints what was measured. @return the exit code
  int report(std::string_view note = {}) const;

 private:
  bool next_phase(std::uint64_t now);

  enum class Phase : std::uint8_t { connecting, warming, measuring, over };
  /// However slow it is, it gets measured.
  static constexpr std::uint64_t kConnectingMost = 10'000'000'000;

  std::uint64_t begin_;
  std::uint64_t warmup_ns_;
  std::uint64_t measured_ns_;
  std::uint64_t awaited_;
  std::uint64_t next_ = 0;
  Phase phase_ = Phase::connecting;
  std::uint64_t answered_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t retransmitted_ = 0;
  std::uint64_t processor_ = 0;
  double seconds_ = 0;
  Histogram latency_;
};

}  // namespace peers
