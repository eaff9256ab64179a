#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "holler/client.hpp"

#include "cli/latency_histogram.hpp"
#include "cli/signals.hpp"

/// Asks the same question over and over, and measures.
namespace holler::cli {

inline constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::system) + 1;

struct BenchPlan {
  AskOptions ask;
  std::string payload;
  /// Closed loop: so many questions at one time; the end of each begins the next.
  std::uint32_t outstanding = 1;
  /// Open loop: so many questions begin in a second, whatever becomes of the others; 0 for a closed one.
  std::uint32_t rate = 0;
  Duration duration = std::chrono::seconds{10};  ///< in which questions begin, behind the warm-up
  Duration warmup = std::chrono::seconds{1};     ///< questions that begin in it are not counted
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();  ///< questions at most
};

/// What has been counted so far. Any thread may look at it.
struct BenchTally {
  LatencyHistogram latencies;  ///< of the answers, from when the question was due
  LatencyHistogram lateness;   ///< open loop: from when a question was due until it began
  std::atomic<std::uint64_t> asked{0};
  std::array<std::atomic<std::uint64_t>, kErrorCodes> failed{};

  [[nodiscard]] std::uint64_t failures(ErrorCode code) const noexcept {
    return failed[static_cast<std::size_t>(code)].load(std::memory_order_relaxed);
  }
};

/// What the client counted meanwhile, not of single questions.
struct BenchTraffic {
  std::uint64_t retransmitted = 0;
  std::uint64_t kernel_drops = 0;
  DropCounts dropped;
};

/// What came of a run, besides the tally.
struct BenchEnd {
  Duration asking{};   ///< from the end of the warm-up until no more questions began
  Duration elapsed{};  ///< until the last answer, if that was later
  std::uint64_t not_begun =
      0;  ///< questions that were due, and for which this machine had no time or no room
  bool interrupted = false;
  BenchTraffic traffic;
  std::optional<Error> first_failure;
};

/// Questions outstanding at most: they keep copies of the payload, 256 MiB of them together.
[[nodiscard]] std::size_t bench_outstanding_max(std::size_t payload_bytes) noexcept;

/// One run. One question at a time is asked in the caller's thread; several, and those that have their times,
/// with ask_async.
class BenchRun {
 public:
  BenchRun(const BenchPlan& plan, Client client, const Endpoint& peer, const Signals& signals);

  /// Returns when every question that began has ended, or at once when it is interrupted.
  BenchEnd run();

  [[nodiscard]] const BenchTally& tally() const noexcept { return tally_; }
  /// Since the end of the warm-up; below zero before.
  [[nodiscard]] Duration since_warmup(Timestamp now) const noexcept { return now - measured_from_; }

 private:
  void ask_one_by_one();
  void ask_many();
  [[nodiscard]] bool claim(Timestamp due);
  void begin(Timestamp due);
  void stop_asking();
  void on_end(Timestamp due, const Result<Reply>& result);
  void note(Timestamp due, Timestamp now, const Result<Reply>& result);
  void keep_first(const Error& error);
  void set_aside(Timestamp due);
  void resume(Timestamp now);
  [[nodiscard]] Timestamp begin_due(Timestamp now);
  [[nodiscard]] Timestamp due_time(std::uint64_t question) const noexcept;
  [[nodiscard]] std::uint64_t due_before(Timestamp when) const noexcept;
  [[nodiscard]] std::uint64_t not_begun(Timestamp when) const noexcept;
  void wait_until(Timestamp turn);
  void drain();
  void end_warmup(Timestamp now);
  [[nodiscard]] bool over() const noexcept { return over_.load(); }
  [[nodiscard]] bool in_closed_loop() const noexcept { return plan_.rate == 0; }
  [[nodiscard]] BenchTraffic traffic() const;

  const BenchPlan& plan_;
  const Signals& signals_;
  Endpoint peer_;
  Bytes payload_;
  BenchTally tally_;
  Timestamp start_;
  Timestamp measured_from_;
  Timestamp end_;
  Timestamp stopped_asking_;
  std::optional<BenchTraffic> before_;  // the warm-up's
  std::uint64_t next_question_ = 0;     // open loop: counted from `start_`
  std::optional<Timestamp> resume_at_;
  std::uint64_t never_begun_ = 0;  // of those that were set aside

  std::atomic<bool> over_{false};  // no question begins any more
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<std::uint64_t> begun_counted_{0};  // of them, those that are due behind the warm-up
  std::atomic<std::uint64_t> ended_counted_{0};
  std::atomic<Timestamp> last_answer_;
  std::atomic<bool> any_aside_{false};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Timestamp> aside_;  // guarded by `mutex_`: when they were due, or kNever for when they begin
  std::optional<Error> first_failure_;  // guarded by `mutex_`
  std::optional<Client> client_;        // behind all that its callbacks use
};

}  // namespace holler::cli
