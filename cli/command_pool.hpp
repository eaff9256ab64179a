#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "holler/server.hpp"

#include "cli/child.hpp"
#include "cli/signals.hpp"

namespace holler::cli {

/// Answers requests with what a command says: `serve --exec`. So many commands run at once, and so many
/// requests wait for one; further ones are told "busy".
class CommandPool {
 public:
  static constexpr std::size_t kWorkers = 8;
  static constexpr std::size_t kWaitingMax = 256;
  /// The reasons of a refusal that are not a command's exit status (0 to 255).
  static constexpr std::uint16_t kReasonTooLong = 256;
  static constexpr std::uint16_t kReasonTooSlow = 257;
  static constexpr std::uint16_t kReasonNotStarted = 258;

  /// @param time_max  after which a command is ended
  /// @param signals   commands are ended when it stops
  CommandPool(std::string command, Duration time_max, Signals& signals);
  CommandPool(const CommandPool&) = delete;
  CommandPool& operator=(const CommandPool&) = delete;
  /// Ends the commands and waits for them.
  ~CommandPool();

  /// Runs the command for a request, soon. From one thread only.
  void handle(const Request& request, ReplyWriter& reply);

 private:
  struct Job {
    DeferredReply reply;
    ByteVector payload;
    Endpoint from;
    Endpoint to;
    std::size_t reply_bytes_max = 0;
    Timestamp wanted_until;
  };

  void work();
  [[nodiscard]] std::optional<Job> next_job();
  void run(Job& job);
  /// Forgets requests whose askers have given up.
  void shed();

  std::string command_;
  Duration time_max_;
  Signals& signals_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  bool ending_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace holler::cli
