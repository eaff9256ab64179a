#include "cli/victim.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/escape.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/victim_sockets.hpp"

namespace holler::cli {
namespace {

/// A longer line is looked at in parts: it is nobody's JSON object.
constexpr std::size_t kLineBytesMax = 1U << 20U;
constexpr int kGraceMilliseconds = 2000;
/// Reads of 64 KiB before there is time for something else; and of what is left when the process has ended,
/// which is more than a pipe holds, unless a child of its own goes on writing.
constexpr int kReadsAtOnce = 4;
constexpr int kReadsAtEnd = 256;

std::uint64_t occurrences(std::string_view text, std::string_view mark) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string_view::npos; at += mark.size()) ++count;
  return count;
}

std::uint64_t number_or_none(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Error start_failure(int failed, const std::string& program) {
  Error error{.system_errno = failed, .attempted = "start '" + program + "'", .endpoint = {}, .advice = {}};
  if (failed == ENOENT) error.advice = "there is no such program on the PATH";
  return error;
}

/// With our own standard input and error, and signals as a shell gives them.
int spawn(const std::vector<std::string>& command, int output, pid_t& pid) {
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_init(&attributes);
  sigset_t set;
  sigemptyset(&set);
  posix_spawnattr_setsigmask(&attributes, &set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&set, number);
  posix_spawnattr_setsigdefault(&attributes, &set);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int failed =
      ::posix_spawnp(&pid, arguments.front(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

}  // namespace

void VictimOutput::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos && line_.size() < kLineBytesMax) return;
    read_line(line_);
    line_.clear();
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
}

void VictimOutput::end() {
  read_line(line_);
  line_.clear();
}

void VictimOutput::count_marks(std::string_view text) {
  for (const std::string& mark : marks_) taken_ += occurrences(text, mark);
}

void VictimOutput::read_line(std::string_view line) {
  const Json object = line.starts_with('{') ? Json::parse(line, nullptr, false) : Json{};
  const auto outcome = object.is_object() ? object.find("outcome") : object.end();
  if (outcome == object.end() || !outcome->is_string()) {
    count_marks(line);
    return;
  }
  // Bytes that are no text are in base64 alone.
  const auto payload = object.find("payload_base64");
  const bool has_payload = payload != object.end() && payload->is_string();
  if (has_payload) {
    // Who checks nothing has the forgery's header in front.
    const std::string said = from_base64(payload->get<std::string>());
    if (std::ranges::any_of(marks_, [&said](const std::string& mark) { return said.ends_with(mark); }))
      ++taken_;
  } else {
    count_marks(line);
  }
  ++asked_;
  if (outcome->get<std::string>() == "answered") ++answered_;
  alarms_ += number_or_none(object, "alarms");
  const auto dropped = object.find("dropped");
  if (dropped == object.end() || !dropped->is_object()) return;
  for (const auto& [reason, count] : dropped->items()) {
    if (count.is_number_unsigned()) dropped_[reason] += count.get<std::uint64_t>();
  }
}

Victim::~Victim() {
  if (pid_ >= 0 && !has_ended()) end_process();
  if (pipe_ >= 0) ::close(pipe_);
  if (process_ >= 0) ::close(process_);
}

Result<void> Victim::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure(start_failure(errno, command_.front()));
  pipe_ = ends[0];
  (void)::fcntl(pipe_, F_SETFL, O_NONBLOCK);
  const int failed = spawn(command_, ends[1], pid_);
  ::close(ends[1]);
  if (failed != 0) {
    pid_ = -1;
    return failure(start_failure(failed, command_.front()));
  }
  // By number: glibc 2.36 declares pidfd_open without C linkage.
  process_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (process_ < 0) {
    const int no_descriptor = errno;
    terminate();
    return failure(start_failure(no_descriptor, command_.front()));
  }
  return {};
}

/// Who writes faster than this reads must not keep it from everything else.
void Victim::read_output(int reads_max) {
  std::array<char, 65536> buffer{};
  for (int reads = 0; pipe_ >= 0 && reads < reads_max; ++reads) {
    const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      ::close(pipe_);
      pipe_ = -1;
      return;
    }
    const std::string_view text{buffer.data(), static_cast<std::size_t>(count)};
    // Its output is a pipe to it, so that it does not look after the terminal that is behind us.
    standard_output().write(standard_output().is_terminal() ? printable(text) : std::string{text});
    if (!text.empty()) ends_its_line_ = text.back() == '\n';
    output_.add(text);
  }
}

void Victim::attend() {
  if (pid_ < 0 || has_ended()) return;
  read_output(kReadsAtOnce);
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  finish_output();
}

void Victim::finish_output() {
  read_output(kReadsAtEnd);
  output_.end();
  if (!ends_its_line_ && standard_output().is_terminal()) standard_output().write("\n");
}

void Victim::terminate() {
  if (pid_ < 0 || has_ended()) return;
  end_process();
  finish_output();
}

void Victim::end_process() noexcept {
  (void)::kill(pid_, SIGTERM);
  pollfd ended{process_, POLLIN, 0};
  if (process_ < 0 || ::poll(&ended, 1, kGraceMilliseconds) != 1) (void)::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::vector<Endpoint> Victim::sockets() const {
  return pid_ < 0 || has_ended() ? std::vector<Endpoint>{} : udp_sockets_of(pid_);
}

}  // namespace holler::cli
