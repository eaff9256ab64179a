#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/error.hpp"

/// The program that is asked to believe forgeries: it runs as a child, and what it prints is read along.
namespace holler::cli {

/// What a program's output says of what it took, and of what it dropped.
class VictimOutput {
 public:
  /// @param marks  texts that only a forged answer contains
  explicit VictimOutput(std::vector<std::string> marks) : marks_{std::move(marks)} {}

  void add(std::string_view bytes);
  /// The output has ended: so has its last line.
  void end();

  /// How often it printed one of the marks.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
  /// What the objects of `holler … --json` say; all zero for other programs.
  [[nodiscard]] std::uint64_t asked() const noexcept { return asked_; }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
  [[nodiscard]] std::uint64_t alarms() const noexcept { return alarms_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& dropped() const noexcept { return dropped_; }

 private:
  void read_line(std::string_view line);
  void count_marks(std::string_view text);

  std::vector<std::string> marks_;
  std::string line_;
  std::uint64_t taken_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t alarms_ = 0;
  std::map<std::string, std::uint64_t> dropped_;
};

class Victim {
 public:
  Victim(std::vector<std::string> command, std::vector<std::string> marks)
      : command_{std::move(command)}, output_{std::move(marks)} {}
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  /// Ends it, if it still runs.
  ~Victim();

  /// @error name_unknown: there is no such program; permission_denied, out_of_resources
  [[nodiscard]] Result<void> start();
  /// Passes on what it has printed to our own standard output, and sees whether it has ended. Call it when a
  /// descriptor is readable.
  void attend();
  /// Ends it with SIGTERM, and after two seconds with SIGKILL.
  void terminate();

  [[nodiscard]] bool has_ended() const noexcept { return status_.has_value(); }
  /// Its exit status, or 128 and the signal that killed it.
  [[nodiscard]] std::optional<int> status() const noexcept { return status_; }
  [[nodiscard]] const VictimOutput& output() const noexcept { return output_; }
  [[nodiscard]] int output_descriptor() const noexcept { return pipe_; }
  [[nodiscard]] int process_descriptor() const noexcept { return process_; }
  /// The UDP sockets that it and its children have at the moment, wherever they are bound to.
  [[nodiscard]] std::vector<Endpoint> sockets() const;

 private:
  void read_output(int reads_max);
  void finish_output();
  void end_process() noexcept;

  std::vector<std::string> command_;
  VictimOutput output_;
  bool ends_its_line_ = true;
  pid_t pid_ = -1;
  int pipe_ = -1;
  int process_ = -1;
  std::optional<int> status_;
};

}  // namespace holler::cli
