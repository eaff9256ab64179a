#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "holler/endpoint.hpp"
#include "holler/time.hpp"
#include "holler/udp_socket.hpp"

namespace holler {

/// Who asked, and which of our addresses: replies leave from there.
struct RelayName {
  Endpoint from;
  Address asked;
  friend bool operator==(const RelayName&, const RelayName&) = default;
};

struct RelayClient {
  RelayName name;
  std::uint32_t interface = 0;  ///< to answer through; 0 for the routes' choice
  UdpSocket socket;             ///< toward the target
  Timestamp used;
  std::size_t pending = 0;  ///< datagrams of it on the links: it stays until they have arrived
  std::list<std::uint32_t>::iterator turn{};
};

/// The clients of a relay, by name and in the order in which they were last heard of.
class RelayClients {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffU;

  [[nodiscard]] std::size_t size() const noexcept { return by_name_.size(); }
  [[nodiscard]] RelayClient& at(std::uint32_t number) { return *places_[number]; }
  [[nodiscard]] bool has(std::uint32_t number) const noexcept {
    return number < places_.size() && places_[number].has_value();
  }
  [[nodiscard]] std::uint32_t find(const RelayName& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? kNone : found->second;
  }
  std::uint32_t add(RelayClient client);
  void remove(std::uint32_t number);
  /// It was heard of just now.
  void touch(std::uint32_t number, Timestamp now);

  /// The one that nothing was heard of for longest and that has nothing on the links; among the 64 oldest.
  [[nodiscard]] std::uint32_t oldest_idle();
  [[nodiscard]] std::uint32_t oldest() const { return by_use_.empty() ? kNone : by_use_.front(); }
  /// When the one idle for longest was last heard of.
  [[nodiscard]] Timestamp oldest_use() const {
    return by_use_.empty() ? kNever : places_[by_use_.front()]->used;
  }
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (const std::uint32_t number : by_use_) visit(*places_[number]);
  }

 private:
  struct Hash {
    std::size_t operator()(const RelayName& name) const noexcept {
      return std::hash<Endpoint>{}(name.from) ^ std::hash<Endpoint>{}({name.asked, name.from.port}) << 1U;
    }
  };

  std::vector<std::optional<RelayClient>> places_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<RelayName, std::uint32_t, Hash> by_name_;
  std::list<std::uint32_t> by_use_;
};

}  // namespace holler
