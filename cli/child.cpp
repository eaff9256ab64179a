#include "cli/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "holler/system.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace holler::cli {
namespace {

constexpr std::chrono::milliseconds kGrace{1000};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_{number} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor reading;
  Descriptor writing;

  /// Close-on-exec, so that a child of another thread does not hold it open.
  [[nodiscard]] bool open() noexcept {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    reading = Descriptor{ends[0]};
    writing = Descriptor{ends[1]};
    return true;
  }
};

void make_non_blocking(const Descriptor& descriptor) noexcept {
  (void)::fcntl(descriptor.get(), F_SETFL, O_NONBLOCK);
}

/// A child gets the signals as a shell would have given them to it, and a process group, so that what it
/// starts ends with it.
class SpawnSettings {
 public:
  SpawnSettings(const Pipe& input, const Pipe& output) noexcept {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input.reading.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output.writing.get(), STDOUT_FILENO);
    posix_spawnattr_init(&attributes_);
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes_, &set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&set, number);
    posix_spawnattr_setsigdefault(&attributes_, &set);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// The process groups of the children that run, and whether there may be more.
struct Groups {
  std::mutex mutex;
  std::vector<pid_t> running;
  bool closed = false;
};

Groups& groups() noexcept {
  static Groups instance;
  return instance;
}

class Child {
 public:
  explicit Child(const ChildTask& task) noexcept : task_{task}, end_{later(monotonic_now(), task.time_max)} {}

  ChildResult run() {
    if (const int failed = start(); failed != 0) return {.status = failed};
    ChildEnd end = ChildEnd::exited;
    while (end == ChildEnd::exited && step(end)) {
    }
    if (end != ChildEnd::exited) terminate();
    const int status = reap();
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return {.end = end, .status = code, .output = std::move(result_)};
  }

 private:
  int reap() noexcept {
    {
      const std::scoped_lock lock{groups().mutex};
      std::erase(groups().running, pid_);  // as long as its number cannot be another's
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  int start() {
    Pipe input;
    Pipe output;
    if (!input.open() || !output.open()) return errno;
    const SpawnSettings settings{input, output};
    // posix_spawn takes what it does not change as if it might: these are copies.
    std::vector<std::string> variables = task_.environment;
    std::vector<char*> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    std::array<std::string, 3> words{"sh", "-c", task_.command};
    std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
    {
      const std::scoped_lock lock{groups().mutex};
      if (groups().closed) return ECANCELED;
      const int failed = ::posix_spawn(&pid_, "/bin/sh", settings.actions(), settings.attributes(),
                                       arguments.data(), environment.data());
      if (failed != 0) return failed;
      groups().running.push_back(pid_);
    }
    // By number: glibc 2.36 declares pidfd_open without C linkage.
    process_ = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!process_.is_open()) {  // out of descriptors: its end would never be seen
      const int no_descriptor = errno;
      (void)::kill(-pid_, SIGKILL);
      (void)reap();
      return no_descriptor;
    }
    input_ = std::move(input.writing);
    output_ = std::move(output.reading);
    make_non_blocking(input_);
    make_non_blocking(output_);
    return 0;
  }

  /// Waits for something to happen, and deals with it.
  /// @return false when the child has exited
  bool step(ChildEnd& end) {
    if (task_.input.size() == written_) input_.close();
    std::array<pollfd, 4> events{{{process_.get(), POLLIN, 0},
                                  {output_.get(), POLLIN, 0},
                                  {input_.get(), POLLOUT, 0},
                                  {task_.stop_descriptor, POLLIN, 0}}};
    (void)::poll(events.data(), events.size(), milliseconds_left());
    if (events[2].revents != 0) write_some();
    if (events[1].revents != 0 || events[0].revents != 0) read_all();
    if (result_.size() > task_.output_bytes_max) {
      end = ChildEnd::too_long;
    } else if (events[0].revents != 0) {
      return false;
    } else if (events[3].revents != 0) {
      end = ChildEnd::stopped;
    } else if (monotonic_now() >= end_) {
      end = ChildEnd::too_slow;
    }
    return true;
  }

  int milliseconds_left() const noexcept {
    if (end_ == kNever) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - monotonic_now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }

  void write_some() {
    const Bytes rest = task_.input.subspan(written_);
    const ssize_t count = ::write(input_.get(), rest.data(), rest.size());
    if (count > 0) written_ += static_cast<std::size_t>(count);
    // A command that does not want to read all of it is no error.
    if (count < 0 && errno != EAGAIN && errno != EINTR) input_.close();
  }

  void read_all() {
    std::array<std::byte, 16384> buffer{};
    while (output_.is_open() && result_.size() <= task_.output_bytes_max) {
      const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
      if (count > 0) {
        result_.insert(result_.end(), buffer.begin(), buffer.begin() + count);
      } else if (count < 0 && errno == EINTR) {
        continue;
      } else if (count < 0 && errno == EAGAIN) {
        return;
      } else {
        output_.close();
      }
    }
  }

  void terminate() noexcept {
    (void)::kill(-pid_, SIGTERM);
    pollfd ended{process_.get(), POLLIN, 0};
    (void)::poll(&ended, 1, static_cast<int>(kGrace.count()));
    // The group lives as long as the child is not reaped, so its number cannot be somebody else's yet.
    (void)::kill(-pid_, SIGKILL);
  }

  const ChildTask& task_;
  Timestamp end_;
  pid_t pid_ = -1;
  Descriptor process_;
  Descriptor input_;
  Descriptor output_;
  std::size_t written_ = 0;
  ByteVector result_;
};

}  // namespace

ChildResult run_child(const ChildTask& task) { return Child{task}.run(); }

void kill_children() noexcept {
  const std::scoped_lock lock{groups().mutex};
  groups().closed = true;
  for (const pid_t group : groups().running) (void)::kill(-group, SIGKILL);
}

}  // namespace holler::cli
