#include "cli/signals.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

#include "holler/system.hpp"

#include "cli/exit_code.hpp"

namespace holler::cli {
namespace {

void wake(int descriptor) noexcept {
  const std::uint64_t one = 1;
  (void)!::write(descriptor, &one, sizeof one);
}

sigset_t ending_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action{};
    // nohup ignores SIGHUP, and means it. SIGINT counts even where a shell ignores it for a background job,
    // since only somebody who wants the summary sends it there.
    const bool ignored = sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (number != SIGHUP || !ignored) sigaddset(&set, number);
  }
  return set;
}

}  // namespace

Signals::Signals()
    : stopped_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, ended_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  const sigset_t set = ending_signals();
  (void)pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  // Blocked and not watched, they would do nothing at all.
  if (signals_ < 0 || stopped_ < 0 || ended_ < 0) {
    throw std::system_error{errno, std::generic_category(), "cannot watch for signals (see `ulimit -n`)"};
  }
  try {
    thread_ = std::thread{[this] { watch(); }};
  } catch (const std::system_error& error) {
    throw std::system_error{error.code(), "cannot start a thread (see `ulimit -u` and `ulimit -v`)"};
  }
}

Signals::~Signals() {
  wake(ended_);
  thread_.join();
  ::close(ended_);
  ::close(signals_);
  ::close(stopped_);
}

void Signals::stop() noexcept {
  if (stop_.request_stop()) wake(stopped_);
}

bool Signals::sleep(Duration duration) const {
  const Timestamp end = later(monotonic_now(), duration);
  while (!stopped()) {
    const Duration left = end - monotonic_now();
    if (left <= Duration::zero()) return true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), (left - seconds).count()};
    pollfd stopped{stopped_, POLLIN, 0};
    (void)::ppoll(&stopped, 1, &timeout, nullptr);
  }
  return false;
}

void Signals::watch() {
  while (true) {
    std::array<pollfd, 2> events{{{signals_, POLLIN, 0}, {ended_, POLLIN, 0}}};
    (void)::poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) continue;
    if (stopped()) {
      if (const auto action = before_second_.load()) action();
      ::_exit(static_cast<int>(ExitCode::interrupted));
    }
    stop();
  }
}

}  // namespace holler::cli
