#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/client_host.hpp"
#include "sim/fingerprint.hpp"
#include "sim/oracle_ledgers.hpp"
#include "sim/server_host.hpp"
#include "sim/witness.hpp"
#include "sim/world.hpp"

/// Watches a world, and knows of each question and each run of a handler what may and what must become of
/// it. It believes nothing that an engine says of itself: what was asked and run it hears from the hosts,
/// what went from where to where it sees on the network.
namespace holler::sim {

/// What holds whatever happens: docs/simulator.md says it in full.
enum class Invariant : std::uint8_t {
  ends_once = 1,    ///< every question ends exactly once, by its deadline
  runs_once,        ///< a handler runs at most once for a request, as long as the server lives
  own_reply,        ///< a reply that is accepted is the handler's reply to that very request
  nothing_forged,   ///< what was made off the path is never believed
  bounded_sending,  ///< datagrams and bytes stay within the schedule, the window and the amplification limit
  bounded_memory,   ///< memory stays within docs/limits.md
  answered_if_healed,  ///< once the network heals, every question with time left is answered
  goodput_returns,     ///< after an outage the server's goodput comes back
};
[[nodiscard]] std::string_view name_of(Invariant invariant) noexcept;

struct OracleOptions {
  /// From then on nothing bad happens any more, and invariant 7 is asked for. Since the world's start.
  Duration healed = kForever;
  /// What a datagram or a handler takes at most once the network has healed, there and back, with queues.
  Duration round_trip_max = std::chrono::seconds{2};
  /// Somebody reads the path and can forge, or bytes change where no checksum sees it: of replies that were
  /// altered or made up on the way, only what docs/simulator.md says still holds is asked for.
  bool tampering = false;
  /// Invariant 8: so many answers are accepted between two times since the start.
  struct Goodput {
    Duration from{};
    Duration until{};
    std::uint64_t answers_least = 0;
  };
  std::optional<Goodput> goodput{};
};

class Oracle final : public Witness {
 public:
  /// Registers itself with the world, which must outlive it.
  explicit Oracle(World& world, const OracleOptions& options = {});
  ~Oracle() override;

  /// A server whose datagrams, runs and memory are to be watched.
  void watch(const Host& server, const std::vector<Endpoint>& addresses);
  void watch(ServerHost& server);
  /// A client whose memory is to be watched; its questions are, in any case.
  void watch(ClientHost& client);
  /// To be called when the world has come to rest: what must have happened by then, and what must be
  /// forgotten by then.
  void finish();

  [[nodiscard]] std::optional<Invariant> violated() const noexcept { return violated_; }
  /// Of every datagram that was sent, lost or delivered and of every end of a question.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_.value(); }
  [[nodiscard]] std::uint64_t asked() const noexcept { return asks_.size(); }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_.size(); }
  [[nodiscard]] std::uint64_t datagrams() const noexcept { return datagrams_; }

  void on_ask(const Host& client, const Codec& codec, RequestHandle request, const Endpoint& peer,
              Bytes payload, const RequestOptions& options) override;
  void on_cancel(const Host& client, RequestHandle request) override;
  void on_transmission(const Host& client, const Transmit& transmit, Bytes datagram) override;
  void on_verdict(const Host& client, const Delivered& datagram, const Verdict& verdict) override;
  void on_unreachable(const Host& client, RequestHandle request, Bytes quote) override;
  void on_end(const Host& client, const RequestEvent& event) override;
  void on_run(const Host& server, const IncomingRequest& request, Bytes datagram) override;
  void on_answer(const Host& server, JobHandle job, const Answer& answer) override;
  void on_response(const Host& server, const ResponseTransmit& transmit, Bytes datagram) override;
  void on_restart(const Host& host) override;
  void on_instant_over() override;

 private:
  void violate(Invariant invariant, const std::string& what);
  void on_sighting(const Sighting& sighting);
  [[nodiscard]] AskLedger* find(const Host& client, RequestHandle request);
  [[nodiscard]] std::string describe(const AskLedger& ask) const;

  // oracle_exchange.cpp: invariants 2, 3 and 4
  void check_accepted(const AskLedger& ask, const RequestEvent& event);
  [[nodiscard]] bool may_cross_lives(const RunLedger& run) const;
  [[nodiscard]] bool may_be_unknown(const AskLedger& ask) const;
  void check_told(const AskLedger& ask, const RequestEvent& event);
  [[nodiscard]] bool is_own_reply(const AskLedger& ask, const RequestEvent& event) const;
  [[nodiscard]] bool same_question(const AskLedger& ask, const RunLedger& run) const noexcept;

  // oracle_bounds.cpp: invariants 5 and 6
  void check_gap(AskLedger& ask, Timestamp now);
  bool joins_datagram(const Host& client, const AskLedger& ask, const Transmit& transmit,
                      std::size_t payload_bytes);
  void note_departure(const Sighting& sighting);
  [[nodiscard]] static bool under_way(const PeerLedger& peer, const AskLedger& ask, Timestamp now) noexcept;
  void check_window(AskLedger& ask, Timestamp now, bool loss);
  void note_loss(PeerLedger& peer, AskLedger& ask, Timestamp now);
  void note_heard(AskLedger& ask, const ReplyView& view);
  void note_time(PeerLedger& peer, const AskLedger& ask, const ReplyView& view);
  void note_repeat_at_once(AskLedger& ask);
  void note_arrival(ServerLedger& server, const Sighting& sighting);
  void check_memory();
  void check_memory(const Host& host);

  // invariant 7
  void check_healed(const AskLedger& ask, const RequestEvent& event);
  [[nodiscard]] bool excused(const AskLedger& ask) const;

  World& world_;
  OracleOptions options_;
  std::optional<Invariant> violated_;
  Fingerprint fingerprint_;

  std::vector<AskLedger> asks_;
  std::unordered_map<AskKey, std::uint32_t, AskKeyHash> live_;  // those that have not ended
  /// Deadlines in the world's time, the earliest first; looked at again where a client has slept.
  using Due = std::pair<Timestamp, std::uint32_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> deadlines_;
  std::unordered_map<PeerKey, PeerLedger, PeerKeyHash> peers_;
  std::vector<RunLedger> runs_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> runs_of_;  // by request or, for plain, by payload
  std::unordered_map<AskKey, std::uint32_t, AskKeyHash> jobs_;     // of servers: a run that goes on
  std::unordered_map<std::uint32_t, ServerLedger> servers_;        // by the host's number
  std::unordered_map<Endpoint, std::uint32_t> server_at_;
  std::vector<ServerHost*> server_hosts_;
  std::unordered_map<std::uint32_t, ClientHost*> client_hosts_;
  std::unordered_map<std::uint64_t, bool>
      tainted_;              // conversations that somebody has spoken in beside the asker
  DatagramLedger open_;      // no client but this one can add to what it has written
  AcceptedLedger accepted_;  // the datagram that a client is at work on
  Sighting arriving_;        // the last that was delivered; its bytes may be gone
  std::uint64_t answered_ = 0;
  std::uint64_t answered_in_time_ = 0;  // for invariant 8
  std::uint64_t datagrams_ = 0;
};

}  // namespace holler::sim
