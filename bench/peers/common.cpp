#include "common.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace peers {

namespace {

[[noreturn]] void usage_error(const Program& program, const std::string& problem) {
  std::fprintf(
      stderr,
      "%s: %s\n"
      "usage: %s serve [--port P] [--on ADDRESS] [--clients C] [--outstanding W] [--spin]\n"
      "       %s load --to ADDRESS:PORT [--bytes N] [--outstanding W] [--clients C] [--seconds S]\n"
      "           [--warmup S] [--spin]\n"
      "       %s ask --to ADDRESS:PORT [--bytes N] [--outstanding W] [--questions Q] [--seconds S]\n",
      program.name, problem.c_str(), program.name, program.name, program.name);
  for (const std::string_view mode : program.modes)
    std::fprintf(stderr, "       --mode %.*s\n", static_cast<int>(mode.size()), mode.data());
  std::exit(kUsage);
}

template <class Number>
Number number_in(const Program& program, std::string_view option, std::string_view text, Number least,
                 Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !(number >= least && number <= most)) {
    usage_error(program, std::string{option} + ": not a number from " + std::to_string(least) + " to " +
                             std::to_string(most) + ": '" + std::string{text} + "'");
  }
  return number;
}

std::string address_in(const Program& program, std::string_view text) {
  std::string address{text};
  in_addr parsed{};
  if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1)
    usage_error(program, "not an IPv4 address: '" + address + "'");
  return address;
}

void read_endpoint(const Program& program, std::string_view text, Options& options) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) usage_error(program, "--to: expected ADDRESS:PORT");
  options.address = address_in(program, text.substr(0, colon));
  options.port = number_in<std::uint16_t>(program, "--to", text.substr(colon + 1), 1, 65535);
}

std::string mode_in(const Program& program, std::string_view text) {
  if (std::ranges::find(program.modes, text) == program.modes.end())
    usage_error(program, "--mode: there is no '" + std::string{text} + "' here");
  return std::string{text};
}

/// @return false where there is no such option
bool read_option(const Program& program, std::string_view option, std::string_view value, Options& options) {
  if (options.serve && option == "--port") {
    options.port = number_in<std::uint16_t>(program, option, value, 0, 65535);
  } else if (options.serve && option == "--on") {
    options.address = address_in(program, value);
  } else if (!options.ask && option == "--clients") {
    options.clients = number_in<std::size_t>(program, option, value, 1, 4000);
  } else if (option == "--outstanding") {
    options.outstanding = number_in<std::size_t>(program, option, value, 1, 65536);
  } else if (option == "--mode" && !program.modes.empty()) {
    options.mode = mode_in(program, value);
  } else if (options.serve) {
    return false;
  } else if (option == "--to") {
    read_endpoint(program, value, options);
  } else if (option == "--bytes") {
    options.bytes = number_in<std::size_t>(program, option, value, kBytesMin, kBytesMax);
  } else if (option == "--seconds") {
    options.seconds = number_in<double>(program, option, value, 0.01, 600);
  } else if (options.ask && option == "--questions") {
    options.questions = number_in<std::size_t>(program, option, value, 1, 1'000'000);
  } else if (!options.ask && option == "--warmup") {
    options.warmup = number_in<double>(program, option, value, 0.01, 600);
  } else {
    return false;
  }
  return true;
}

Options read_options(int count, char** values, const Program& program) {
  const std::span words{values, static_cast<std::size_t>(count)};
  const std::string_view role = count > 1 ? words[1] : "";
  if (role != "serve" && role != "load" && role != "ask")
    usage_error(program, "the first argument is 'serve', 'load', 'ask' or 'version'");
  Options options;
  options.serve = role == "serve";
  options.ask = role == "ask";
  if (!program.modes.empty()) options.mode = program.modes.front();
  for (std::size_t next = 2; next < words.size(); ++next) {
    const std::string_view option = words[next];
    if (option == "--spin" && !options.ask) {
      options.spin = true;
      continue;
    }
    if (next + 1 == words.size()) usage_error(program, std::string{option} + ": expected a value");
    if (!read_option(program, option, words[++next], options))
      usage_error(program, "no such option of '" + std::string{role} + "': " + std::string{option});
  }
  if (!options.serve && options.port == 0) usage_error(program, "whom to ask? give --to ADDRESS:PORT");
  return options;
}

}  // namespace

int run(int count, char** values, const Program& program) {
  if (count == 2 && std::string_view{values[1]} == "version") {
    std::puts(program.version.c_str());
    return 0;
  }
  const Options options = read_options(count, values, program);
  allow_many_descriptors();
  if (options.serve) return program.serve(options);
  if (options.ask) return program.ask == nullptr ? cannot("it repeats no datagrams") : program.ask(options);
  if (program.load == nullptr) return cannot("it serves only: any datagram client can load it");
  return program.load(options);
}

int cannot(std::string_view reason) {
  std::printf("{\"cannot\": \"%.*s\"}\n", static_cast<int>(reason.size()), reason.data());
  return kCannot;
}

void give_up(std::string_view what) { give_up(what, std::strerror(errno)); }

void give_up(std::string_view what, std::string_view why) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(why.size()), why.data());
  std::exit(kLocalFailure);
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // where it is not allowed, opening says so
}

sockaddr_in socket_address(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  ::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr);
  return address;
}

int bound_socket(const sockaddr_in& at) {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) give_up("socket");
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) give_up("bind");
  return descriptor;
}

std::size_t path_payload_bytes(const sockaddr_in& to) {
  constexpr int kHeaderBytes = 28;
  constexpr int kPayloadBytesMax = 65507;
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      ::getsockopt(descriptor, IPPROTO_IP, IP_MTU, &mtu, &size) != 0)
    give_up("path MTU");
  ::close(descriptor);
  return static_cast<std::size_t>(std::clamp(mtu - kHeaderBytes, 500, kPayloadBytesMax));
}

std::uint16_t port_of(int descriptor) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) give_up("getsockname");
  return ntohs(name.sin_port);
}

void say_ready(std::uint16_t port) {
  std::printf("ready %u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
}

std::uint64_t processor_ns() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(used.tv_nsec);
}

Meter::Meter(const Options& options)
    : begin_{now_ns()},
      warmup_ns_{static_cast<std::uint64_t>(options.warmup * 1e9)},
      measured_ns_{static_cast<std::uint64_t>(options.seconds * 1e9)},
      awaited_{options.clients * options.outstanding} {}

bool Meter::next_phase(std::uint64_t now) {
  switch (phase_) {
    case Phase::connecting:
      if (answered_ + lost_ < awaited_ && now - begin_ < kConnectingMost) return true;
      phase_ = Phase::warming;
      next_ = now + warmup_ns_;
      return true;
    case Phase::warming:
      phase_ = Phase::measuring;
      answered_ = lost_ = retransmitted_ = 0;
      latency_.clear();
      processor_ = processor_ns();
      std::puts("measuring");
      std::fflush(stdout);
      begin_ = now_ns();
      next_ = begin_ + measured_ns_;
      return true;
    case Phase::measuring:
      phase_ = Phase::over;
      seconds_ = static_cast<double>(now - begin_) * 1e-9;
      processor_ = processor_ns() - processor_;
      return false;
    case Phase::over: return false;
  }
  return false;
}

int Meter::report(std::string_view note) const {
  const auto percentile = [&](double part) {
    return static_cast<unsigned long long>(latency_.percentile(part));
  };
  std::printf(
      "{\"answered\": %llu, \"seconds\": %.6f, \"lost\": %llu, \"retransmitted\": %llu, \"timed\": %llu, "
      "\"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"p999\": %llu, \"cpu_seconds\": %.6f, \"note\": "
      "\"%.*s\"}\n",
      static_cast<unsigned long long>(answered_), seconds_, static_cast<unsigned long long>(lost_),
      static_cast<unsigned long long>(retransmitted_), static_cast<unsigned long long>(latency_.total()),
      percentile(0.50), percentile(0.90), percentile(0.99), percentile(0.999),
      static_cast<double>(processor_) * 1e-9, static_cast<int>(note.size()), note.data());
  std::fflush(stdout);
  return 0;
}

}  // namespace peers
