#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "holler/link.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

#include "sim/oracle.hpp"

/// A run of the simulator as a value: it can be drawn from a seed, printed, run and made smaller.
namespace holler::sim {

/// How a server behaves. Of a hundred requests, so many are refused, postponed or ignored.
struct ServerPlan {
  std::uint32_t addresses = 1;
  std::uint32_t workers = 0;   ///< 0 for any number
  Duration service_max{};      ///< a handler takes up to this
  bool service_fixed = false;  ///< it takes exactly that
  Duration hold_back_max{};
  std::uint32_t reply_bytes_max = 20;
  std::uint32_t refused = 0;
  std::uint32_t postponed = 0;
  std::uint32_t ignored = 0;
  ResponderOptions limits{};
};

struct ClientPlan {
  std::uint32_t channels = 1;
  bool plain = false;
  RequesterOptions limits{};
};

struct AskPlan {
  Duration at{};
  std::uint32_t client = 0;
  std::uint32_t server = 0;
  std::uint32_t address = 0;  ///< of the server
  std::uint32_t bytes = 8;
  RequestOptions options{};
  Duration cancelled{};  ///< so long after it was asked; 0 for never
};

/// Something that happens, and where it lasts, ends again.
struct EventPlan {
  enum class Kind : std::uint8_t {
    weather,        ///< new link settings for every way to the servers, or from them
    cut_up,         ///< a client's way to all servers
    cut_down,       ///< the way back
    partition,      ///< all clients with numbers up to `who` from all servers
    freeze_client,  //
    freeze_server,
    suspend_client,
    suspend_server,
    restart_client,
    restart_server,
    halt_server,  ///< its process, or with `flag` its machine
    rebind,       ///< a client's NAT forgets it; with `flag` its address is another one
  } kind = Kind::weather;
  Duration at{};
  Duration lasts{};
  std::uint32_t who = 0;
  bool flag = false;
  LinkSettings link{};
};

struct AttackerPlan {
  bool on_path = false;
  Duration from{};
  Duration until{};
  Duration pause = std::chrono::milliseconds{10};
};

/// Each client asks again as soon as it has its answer and has thought about it, as programs do.
struct LoopPlan {
  Duration think{};
  Duration until{};
  std::uint32_t answers_least = 0;  ///< invariant 8: in ten seconds, from 30 s after the network has healed
};

struct Scenario {
  std::uint64_t seed = 0;
  LinkSettings up{};    ///< from clients to servers
  LinkSettings down{};  ///< and back
  LinkSettings calm{};  ///< in both directions, once the network has healed
  Duration healed{};    ///< everything bad is over
  std::vector<ServerPlan> servers;
  std::vector<ClientPlan> clients;
  std::vector<AskPlan> asks;
  std::vector<EventPlan> events;
  std::vector<AttackerPlan> attackers;
  std::optional<LoopPlan> loop;

  /// Any scenario, drawn with nothing but the seed.
  [[nodiscard]] static Scenario draw(std::uint64_t seed);
  /// One line for each part.
  [[nodiscard]] std::string to_string() const;
  /// Bytes may change, or be made up, where somebody sees the path.
  [[nodiscard]] bool tampering() const noexcept;
};

struct ScenarioRun {
  std::optional<Invariant> violated;
  std::string fault;  ///< empty if all went well
  std::uint64_t fingerprint = 0;
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::uint64_t runs = 0;
  std::uint64_t datagrams = 0;
  Duration lasted{};
  std::string story;  ///< of a run that went wrong

  [[nodiscard]] bool failed() const noexcept { return !fault.empty(); }
  [[nodiscard]] bool same_fault(const ScenarioRun& other) const noexcept;
};

/// @param story_lines  of the end of the story, where it goes wrong; 0 for none
[[nodiscard]] ScenarioRun run_scenario(const Scenario& scenario, std::size_t story_lines = 0);

struct Shrunk {
  Scenario scenario;
  ScenarioRun run;
  std::uint32_t runs = 0;
};

/// Removes what is not needed for the same invariant to be violated.
/// @param runs_max  a scenario is run so often at most
[[nodiscard]] Shrunk shrink(const Scenario& scenario, const ScenarioRun& run, std::uint32_t runs_max = 400);

}  // namespace holler::sim
