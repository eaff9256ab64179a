#pragma once

#include <queue>
#include <vector>

#include "holler/random.hpp"

#include "sim/world.hpp"

/// Those who want an asker to believe them, or a server to flood somebody.
namespace holler::sim {

/// What an attacker knows before it begins: who asks whom, and when it is at work. Its datagrams have what
/// source it likes.
struct AttackPlan {
  std::vector<Endpoint> servers;
  std::vector<Endpoint> clients;
  Duration from{};  ///< since the world's start
  Duration until{};
  Duration pause = std::chrono::milliseconds{10};  ///< between two datagrams, on average
};

/// Sees nothing of what others send. It knows addresses, ports and the protocol, guesses the rest, and
/// writes any source it likes. As it has nothing to lose, it also guesses well: low numbers are likely.
class OffPathAttacker final : public Host {
 public:
  OffPathAttacker(World& world, const AttackPlan& plan);

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  void handle_datagram(Timestamp /*now*/, const Delivered& /*datagram*/) override {}
  void handle_timeout(Timestamp now) override;
  [[nodiscard]] Timestamp next_timeout() const override { return next_; }

 private:
  void forge_reply();
  void forge_request();
  void babble();

  World& world_;
  AttackPlan plan_;
  SeededRandom random_;
  Timestamp next_;
  std::uint64_t sent_ = 0;
};

/// Sees everything that is sent, and keeps some of it: to say it again late or from elsewhere, to alter it,
/// to answer it faster than the server, to carry a cookie to another address. It cannot stop anything.
class OnPathAttacker final : public Host {
 public:
  OnPathAttacker(World& world, AttackPlan plan);

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

  void handle_datagram(Timestamp /*now*/, const Delivered& /*datagram*/) override {}
  void handle_timeout(Timestamp now) override;
  [[nodiscard]] Timestamp next_timeout() const override {
    return pending_.empty() ? kNever : pending_.top().when;
  }

 private:
  struct Forgery {
    Timestamp when;
    std::uint64_t sequence = 0;
    Endpoint from;
    Endpoint to;
    ByteVector bytes;
    bool operator<(const Forgery& other) const noexcept {
      return when != other.when ? when > other.when : sequence > other.sequence;
    }
  };
  void watch(const Sighting& sighting);
  void plan(Duration delay, const Endpoint& from, const Endpoint& to, ByteVector bytes);
  [[nodiscard]] Endpoint anybody();

  World& world_;
  AttackPlan plan_;
  SeededRandom random_;
  std::priority_queue<Forgery> pending_;
  ByteVector cookie_;
  std::uint64_t sequence_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace holler::sim
