#include "net/poller.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace holler {
namespace {

Error out_of_descriptors(const char* attempted) {
  return {.code = ErrorCode::out_of_resources,
          .system_errno = errno,
          .attempted = attempted,
          .endpoint = {},
          .advice = "raise the limit on open files (ulimit -n)",
          .payload_bytes_max = {}};
}

/// Waits to the nanosecond where the kernel can (Linux 5.11), else to the millisecond, rounded up: a wait
/// that ended early would be begun again and again until its time has come.
int wait_for_events(int epoll, std::span<epoll_event> events, Duration timeout) noexcept {
  const Duration left = std::max(timeout, Duration::zero());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec limit{.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
  const timespec* until = timeout == kForever ? nullptr : &limit;
  const int room = static_cast<int>(events.size());
  const int count = ::epoll_pwait2(epoll, events.data(), room, until, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  const std::int64_t millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ::epoll_wait(epoll, events.data(), room,
                      until == nullptr ? -1 : static_cast<int>(std::min(millis, kMost)));
}

}  // namespace

Result<WakeEvent> WakeEvent::create() {
  Descriptor fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return failure(out_of_descriptors("make an event descriptor"));
  return WakeEvent{std::move(fd)};
}

void WakeEvent::notify() const noexcept {
  const std::uint64_t one = 1;
  // It can only fail where 2^64 notifications are pending, and then one is.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

void WakeEvent::drain() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_.get(), &count, sizeof count);
}

Result<Poller> Poller::create() {
  Descriptor fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!fd) return failure(out_of_descriptors("make an epoll descriptor"));
  return Poller{std::move(fd)};
}

Result<void> Poller::add(int descriptor, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN;  // errors are always reported
  event.data.u64 = token;
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return failure(out_of_descriptors("watch a descriptor"));
  }
  return {};
}

void Poller::want_write(int descriptor, std::uint64_t token, bool wanted) noexcept {
  change(descriptor, token, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Poller::want_only_write(int descriptor, std::uint64_t token, bool wanted) noexcept {
  change(descriptor, token, wanted ? EPOLLOUT : EPOLLIN);
}

void Poller::change(int descriptor, std::uint64_t token, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  ::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void Poller::remove(int descriptor) noexcept { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

Result<std::span<const std::uint64_t>> Poller::wait(Duration timeout) {
  std::array<epoll_event, 64> events{};
  int count = wait_for_events(fd_.get(), events, timeout);
  // A process that was stopped meanwhile (signal(7)) may be past its deadlines now: what has arrived in time
  // must be told before its owner looks at the clock.
  if (count < 0 && errno == EINTR) count = wait_for_events(fd_.get(), events, Duration::zero());
  ready_.clear();
  if (count < 0 && errno != EINTR) {
    return failure({.code = ErrorCode::system,
                    .system_errno = errno,
                    .attempted = "wait for datagrams",
                    .endpoint = {},
                    .advice = {},
                    .payload_bytes_max = {}});
  }
  for (int i = 0; i < count; ++i) {
    // By value: epoll_event is packed, and its 64 bits may lie where no reference to them may point.
    const std::uint64_t token = events[static_cast<std::size_t>(i)].data.u64;
    ready_.push_back(token);
  }
  return std::span<const std::uint64_t>{ready_};
}

}  // namespace holler
