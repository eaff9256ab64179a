#include "runtime/fresh_ports.hpp"

#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holler {
namespace {

/// RFC 8085 §3.3: a datagram may be as late as this.
constexpr Duration kRetirement = std::chrono::minutes{2};
constexpr std::size_t kPassedOverMax = 8;

struct Retired {
  std::mutex mutex;
  std::unordered_map<std::uint16_t, Timestamp> until;  // at most one for each port that there is
};

Retired& retired() {
  static Retired ports;
  return ports;
}

bool is_retired(Timestamp now, std::uint16_t port) {
  Retired& ports = retired();
  const std::scoped_lock lock{ports.mutex};
  const auto known = ports.until.find(port);
  if (known == ports.until.end()) return false;
  if (known->second > now) return true;
  ports.until.erase(known);
  return false;
}

}  // namespace

void retire_port(Timestamp now, std::uint16_t port, const RequestEvent& end) {
  const bool concluded = end.outcome == Outcome::answered || end.outcome == Outcome::refused;
  if (end.attempts == 0 || (end.attempts == 1 && concluded)) return;
  Retired& ports = retired();
  const std::scoped_lock lock{ports.mutex};
  ports.until[port] = later(now, kRetirement);
}

Result<UdpSocket> bind_fresh(Timestamp now, const Endpoint& local, const SocketOptions& options) {
  auto chosen = UdpSocket::bind(local, options);
  std::vector<UdpSocket> passed_over;  // open, so that the kernel chooses another
  while (chosen && local.port == 0 && passed_over.size() < kPassedOverMax &&
         is_retired(now, chosen->local_address().port)) {
    auto other = UdpSocket::bind(local, options);
    if (!other) break;  // every other port is taken
    passed_over.push_back(std::exchange(*chosen, std::move(*other)));
  }
  return chosen;
}

}  // namespace holler
