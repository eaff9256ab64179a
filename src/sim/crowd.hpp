#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "holler/link.hpp"
#include "holler/requester.hpp"

#include "sim/client_host.hpp"
#include "sim/latencies.hpp"
#include "sim/loaded_server.hpp"
#include "sim/plain_schedule_codec.hpp"
#include "sim/world.hpp"

/// Many askers and one server: what becomes of their questions, and of the server, second by second.
namespace holler::sim {

/// When an asker repeats itself.
enum class Asker : std::uint8_t {
  holler,    ///< as the engine does: what it has learned of the peer, doubling, jitter, "busy" heeded
  fixed,     ///< every `CrowdOptions::interval`
  doubling,  ///< after `interval`, twice that, and so on, without jitter
};
[[nodiscard]] std::string_view name_of(Asker asker) noexcept;

struct CrowdOutage {
  Duration start{};
  Duration length{};
};

struct CrowdOptions {
  std::uint64_t seed = 1;
  std::uint32_t clients = 1000;    ///< up to `kCrowdClientsMax`
  std::uint64_t requests = 10000;  ///< of all clients together
  /// Requests a second of all clients together, at random moments by random clients, whether or not the last
  /// one has been answered; 0: each client asks, waits for the end, thinks, and asks again.
  std::uint32_t arrivals_per_second = 0;
  Duration think = std::chrono::seconds{1};  ///< on average, exponentially distributed; also before the first
  Duration deadline = std::chrono::seconds{10};
  std::size_t request_bytes = 32;
  std::size_t reply_bytes = 32;
  std::uint32_t server_rate = 0;  ///< requests a second that the server can answer; 0 for any number
  std::size_t server_buffer = 5000;
  LinkSettings up{};                 ///< of the server's line, which all share: to the server
  LinkSettings down{};               ///< and back
  std::vector<CrowdOutage> outages;  ///< in which nothing passes, either way
  Asker asker = Asker::holler;
  Duration interval = std::chrono::seconds{1};
};

inline constexpr std::uint32_t kCrowdClientsMax = 10'000'000;
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::unknown) + 1;

/// What happened in one virtual second, or from the start.
struct CrowdCounts {
  std::uint64_t started = 0;      ///< requests
  std::uint64_t transmitted = 0;  ///< datagrams of the askers
  std::uint64_t answered = 0;     ///< requests, in time: goodput
  std::uint64_t failed = 0;       ///< requests that ended in any other way
  LoadedServer::Counts server;
};

class Crowd {
 public:
  explicit Crowd(const CrowdOptions& options);
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd();

  /// Lets so many events happen.
  /// @return false when every request has ended
  bool run(std::uint64_t events);

  [[nodiscard]] const CrowdOptions& options() const noexcept { return options_; }
  [[nodiscard]] Duration elapsed() const noexcept { return world_.elapsed(); }
  [[nodiscard]] std::uint64_t events() const noexcept { return world_.events(); }
  [[nodiscard]] CrowdCounts totals() const;
  [[nodiscard]] std::uint64_t ended_with(Outcome outcome) const noexcept {
    return outcomes_[static_cast<std::size_t>(outcome)];
  }
  /// Of the requests that were answered.
  [[nodiscard]] const Latencies& latencies() const noexcept { return latencies_; }
  /// Virtual seconds, each with what happened in it; the last may have just begun.
  [[nodiscard]] const std::vector<CrowdCounts>& seconds() const noexcept { return seconds_; }
  /// What must never happen, and did.
  [[nodiscard]] const std::vector<std::string>& faults() const noexcept { return world_.faults(); }

 private:
  class Arrivals;
  friend class Arrivals;

  void populate();
  void block(int more);
  void ask(std::uint32_t client);
  void on_end(std::uint32_t client, const RequestEvent& event);
  void close_second();

  CrowdOptions options_;
  World world_;
  PlainScheduleCodec plain_schedule_;
  RequestOptions request_options_;
  ByteVector request_;
  LoadedServer* server_ = nullptr;
  Arrivals* arrivals_ = nullptr;
  std::vector<ClientHost*> clients_;
  int blocks_ = 0;  // outages that are on
  std::uint64_t started_ = 0;
  std::uint64_t ended_ = 0;
  std::array<std::uint64_t, kOutcomes> outcomes_{};
  Latencies latencies_;
  CrowdCounts before_;  // totals at the end of the last whole second
  std::vector<CrowdCounts> seconds_;
};

}  // namespace holler::sim
