#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "holler/forged_sender.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"
#include "holler/wiretap.hpp"

#include "cli/forge_settings.hpp"

/// The forger's ways. Each is told what passes on the wire, and sends when it has its turn.
namespace holler::cli {

/// What all of them share.
struct ForgeField {
  ForgeField(const ForgeSettings& chosen, Forgery& made_by, SystemRandom& numbers)
      : settings{chosen}, forgery{made_by}, random{numbers} {}

  const ForgeSettings& settings;
  Forgery& forgery;
  SystemRandom& random;
  std::uint64_t sent = 0;
  std::uint64_t to_server = 0;       ///< of those, for replays
  std::optional<Endpoint> client{};  ///< the last one that was aimed at; port 0 where it was guessed
};

class Attack {
 public:
  Attack() = default;
  Attack(const Attack&) = delete;
  Attack& operator=(const Attack&) = delete;
  virtual ~Attack() = default;

  /// A client of the server's, as the settings want one, is there, from its sockets or its first datagram.
  virtual void on_client(const Endpoint& client) { (void)client; }
  virtual void on_seen(Timestamp now, const SeenDatagram& seen, bool request) {
    (void)now, (void)seen, (void)request;
  }
  /// Sends what is due, a part of it at most.
  /// @return when to come back; kNever: when there is news
  [[nodiscard]] virtual Result<Timestamp> attack(Timestamp now) = 0;
  /// Nothing more will be sent without news.
  [[nodiscard]] virtual bool is_done() const = 0;
};

/// @error permission_denied: raw sockets, for all but the stranger
[[nodiscard]] Result<std::unique_ptr<Attack>> make_attack(ForgeField& field);

}  // namespace holler::cli
