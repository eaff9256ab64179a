#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

#include "sim/world.hpp"

namespace holler::sim {

struct ClientHostOptions {
  const Codec* codec = &holler_codec();
  RequesterOptions requester{};
  RandomSource* random = nullptr;  ///< for IDs; by default one of the world's own
  bool keep_records = true;        ///< of every request and transmission; without, only counts
};

/// A host that asks: a Requester on the simulated network. The n-th endpoint is channel n.
class ClientHost final : public Host {
 public:
  struct Transmission {
    Timestamp when;
    Transmit transmit;
  };
  /// One request from its start to its end.
  struct Asked {
    RequestHandle handle;
    Endpoint peer;
    ByteVector payload;
    Timestamp started;
    Timestamp ended = kNever;
    unsigned ends = 0;     ///< how many events said that it has ended: 1, or something is wrong
    RequestEvent event{};  ///< the first of them; its payload points into `reply`
    ByteVector reply;
    std::vector<Transmission> sent;

    [[nodiscard]] std::string_view text() const noexcept { return text_of(reply); }
    [[nodiscard]] bool answered() const noexcept { return ends != 0 && event.outcome == Outcome::answered; }
    /// The time from each transmission to the next.
    [[nodiscard]] std::vector<Duration> gaps() const;
  };

  ClientHost(World& world, const std::vector<Endpoint>& channels, const ClientHostOptions& options = {});
  ClientHost(World& world, const Endpoint& at, const ClientHostOptions& options = {})
      : ClientHost{world, std::vector<Endpoint>{at}, options} {}

  /// Asks now. A request that was not started is a fault of the story, unless `may_fail`.
  StartResult ask(const Endpoint& peer, Bytes payload, const RequestOptions& options = {},
                  bool may_fail = false);
  StartResult ask(const Endpoint& peer, std::string_view text, const RequestOptions& options = {}) {
    return ask(peer, bytes_of(text), options);
  }
  /// Asks when the world's clock is there.
  void ask_at(Duration since_start, const Endpoint& peer, std::string_view text,
              const RequestOptions& options = {});
  bool cancel(RequestHandle request);
  /// What else to do when a request ends; it may ask again. Not with `keep_records` alone in mind: the
  /// event's payload lives during the call.
  void set_on_end(std::function<void(const RequestEvent&)> on_end) { on_end_ = std::move(on_end); }

  [[nodiscard]] const std::vector<Asked>& asked() const noexcept { return records().asked; }
  [[nodiscard]] std::uint64_t ended() const noexcept { return ended_; }
  [[nodiscard]] const std::vector<Verdict>& verdicts() const noexcept { return records().verdicts; }
  [[nodiscard]] Requester& requester() noexcept { return requester_; }
  [[nodiscard]] const RequesterStats& stats() const noexcept { return requester_.stats(); }
  [[nodiscard]] const ClientHostOptions& options() const noexcept { return options_; }
  [[nodiscard]] Port port(std::uint32_t channel = 0) const { return first_port_ + channel; }

  void handle_datagram(Timestamp now, const Delivered& datagram) override;
  void handle_unreachable(Timestamp now, const Returned& datagram) override;
  void handle_timeout(Timestamp now) override;
  [[nodiscard]] Timestamp next_timeout() const override { return requester_.next_timeout(); }
  /// What was asked is forgotten and never ends; the records keep it.
  void restart() override;

 private:
  struct Records {
    std::vector<Asked> asked;
    std::unordered_map<std::uint64_t, std::size_t> by_handle;
    std::vector<Verdict> verdicts;
  };

  [[nodiscard]] RandomSource& generator() noexcept {
    return options_.random != nullptr ? *options_.random : own_random_;
  }
  [[nodiscard]] const Records& records() const noexcept;
  [[nodiscard]] std::uint32_t channel_of(Port port) const noexcept { return port - first_port_; }
  void pump();
  bool note_ends();
  void note_verdict(const Delivered& message, const Verdict& verdict);
  void note_end(const RequestEvent& event);
  void note_transmission(const Transmit& transmit);
  [[nodiscard]] Asked* find(RequestHandle handle);

  World& world_;
  SeededRandom own_random_;
  ClientHostOptions options_;
  Requester requester_;
  std::unique_ptr<Records> records_;  // none without `keep_records`
  std::function<void(const RequestEvent&)> on_end_;
  Port first_port_ = 0;  // of channel 0; the other channels' follow
  std::uint64_t ended_ = 0;
  bool pumping_ = false;
};

}  // namespace holler::sim
