#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"
#include "holler/random.hpp"
#include "holler/time.hpp"

#include "sim/chronicle.hpp"
#include "sim/directory.hpp"
#include "sim/event_queue.hpp"
#include "sim/host.hpp"
#include "sim/link.hpp"
#include "sim/witness.hpp"

/// A network of hosts under a clock that only moves when something happens. One seed gives one run, on every
/// machine.
///
///     World world{{.seed = 1, .link = {.delay = 20ms, .loss = percent(50)}}};
///     auto& server = world.add<ServerHost>(endpoint(9));
///     auto& client = world.add<ClientHost>(endpoint(1));
///     client.ask(server.endpoint(), "question");
///     world.run();
namespace holler::sim {

class Packer;

/// A made-up endpoint: host 1 is 10.0.0.1.
[[nodiscard]] constexpr Endpoint endpoint(std::uint32_t host, std::uint16_t port = 1060) noexcept {
  return {Address::v4(10, static_cast<std::uint8_t>(host >> 16U), static_cast<std::uint8_t>(host >> 8U),
                      static_cast<std::uint8_t>(host)),
          port};
}

struct WorldOptions {
  std::uint64_t seed = 1;
  LinkSettings link{};  ///< of every way that has none of its own
  /// Not 0, so that nothing mistakes "no time yet" for a time.
  Timestamp start{std::chrono::hours{24}};
  std::uint64_t events_max = 50'000'000;       ///< in one call of `run`
  std::size_t story_lines_max = 2000;          ///< 0 for no story
  std::size_t receive_buffer_datagrams = 256;  ///< that wait for a host that is stopped
  bool icmp = true;  ///< senders hear of a port where nobody listens, and of what was too big for a link
};

/// A datagram on its way, as a tap or a meddler sees it.
struct Sighting {
  enum class Stage : std::uint8_t { sent, lost, delivered } stage = Stage::sent;
  Timestamp when;
  Endpoint from;
  Endpoint to;
  Bytes bytes;
  Loss loss = Loss::none;  ///< why it was lost
  bool altered = false;    ///< what is delivered is not what was sent: the link corrupted it
  bool injected = false;   ///< no host has sent it: `from` is whatever its maker wrote there
};

/// What a meddler wants done to a datagram, before the link has it.
struct Meddling {
  bool lose = false;
  Duration delay{};         ///< more than the link's
  std::size_t copies = 0;   ///< beside the datagram itself, 3 at most
  Duration copies_delay{};  ///< of the first copy, and again from each to the next
};

enum class RunEnd : std::uint8_t {
  idle,    ///< nothing more will happen
  until,   ///< the time was reached
  events,  ///< `events_max` was reached
  fault,   ///< a host broke a promise: see `faults()`
};

class World {
 public:
  explicit World(const WorldOptions& options = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  /// Makes a host that belongs to the world: `HostType{world, arguments…}`.
  template <class HostType, class... Arguments>
  HostType& add(Arguments&&... arguments) {
    auto host = std::make_unique<HostType>(*this, std::forward<Arguments>(arguments)...);
    HostType& reference = *host;
    enlist(std::move(host));
    return reference;
  }

  // For hosts.
  Port attach(Host& host, const Endpoint& local);
  void send(Port from, const Endpoint& to, Bytes datagram);
  /// To be called after anything that may have changed the host's next_timeout() outside the world's calls.
  void rearm(Host& host);
  /// A generator of its own for each caller, so that one host's draws do not shift another's.
  [[nodiscard]] SeededRandom fork_random() { return SeededRandom{seeds_.next()}; }
  /// Something happened that must never happen; `run` ends.
  void fault(std::string what);
  /// A place to write a datagram into before it is sent, one for all hosts; the next call may hand it out
  /// again.
  [[nodiscard]] MutableBytes scratch(std::size_t bytes);
  /// What hosts that put several messages into a datagram send them through, one for all hosts.
  [[nodiscard]] Packer& packer() noexcept { return *packer_; }
  /// What time it is for a host: its clock stands still while it is suspended, as CLOCK_MONOTONIC does.
  [[nodiscard]] Timestamp clock(const Host& host) const noexcept;
  /// Who wants to hear what hosts do; may be nullptr.
  [[nodiscard]] Witness* witness() const noexcept { return witness_; }

  // For stories.
  /// Sends a datagram from any endpoint, whoever has it.
  void inject(const Endpoint& from, const Endpoint& to, Bytes datagram);
  /// No one listens there any more.
  void close(Port port);
  void close(const Endpoint& local);
  /// From now on the port is known to others as `outside`, as when a NAT forgets; what goes to the former
  /// name is refused.
  void rebind(Port port, const Endpoint& outside);
  /// Stops a host as Ctrl+Z does: what arrives waits in its receive buffer.
  void freeze(Host& host);
  /// Suspends a host: its own clock stands still. What arrives is lost, or waits where the network is on.
  /// With a clock that goes on (CLOCK_BOOTTIME), suspending is the same as `freeze`.
  void suspend(Host& host, bool network_on = false);
  /// The host goes on, with all that it knows.
  void thaw(Host& host);
  /// Ends a host's process, whose ports then refuse, or its whole machine, which is then silent.
  void halt(Host& host, bool machine = false);
  /// The host begins anew, after `halt` or out of the midst of its work, and has forgotten everything.
  void restart(Host& host);
  /// The settings of every way without a link of its own.
  [[nodiscard]] LinkSettings& link() noexcept { return default_link_.settings; }
  /// The way from one address to another, made as a copy of the default where it had none of its own.
  [[nodiscard]] LinkSettings& link(const Address& from, const Address& to);
  /// Cuts the way from each of the first to each of the others, and only that way, or opens it again.
  void block(std::span<const Address> from, std::span<const Address> to, bool blocked = true);
  /// The same in both directions.
  void partition(std::span<const Address> one_side, std::span<const Address> other_side, bool apart = true);
  /// The line that one host's datagrams leave through, whomever they go to, where that pair has no link of
  /// its own; made as a copy of the default where it had none. A bottleneck that many peers share.
  [[nodiscard]] LinkSettings& line_of(const Address& sender);
  void at(Duration since_start, std::function<void()> action);
  void set_meddler(std::function<Meddling(const Sighting&)> meddler) { meddler_ = std::move(meddler); }
  /// Sees every datagram that is sent, lost or delivered. It must not send any itself.
  void set_tap(std::function<void(const Sighting&)> tap) { tap_ = std::move(tap); }
  /// The same, beside all others, for as long as the world lives.
  void add_tap(std::function<void(const Sighting&)> tap) { taps_.push_back(std::move(tap)); }
  void set_witness(Witness* witness) noexcept { witness_ = witness; }

  RunEnd run(Duration until_since_start = kForever);

  [[nodiscard]] Timestamp now() const noexcept { return now_; }
  [[nodiscard]] Duration elapsed() const noexcept { return now_ - options_.start; }
  [[nodiscard]] Timestamp time(Duration since_start) const noexcept {
    return later(options_.start, since_start);
  }
  [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  /// By all hosts, whatever became of them.
  [[nodiscard]] std::uint64_t datagrams_sent() const noexcept { return datagrams_sent_; }
  [[nodiscard]] const std::vector<std::string>& faults() const noexcept { return faults_; }
  [[nodiscard]] Chronicle& story() noexcept { return story_; }
  [[nodiscard]] const Chronicle& story() const noexcept { return story_; }

 private:
  struct PortEntry {
    Host* host = nullptr;
    Endpoint local;
    Endpoint outside;
    bool open = true;
    std::vector<std::uint32_t> waiting;  // packets, while the host does not run
  };
  struct Packet {
    Endpoint from;
    Endpoint to;
    Port sender = kNoPort;
    ByteVector bytes;
    Timestamp arrived = kNever;        // where it had to wait for its host
    std::uint32_t path_mtu_bytes = 0;  // where it comes back as too big
    bool altered = false;
  };
  static constexpr Port kNoPort = 0xffffffffU;

  void enlist(std::unique_ptr<Host> host);
  void carry(Port sender, const Endpoint& from, const Endpoint& to, Bytes datagram);
  void meddle(Passage& passage, const Sighting& sighting) const;
  Link& link_between(const Address& from, const Address& to);
  Link& default_for(const Address& sender);
  std::uint32_t new_packet(Port sender, const Endpoint& from, const Endpoint& to, Bytes datagram);
  void send_back(std::uint32_t number);
  void release(std::uint32_t packet) { free_packets_.push_back(packet); }
  void handle(const Event& event);
  void arrive(std::uint32_t number);
  void turn_away(std::uint32_t number);
  void deliver(Port port, std::uint32_t number);
  void bring_back(std::uint32_t number);
  void wake(Host& host, Timestamp when);
  void put(Host& host, Power power, const char* words);
  void forget_waiting(const Host& host);
  void sight(Sighting sighting) const;

  WorldOptions options_;
  Timestamp now_;
  SeededRandom seeds_;
  SeededRandom network_random_;
  EventQueue queue_;
  Chronicle story_;
  Link default_link_;
  std::unordered_map<Endpoint, std::unordered_map<Endpoint, Link>> links_;
  std::vector<std::pair<Address, Link>> lines_;  // of few hosts
  std::vector<std::unique_ptr<Host>> hosts_;
  std::deque<PortEntry> ports_;
  Directory directory_;
  Directory addresses_;         // with port 0: every address that some host has or had
  std::deque<Packet> packets_;  // a deque: a host that sends while it is handed a packet must not move it
  std::vector<std::uint32_t> free_packets_;
  std::vector<std::function<void()>> actions_;
  std::function<Meddling(const Sighting&)> meddler_;
  std::function<void(const Sighting&)> tap_;
  std::vector<std::function<void(const Sighting&)>> taps_;
  Witness* witness_ = nullptr;
  std::vector<std::string> faults_;
  // One for each level: a tap may make a host send while another's datagram is on its way.
  std::vector<ByteVector> scratch_{1};
  std::unique_ptr<Packer> packer_;
  std::size_t sending_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t datagrams_sent_ = 0;
};

}  // namespace holler::sim
