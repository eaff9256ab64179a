#include "cli/command_pool.hpp"

#include <fmt/core.h>
#include <system_error>

#include "holler/system.hpp"

#include "cli/output.hpp"
#include "cli/text.hpp"

namespace holler::cli {

CommandPool::CommandPool(std::string command, Duration time_max, Signals& signals)
    : command_{std::move(command)}, time_max_{time_max}, signals_{signals} {
  for (std::size_t i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { work(); });
}

CommandPool::~CommandPool() {
  signals_.stop();
  {
    const std::scoped_lock lock{mutex_};
    ending_ = true;
  }
  wake_.notify_all();
  workers_.clear();
}

void CommandPool::handle(const Request& request, ReplyWriter& reply) {
  {
    const std::scoped_lock lock{mutex_};
    if (waiting_.size() >= kWaitingMax) shed();
    if (waiting_.size() >= kWaitingMax) {
      reply.busy();
      return;
    }
    const std::size_t reply_bytes_max = reply.payload_bytes_max();
    waiting_.push_back({.reply = reply.defer(),
                        .payload = copy_of(request.payload),
                        .from = request.from,
                        .to = request.to,
                        .reply_bytes_max = reply_bytes_max,
                        .wanted_until = later(monotonic_now(), request.time_left)});
  }
  wake_.notify_one();
}

void CommandPool::shed() {
  const Timestamp now = monotonic_now();
  std::erase_if(waiting_, [now](const Job& job) { return job.wanted_until <= now; });
}

std::optional<CommandPool::Job> CommandPool::next_job() {
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
  if (ending_) return std::nullopt;
  std::optional<Job> job{std::move(waiting_.front())};
  waiting_.pop_front();
  return job;
}

void CommandPool::work() {
  while (auto job = next_job()) {
    if (job->wanted_until > monotonic_now()) run(*job);
  }
}

void CommandPool::run(Job& job) {
  const ChildResult result = run_child(
      {.command = command_.c_str(),
       .input = job.payload,
       .environment = {"HOLLER_FROM=" + job.from.to_string(),
                       "HOLLER_FROM_ADDRESS=" + job.from.address.to_string(),
                       fmt::format("HOLLER_FROM_PORT={}", job.from.port), "HOLLER_TO=" + job.to.to_string(),
                       fmt::format("HOLLER_BYTES={}", job.payload.size())},
       .output_bytes_max = job.reply_bytes_max,
       .time_max = time_max_,
       .stop_descriptor = signals_.descriptor()});
  const std::string whose = "the command for the request of " + job.from.to_string();
  switch (result.end) {
    case ChildEnd::exited:
      if (result.status == 0) {
        job.reply.send(result.output);
      } else {
        complain(fmt::format("{} ended with status {}; the asker is refused with that as the reason", whose,
                             result.status));
        job.reply.refuse(static_cast<std::uint16_t>(result.status));
      }
      break;
    case ChildEnd::too_long:
      complain(fmt::format("{} said more than the {} bytes that fit a reply, and was ended", whose,
                           job.reply_bytes_max));
      job.reply.refuse(kReasonTooLong);
      break;
    case ChildEnd::too_slow:
      complain(fmt::format("{} took more than {}, and was ended", whose, shown(time_max_)));
      job.reply.refuse(kReasonTooSlow);
      break;
    case ChildEnd::stopped: job.reply.busy(); break;
    case ChildEnd::not_started:
      complain(
          fmt::format("{} could not be started: {}", whose, std::generic_category().message(result.status)));
      job.reply.refuse(kReasonNotStarted);
      break;
  }
}

}  // namespace holler::cli
