#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/responder.hpp"

#include "sim/world.hpp"

namespace holler::sim {

/// What a handler wants done with a request, and how long it takes.
struct Answer {
  enum class Kind : std::uint8_t { reply, refuse, postpone, ignore } kind = Kind::reply;
  ByteVector payload;
  Duration service{};        ///< the handler's work: the answer is handed over when it is done
  Duration hold_back{};      ///< then the responder is told not to send it for so long
  std::uint16_t reason = 0;  ///< for refuse
  Duration retry_after{};    ///< for postpone

  void say(std::string_view text) { payload.assign(bytes_of(text).begin(), bytes_of(text).end()); }
};

struct ServerHostOptions {
  ResponderOptions responder{};
  RandomSource* random = nullptr;  ///< by default one of the world's own
  bool count_payloads = true;      ///< how often the handler ran for each
  bool keep_records = true;        ///< of every datagram received and sent
  std::size_t workers = 0;         ///< requests served at one time, the others wait; 0 for any number
};

/// A host that answers: a Responder on the simulated network, and a handler. It speaks holler, and plain
/// datagrams to those who speak nothing else.
class ServerHost final : public Host {
 public:
  using Handler = std::function<void(const IncomingRequest&, Answer&)>;

  /// Replies `re: ` and the payload, at once.
  static void echo(const IncomingRequest& request, Answer& answer);

  ServerHost(World& world, std::vector<Endpoint> addresses, Handler handler = echo,
             const ServerHostOptions& options = {});
  ServerHost(World& world, const Endpoint& at, Handler handler = echo, const ServerHostOptions& options = {})
      : ServerHost{world, std::vector<Endpoint>{at}, std::move(handler), options} {}

  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }
  [[nodiscard]] std::uint64_t runs_for(std::string_view payload) const;
  /// The most runs that any payload had.
  [[nodiscard]] std::uint64_t runs_max() const;
  [[nodiscard]] Responder& responder() noexcept { return responder_; }
  [[nodiscard]] const ResponderStats& stats() const noexcept { return responder_.stats(); }
  [[nodiscard]] const Endpoint& at() const noexcept { return addresses_.front(); }
  [[nodiscard]] const std::vector<Endpoint>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] const ServerHostOptions& options() const noexcept { return options_; }
  [[nodiscard]] Port port(std::size_t address = 0) const { return ports_.at(address); }
  /// What the responder said of each datagram that arrived, the first 200,000.
  [[nodiscard]] const std::vector<ReceiptResult>& receipts() const noexcept { return receipts_; }
  [[nodiscard]] const std::vector<ResponseTransmit>& sent() const noexcept { return sent_; }

  void handle_datagram(Timestamp now, const Delivered& datagram) override;
  void handle_timeout(Timestamp now) override;
  [[nodiscard]] Timestamp next_timeout() const override;
  /// Its memory of requests and all work that was not finished are gone.
  void restart() override;

 private:
  struct Work {
    Timestamp done;
    std::uint64_t sequence = 0;
    JobHandle job;
    Answer answer;
  };
  struct Sooner {
    bool operator()(const Work& left, const Work& right) const noexcept {
      return left.done != right.done ? left.done > right.done : left.sequence > right.sequence;
    }
  };
  [[nodiscard]] Responder new_responder();
  void serve(const IncomingRequest& request);
  [[nodiscard]] Timestamp done_at(Duration service);
  void answer_at_once(const IncomingRequest& request);
  void finish(JobHandle job, const Answer& answer);
  void pump();
  void send(const ResponseTransmit& transmit);
  /// @return what follows the message in its datagram
  Bytes handle_message(Timestamp now, const Delivered& datagram, bool continued);

  World& world_;
  SeededRandom own_random_;
  ServerHostOptions options_;
  Responder responder_;
  Handler handler_;
  std::vector<Endpoint> addresses_;
  std::vector<Port> ports_;
  std::vector<Work> works_;  // a heap, the soonest first
  std::vector<Timestamp> worker_free_at_;
  std::unordered_map<std::string, std::uint64_t> runs_by_payload_;
  std::vector<ReceiptResult> receipts_;
  std::vector<ResponseTransmit> sent_;
  Answer answer_;
  ByteVector buffer_;
  std::uint64_t runs_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace holler::sim
