#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/poller.hpp"
#include "runtime/ask_loop.hpp"
#include "runtime/lookout.hpp"

namespace holler {

/// The questions that nobody waits for: one thread, one Requester, and a socket for each IP version that
/// all of them share (or one for each question, where the protocol wants a fresh port).
class AsyncAsks {
 public:
  using Callback = Client::Callback;

  /// `submit` has not taken the question.
  static constexpr std::uint64_t kNotTaken = 0;

  [[nodiscard]] static Result<std::shared_ptr<AsyncAsks>> start(const ClientOptions& options);
  ~AsyncAsks();
  /// Unlike a weak pointer, a name costs nothing to hand out; never 0.
  [[nodiscard]] std::uint64_t name() const noexcept { return name_; }
  /// @return nullptr if it has gone
  [[nodiscard]] static std::shared_ptr<AsyncAsks> find(std::uint64_t name);
  /// Ends what is outstanding with ErrorCode::cancelled, before it returns, or, when it is called by one of
  /// the callbacks, after that has returned. To be called once, and before the owner lets go: others may
  /// hold this object for a moment longer, but its thread has then ended.
  void end();

  /// @return what `cancel` wants to know, or kNotTaken: `done` has then been told why, or, once this has
  ///         been told to end, is forgotten
  std::uint64_t submit(const Endpoint& peer, Bytes payload, const AskOptions& options, Callback done);
  void cancel(std::uint64_t ask);

  [[nodiscard]] std::size_t outstanding() const noexcept {
    const std::int64_t sum =
        of_thread_.load(std::memory_order_relaxed) + of_others_.load(std::memory_order_relaxed);
    return static_cast<std::size_t>(std::max<std::int64_t>(sum, 0));
  }
  [[nodiscard]] RequesterStats stats() const;
  [[nodiscard]] std::uint64_t kernel_drops() const noexcept {
    return kernel_drops_.load(std::memory_order_relaxed);
  }

 private:
  using StopCallback = std::stop_callback<std::function<void()>>;
  struct Submission {
    std::uint64_t ask = 0;
    Endpoint peer;
    ByteVector payload;
    AskOptions options;
    Timestamp submitted;
    Callback done;
    std::unique_ptr<StopCallback> on_stop;
  };
  struct Ask {
    std::uint64_t id = 0;  // kNotTaken: none
    RequestHandle request;
    Callback done;
  };
  struct Channel {
    std::optional<UdpSocket> socket;
    Endpoint local;
    bool waits_for_room = false;
  };

  AsyncAsks(ClientOptions options, Poller poller, WakeEvent wake);
  void run();
  [[nodiscard]] bool in_thread() const noexcept {
    return std::this_thread::get_id() == id_of_thread_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool begin_here(std::uint64_t& ask, const Endpoint& peer, Bytes payload,
                                const AskOptions& options, Callback& done);
  [[nodiscard]] std::optional<RequestHandle> handle_of(std::uint64_t ask) const;
  void count(std::int64_t more, bool here) noexcept;
  void take_orders(Timestamp now);
  void take_on(Timestamp now, Submission submission);
  [[nodiscard]] bool begin(Timestamp now, Submission& submission);
  void begin_waiting(Timestamp now);
  void expire_waiting(Timestamp now);
  void end_waiting(std::uint64_t ask, Outcome outcome);
  [[nodiscard]] bool has_free_channel() const noexcept;
  [[nodiscard]] Result<std::uint32_t> channel_for(const Endpoint& peer);
  [[nodiscard]] Result<void> open_channel(std::uint32_t channel, const Endpoint& peer);
  void release_channel(std::uint32_t channel);
  void transmit(Timestamp now);
  [[nodiscard]] bool sleep();
  void look();
  void receive(std::uint32_t channel, bool woken);
  void on_end(const RequestEvent& event);
  void tell(const Callback& done, Result<Reply>& result);
  void finish(const Callback& done, Result<Reply> result);
  [[nodiscard]] Timestamp next_timeout() const;
  void publish();
  void publish_stats();
  void cancel_all();

  /// The name of an ask that the client's own thread has begun: where it is, and nothing has to be looked up.
  static constexpr std::uint64_t kBegunHere = std::uint64_t{1} << 63U;
  static std::uint64_t name_of(RequestHandle request) noexcept {
    return kBegunHere | std::uint64_t{request.generation} << 32U | request.slot;
  }

  std::uint64_t name_;
  ClientOptions options_;
  bool plain_;  // its own thread may begin a question at once: one socket for all, and no interface to name
  Poller poller_;
  WakeEvent wake_;
  std::vector<Channel> channels_;
  std::vector<std::uint32_t> free_channels_;
  Lookout lookout_;
  bool found_ = false;  // a datagram, since the lookout was last asked
  AskLoop loop_;
  AskLoop::OnEnd on_end_;
  std::vector<Ask> asks_;                                     // by the slot of the request
  std::unordered_map<std::uint64_t, RequestHandle> handles_;  // of those that other threads have asked
  std::unordered_map<std::uint64_t, std::unique_ptr<StopCallback>> stops_;  // of those that can be stopped
  Timestamp now_;                                                           // when the thread has last looked
  std::uint64_t reported_ = 0;  // of the loop's reports, those whose statistics have been published
  Result<Reply> answer_;        // of the last reply; what its callback has left there serves the next one
  std::map<std::uint64_t, Submission> waiting_;  // for a socket of their own, in the order of asking
  std::set<std::pair<Timestamp, std::uint64_t>> waiting_deadlines_;
  std::uint64_t drops_of_closed_ = 0;

  std::atomic<bool> stopping_{false};  // set while `mutex_` is held
  std::atomic<bool> orders_{false};    // there is something in `submitted_` or `cancelled_`
  mutable std::mutex mutex_;           // guards what follows
  std::vector<Submission> submitted_;
  std::vector<std::uint64_t> cancelled_;
  std::uint64_t next_ask_ = 1;
  std::optional<Error> failure_;  // why nothing can be asked any more
  RequesterStats stats_;

  std::atomic<std::int64_t> of_thread_{0};  // outstanding, as counted by the client's own thread alone
  std::atomic<std::int64_t> of_others_{0};  // and by all others
  std::atomic<std::thread::id> id_of_thread_{};
  std::atomic<std::uint64_t> kernel_drops_{0};
  std::thread thread_;
};

}  // namespace holler
