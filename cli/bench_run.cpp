#include "cli/bench_run.hpp"

#include <algorithm>
#include <sys/prctl.h>
#include <utility>

#include "holler/system.hpp"

namespace holler::cli {
namespace {

constexpr std::size_t kPayloadsBytesMax = std::size_t{256} << 20U;
constexpr std::size_t kQuestionBytes = 64;  // of memory at least, however short the payload

/// What fails at once would fail thousands of times in a second, and find the peer no sooner.
constexpr Duration kPause = std::chrono::milliseconds{1};

/// Questions that are due at the very end may begin so much later.
constexpr Duration kGrace = std::chrono::milliseconds{10};

constexpr std::uint64_t kQuestionsPerLook = 16;  // at the clock, while many are due
constexpr std::uint64_t kSecond = 1'000'000'000;

/// The peer, or the way there, or this machine took its time to say so.
bool took_time(ErrorCode code) {
  return code == ErrorCode::no_answer || code == ErrorCode::busy || code == ErrorCode::declined ||
         code == ErrorCode::unknown;
}

}  // namespace

std::size_t bench_outstanding_max(std::size_t payload_bytes) noexcept {
  return std::clamp<std::size_t>(kPayloadsBytesMax / std::max(payload_bytes, kQuestionBytes), 1,
                                 RequesterOptions{}.outstanding_max);
}

BenchRun::BenchRun(const BenchPlan& plan, Client client, const Endpoint& peer, const Signals& signals)
    : plan_{plan},
      signals_{signals},
      peer_{peer},
      payload_{bytes_of(plan.payload)},
      start_{monotonic_now()},
      measured_from_{later(start_, plan.warmup)},
      end_{later(measured_from_, plan.duration)},
      stopped_asking_{end_},
      last_answer_{start_},
      client_{std::move(client)} {}

BenchEnd BenchRun::run() {
  if (in_closed_loop() && plan_.outstanding == 1) {
    ask_one_by_one();
  } else {
    ask_many();
  }
  BenchEnd end;
  end.interrupted = signals_.stopped();
  end.not_begun = not_begun(stopped_asking_);
  end.traffic = before_ ? traffic() : BenchTraffic{};
  client_.reset();  // what is outstanding ends as cancelled
  // What a callback has asked meanwhile was not taken, and has no end.
  const std::uint64_t untaken = begun_counted_.load() - ended_counted_.load();
  tally_.asked -= untaken;
  end.not_begun += untaken;
  end.asking = std::max(stopped_asking_ - measured_from_, Duration::zero());
  end.elapsed = std::max(last_answer_.load() - measured_from_, end.asking);
  end.first_failure = std::move(first_failure_);
  if (before_) {
    end.traffic.retransmitted -= before_->retransmitted;
    end.traffic.kernel_drops -= before_->kernel_drops;
    DropCounts meanwhile;
    end.traffic.dropped.for_each([&](DropReason reason, std::uint64_t count) {
      meanwhile.add(reason, count - before_->dropped[reason]);
    });
    end.traffic.dropped = meanwhile;
  }
  return end;
}

BenchTraffic BenchRun::traffic() const {
  const RequesterStats stats = client_->stats();
  return {.retransmitted = stats.retransmitted,
          .kernel_drops = client_->kernel_drops(),
          .dropped = stats.dropped};
}

void BenchRun::end_warmup(Timestamp now) {
  if (!before_ && now >= measured_from_) before_ = traffic();
}

void BenchRun::ask_one_by_one() {
  AskOptions options = plan_.ask;
  options.stop = signals_.token();
  Timestamp now = monotonic_now();
  for (end_warmup(now); now < end_ && !signals_.stopped() && claim(now); end_warmup(now)) {
    const auto result = client_->ask(peer_, payload_, options);
    const Timestamp due = std::exchange(now, monotonic_now());
    note(due, now, result);
    if (result || took_time(result.error().code)) continue;
    if (!signals_.sleep(kPause)) break;
    now = monotonic_now();
  }
  stopped_asking_ = std::min(now, end_);
}

void BenchRun::ask_many() {
  // A thread's timers may be late by 50 us so that it wakes less often: here it is to wake in time.
  (void)::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  Timestamp now = monotonic_now();
  for (std::uint32_t i = 0; in_closed_loop() && i < plan_.outstanding; ++i) {
    now = monotonic_now();
    if (signals_.stopped() || !claim(now)) break;
    begin(now);
  }
  const Timestamp last_call = in_closed_loop() ? end_ : later(end_, kGrace);
  while (!signals_.stopped() && !over()) {
    now = monotonic_now();
    end_warmup(now);
    if (now >= last_call) break;
    resume(now);
    Timestamp turn = before_ ? last_call : measured_from_;
    if (!in_closed_loop()) {
      const Timestamp next = begin_due(now);
      if (next >= end_ && now >= end_) break;
      if (!any_aside_) turn = std::min({turn, next, std::max(end_, now)});
    }
    wait_until(turn);
  }
  stopped_asking_ = std::min(monotonic_now(), end_);
  over_ = true;
  drain();
}

/// Whether one more question may begin, which is then counted if it is due behind the warm-up.
bool BenchRun::claim(Timestamp due) {
  if (due < measured_from_) return true;
  const std::uint64_t before = tally_.asked.fetch_add(1, std::memory_order_relaxed);
  if (before >= plan_.count) tally_.asked.fetch_sub(1, std::memory_order_relaxed);
  if (before + 1 >= plan_.count) stop_asking();
  return before < plan_.count;
}

void BenchRun::stop_asking() {
  over_ = true;
  {
    const std::scoped_lock lock{mutex_};
  }  // whoever waits has either seen it, or hears of it now
  changed_.notify_all();
}

void BenchRun::begin(Timestamp due) {
  begun_.fetch_add(1);
  if (due >= measured_from_) begun_counted_.fetch_add(1, std::memory_order_relaxed);
  // Two words, which std::function keeps without memory of its own.
  (void)client_->ask_async(peer_, payload_, plan_.ask,
                           [this, due](const Result<Reply>& result) { on_end(due, result); });
}

void BenchRun::on_end(Timestamp due, const Result<Reply>& result) {
  const Timestamp now = monotonic_now();
  if (!result && result.error().code == ErrorCode::out_of_resources) {
    keep_first(result.error());
    set_aside(due);
  } else {
    note(due, now, result);
    if (in_closed_loop() && !over() && now < end_) {
      if (!result && !took_time(result.error().code)) {
        set_aside(kNever);
      } else if (claim(now)) {
        begin(now);
      }
    }
  }
  if (due >= measured_from_) ended_counted_.fetch_add(1, std::memory_order_relaxed);
  // In this order, and not relaxed: either this sees that it is over, or `drain` sees the last end.
  const std::uint64_t ended = ended_.fetch_add(1) + 1;
  if (over() && ended == begun_.load()) {
    {
      const std::scoped_lock lock{mutex_};
    }
    changed_.notify_all();
  }
}

void BenchRun::note(Timestamp due, Timestamp now, const Result<Reply>& result) {
  const bool counts = due >= measured_from_;
  if (result) {
    if (!counts) return;
    tally_.latencies.add(now - due);
    last_answer_.store(now, std::memory_order_relaxed);
    return;
  }
  const Error& error = result.error();
  if (counts) tally_.failed[static_cast<std::size_t>(error.code)].fetch_add(1, std::memory_order_relaxed);
  if (error.code != ErrorCode::cancelled) keep_first(error);
}

void BenchRun::keep_first(const Error& error) {
  const std::scoped_lock lock{mutex_};
  if (!first_failure_) first_failure_ = error;
}

/// For a question that cannot begin now: it does so after a pause.
void BenchRun::set_aside(Timestamp due) {
  {
    const std::scoped_lock lock{mutex_};
    aside_.push_back(due);
    any_aside_ = true;
  }
  changed_.notify_all();
}

void BenchRun::resume(Timestamp now) {
  if (!any_aside_) return;
  if (!resume_at_) resume_at_ = later(now, kPause);
  if (now < *resume_at_) return;
  resume_at_.reset();
  std::vector<Timestamp> again;
  {
    const std::scoped_lock lock{mutex_};
    again.swap(aside_);
    any_aside_ = false;
  }
  for (const Timestamp due : again) {
    if (due != kNever) {
      begin(due);
    } else if (claim(now)) {
      begin(now);
    }
  }
}

/// Open loop: begins what is due.
/// @return when the next one is
Timestamp BenchRun::begin_due(Timestamp now) {
  Timestamp due = due_time(next_question_);
  if (now >= measured_from_ &&
      due < measured_from_) {  // what the warm-up could not do is no part of the rest
    next_question_ = due_before(measured_from_);
    due = due_time(next_question_);
  }
  for (std::uint64_t i = 1; due <= now && due < end_; ++i) {
    // Where there is no room for one, there is none for those behind it.
    if (any_aside_ || !claim(due)) break;
    ++next_question_;
    if (due >= measured_from_) tally_.lateness.add(now - due);
    begin(due);
    due = due_time(next_question_);
    if (i % kQuestionsPerLook != 0) continue;
    now = monotonic_now();
    end_warmup(now);
    if (signals_.stopped() || now - end_ >= kGrace || (now >= measured_from_ && due < measured_from_)) break;
  }
  return due;
}

Timestamp BenchRun::due_time(std::uint64_t question) const noexcept {
  const std::uint64_t whole = question / plan_.rate;
  const std::uint64_t rest = question % plan_.rate * kSecond / plan_.rate;
  return later(start_, Duration{static_cast<std::int64_t>(whole * kSecond + rest)});
}

/// How many questions are due before that.
std::uint64_t BenchRun::due_before(Timestamp when) const noexcept {
  if (when <= start_) return 0;
  const auto nanoseconds = static_cast<std::uint64_t>((when - start_).count());
  std::uint64_t question = nanoseconds / kSecond * plan_.rate + nanoseconds % kSecond * plan_.rate / kSecond;
  if (question > 0) --question;
  while (due_time(question) < when) ++question;
  return question;
}

std::uint64_t BenchRun::not_begun(Timestamp when) const noexcept {
  if (in_closed_loop()) return never_begun_;
  const std::uint64_t counted_from = due_before(measured_from_);
  const std::uint64_t due = std::max(due_before(when), counted_from) - counted_from;
  const std::uint64_t wanted = std::min(due, plan_.count);
  return wanted - std::min(wanted, tally_.asked.load());
}

void BenchRun::wait_until(Timestamp turn) {
  if (resume_at_) turn = std::min(turn, *resume_at_);
  const Duration left = turn - monotonic_now();
  if (left <= Duration::zero()) return;
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, signals_.token(), left, [&] { return over() || (any_aside_ && !resume_at_); });
}

/// Waits for the questions that are outstanding, each of which has a deadline.
void BenchRun::drain() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, signals_.token(), [&] { return ended_.load() == begun_.load(); });
  for (const Timestamp due : aside_) never_begun_ += due != kNever && due >= measured_from_ ? 1U : 0U;
  tally_.asked -= never_begun_;
  aside_.clear();
}

}  // namespace holler::cli
