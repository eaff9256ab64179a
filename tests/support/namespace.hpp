#pragma once

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

/// Network namespaces for tests. They have no names, so nothing is left behind however a test ends.
namespace holler::testing {

class Namespace {
 public:
  /// A new one, with its loopback interface up. The calling thread stays where it is.
  Namespace() {
    const int before = open_own();
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare");
    number_ = open_own();
    run("ip link set lo up");
    ::setns(before, CLONE_NEWNET);
    ::close(before);
  }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace() { ::close(number_); }

  /// Calls `action` inside: sockets that it makes stay inside.
  template <class Action>
  decltype(auto) in(Action&& action) const {
    const Visit visit{number_};
    return std::forward<Action>(action)();
  }

  /// Runs a command of the shell inside.
  void command(const std::string& line) const {
    in([&] { run(line); });
  }

  /// What `ip … netns` takes for a name.
  [[nodiscard]] std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(number_);
  }

  [[nodiscard]] static bool allowed() {
    const int before = open_own();
    const bool made = ::unshare(CLONE_NEWNET) == 0;
    if (made) ::setns(before, CLONE_NEWNET);
    ::close(before);
    return made;
  }

 private:
  struct Visit {
    explicit Visit(int number) : before{open_own()} {
      if (::setns(number, CLONE_NEWNET) != 0) throw std::runtime_error("setns");
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      ::setns(before, CLONE_NEWNET);
      ::close(before);
    }
    int before;
  };

  static int open_own() { return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

  static void run(const std::string& line) {
    std::FILE* output = ::popen((line + " 2>&1").c_str(), "r");
    std::string said;
    std::array<char, 256> part{};
    while (output != nullptr && std::fgets(part.data(), static_cast<int>(part.size()), output) != nullptr) {
      said += part.data();
    }
    if (output == nullptr || ::pclose(output) != 0) throw std::runtime_error(line + ": " + said);
  }

  int number_ = -1;
};

/// A cable between two namespaces: interface `one_end` of the first, `other_end` of the second, both up.
inline void connect(const Namespace& one, const std::string& one_end, const Namespace& other,
                    const std::string& other_end) {
  one.command("ip link add name " + one_end + " type veth peer name " + other_end + " netns " + other.path());
  one.command("ip link set " + one_end + " up");
  other.command("ip link set " + other_end + " up");
}

/// Runs `action` in a child without privileges, and returns what it says.
template <class Action>
std::string as_ordinary_user(Action&& action) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr unsigned kNobody = 65534;
    const std::string said =
        ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0 ? action() : "cannot change user";
    const ssize_t written = ::write(pipe[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 512> part{};
  for (ssize_t size = 1; size > 0;) {
    size = ::read(pipe[0], part.data(), part.size());
    if (size > 0) said.append(part.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

/// Tests that need namespaces, or are skipped.
class WithNamespaces : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Namespace::allowed()) GTEST_SKIP() << "network namespaces need root";
  }
};

}  // namespace holler::testing
