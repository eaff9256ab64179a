#include "cli/forge_attack.hpp"

#include <algorithm>

#include "holler/ports.hpp"

namespace holler::cli {
namespace {

/// Datagrams between two looks at the rest of the world.
constexpr std::size_t kSalvo = 512;
/// What is recorded for replays, and what waits for its answer.
constexpr std::size_t kRecordedMax = 4096;
constexpr std::size_t kRecordedBytesMax = std::size_t{16} << 20U;
/// A full queue in the kernel is given time.
constexpr Duration kPause = std::chrono::milliseconds{1};

/// Fires forged datagrams; what the kernel has no room for goes again later.
class Battery {
 public:
  explicit Battery(ForgedSender sender) : sender_{std::move(sender)} {}

  /// @return how many of them have left
  [[nodiscard]] Result<std::size_t> fire(std::span<const ForgedDatagram> datagrams) {
    const auto sent = sender_.send(datagrams);
    if (!sent && sent.error().code == ErrorCode::out_of_resources) return 0;
    return sent;
  }
  /// @return whether it has left
  [[nodiscard]] Result<bool> fire_one(const ForgedDatagram& datagram) {
    const auto sent = fire({&datagram, 1});
    if (!sent) return failure(sent.error());
    return *sent == 1;
  }

 private:
  ForgedSender sender_;
};

/// As many datagrams as are wanted for each target, one target after the other.
template <class Target>
class Volley {
 public:
  explicit Volley(ForgeField& field) : field_{field} {}

  void add(Target target) { waiting_.push_back(std::move(target)); }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

  /// @param shoot  sends one to a target; false: there is no room for it now
  /// @return when to come back
  template <class Shoot>
  Result<Timestamp> fire(Timestamp now, Shoot&& shoot) {
    std::size_t turns = 0;
    while (!waiting_.empty()) {
      while (fired_ < field_.settings.count_of()) {
        if (++turns > kSalvo) return now;
        const Result<bool> sent = shoot(std::as_const(waiting_.front()));
        if (!sent) return failure(sent.error());
        if (!*sent) return later(now, kPause);
        ++fired_;
        ++field_.sent;
      }
      fired_ = 0;
      waiting_.pop_front();
    }
    return kNever;
  }

 private:
  ForgeField& field_;
  std::deque<Target> waiting_;
  std::uint64_t fired_ = 0;  // at the first that waits
};

/// A few guesses for each client, when it comes.
class EachClient : public Attack {
 public:
  explicit EachClient(ForgeField& field) : field_{field}, volley_{field} {}

  void on_client(const Endpoint& client) final {
    if (known_.insert(client).second) volley_.add(client);
  }

  Result<Timestamp> attack(Timestamp now) override {
    if (!field_.forgery.is_ready()) return kNever;
    return volley_.fire(now, [this](const Endpoint& client) {
      field_.client = client;
      return shoot(client, field_.forgery.guess(field_.random));
    });
  }

  [[nodiscard]] bool is_done() const final { return volley_.size() == 0; }

 protected:
  [[nodiscard]] virtual Result<bool> shoot(const Endpoint& client, const ByteVector& bytes) = 0;
  [[nodiscard]] ForgeField& field() { return field_; }

 private:
  ForgeField& field_;
  Volley<Endpoint> volley_;
  std::set<Endpoint> known_;
};

/// FAKE, from a socket like any other: the chapter's stranger.
class Stranger final : public EachClient {
 public:
  Stranger(ForgeField& field, UdpSocket socket) : EachClient{field}, socket_{std::move(socket)} {}

  Result<Timestamp> attack(Timestamp now) override {
    auto next = EachClient::attack(now);
    (void)socket_.receive_errors();  // of clients that have gone
    return next;
  }

 private:
  Result<bool> shoot(const Endpoint& client, const ByteVector& bytes) override {
    auto sent = socket_.send_to(client, bytes);
    if (!sent && sent.error().code == ErrorCode::refused) return true;
    return sent;
  }

  UdpSocket socket_;
};

/// As the server, with a guessed ID.
class Spoof final : public EachClient {
 public:
  Spoof(ForgeField& field, ForgedSender sender) : EachClient{field}, battery_{std::move(sender)} {}

 private:
  Result<bool> shoot(const Endpoint& client, const ByteVector& bytes) override {
    return battery_.fire_one({.from = field().settings.server, .to = client, .bytes = bytes});
  }

  Battery battery_;
};

/// As the server, at full speed, with everything guessed that is not known.
class Flood final : public Attack {
 public:
  Flood(ForgeField& field, ForgedSender sender, std::pair<std::uint16_t, std::uint16_t> ports)
      : field_{field}, battery_{std::move(sender)}, ports_{std::move(ports)} {}

  void on_client(const Endpoint& client) override {
    field_.client = client;
    if (!field_.settings.knows_port) field_.client->port = 0;
  }

  Result<Timestamp> attack(Timestamp now) override {
    if (!field_.client || !field_.forgery.is_ready() || is_done()) return kNever;
    const std::uint64_t left = field_.settings.count_of() - field_.sent;
    const std::size_t count = std::min<std::uint64_t>(kSalvo, left);
    payloads_.clear();
    datagrams_.clear();
    for (std::size_t i = 0; i < count; ++i) payloads_.push_back(field_.forgery.guess(field_.random));
    for (const ByteVector& payload : payloads_) {
      datagrams_.push_back({.from = field_.settings.server, .to = target(), .bytes = payload});
    }
    const auto sent = battery_.fire(datagrams_);
    if (!sent) return failure(sent.error());
    field_.sent += *sent;
    return *sent == 0 ? later(now, kPause) : now;
  }

  [[nodiscard]] bool is_done() const override { return field_.sent >= field_.settings.count_of(); }

 private:
  Endpoint target() {
    Endpoint client = *field_.client;
    if (client.port == 0) {
      const std::uint64_t width = std::uint64_t{ports_.second} - ports_.first + 1;
      client.port = static_cast<std::uint16_t>(ports_.first + field_.random.below(width));
    }
    return client;
  }

  ForgeField& field_;
  Battery battery_;
  std::pair<std::uint16_t, std::uint16_t> ports_;
  std::vector<ByteVector> payloads_;
  std::vector<ForgedDatagram> datagrams_;
};

/// Says everything again: requests to the server, answers to the client.
class Replay final : public Attack {
 public:
  Replay(ForgeField& field, ForgedSender sender) : field_{field}, battery_{std::move(sender)} {}

  void on_seen(Timestamp now, const SeenDatagram& seen, bool request) override {
    const bool room = recorded_ < kRecordedMax && recorded_bytes_ + seen.bytes.size() <= kRecordedBytesMax;
    if (!room) return;
    ++recorded_;
    recorded_bytes_ += seen.bytes.size();
    const Endpoint from = request ? field_.settings.replay_from.value_or(seen.from) : seen.from;
    waiting_.push_back({.due = later(now, field_.settings.delay),
                        .from = from,
                        .to = seen.to,
                        .bytes = copy_of(seen.bytes),
                        .left = field_.settings.count_of(),
                        .request = request});
  }

  Result<Timestamp> attack(Timestamp now) override {
    std::size_t turns = 0;
    while (!waiting_.empty() && waiting_.front().due <= now) {
      Recorded& next = waiting_.front();
      if (++turns > kSalvo) return now;
      const auto sent = battery_.fire_one({.from = next.from, .to = next.to, .bytes = next.bytes});
      if (!sent) return failure(sent.error());
      if (!*sent) return later(now, kPause);
      ++field_.sent;
      field_.to_server += next.request ? 1 : 0;
      if (!next.request) field_.client = next.to;
      if (--next.left == 0) waiting_.pop_front();
    }
    return waiting_.empty() ? kNever : waiting_.front().due;
  }

  [[nodiscard]] bool is_done() const override { return waiting_.empty(); }

 private:
  struct Recorded {
    Timestamp due;
    Endpoint from;
    Endpoint to;
    ByteVector bytes;
    std::uint64_t left = 1;
    bool request = false;
  };
  ForgeField& field_;
  Battery battery_;
  std::deque<Recorded> waiting_;  // all have the same delay, so the first is due first
  std::size_t recorded_ = 0;
  std::size_t recorded_bytes_ = 0;
};

/// Sees the question, and answers it before the server does.
class OnPath final : public Attack {
 public:
  OnPath(ForgeField& field, ForgedSender sender)
      : field_{field}, battery_{std::move(sender)}, answers_{field} {}

  void on_seen(Timestamp /*now*/, const SeenDatagram& seen, bool request) override {
    if (!request || !field_.forgery.is_ready() || answers_.size() == kRecordedMax) return;
    answers_.add({seen.from, field_.forgery.exact()});  // it has learnt this very request
  }

  Result<Timestamp> attack(Timestamp now) override {
    return answers_.fire(now, [this](const Answer& answer) {
      field_.client = answer.client;
      return battery_.fire_one({.from = field_.settings.server, .to = answer.client, .bytes = answer.bytes});
    });
  }

  [[nodiscard]] bool is_done() const override { return answers_.size() == 0; }

 private:
  struct Answer {
    Endpoint client;
    ByteVector bytes;
  };
  ForgeField& field_;
  Battery battery_;
  Volley<Answer> answers_;
};

/// From the very address that it lies to, so that nothing can leave the machine.
Result<UdpSocket> own_socket(const ForgeSettings& settings) {
  const Address address = settings.client.value_or(settings.server.address);
  return UdpSocket::bind({address, 0}, {.interface = "lo"});
}

}  // namespace

std::string_view name_of(ForgeMode mode) noexcept {
  switch (mode) {
    case ForgeMode::stranger: return "stranger";
    case ForgeMode::spoof: return "spoof";
    case ForgeMode::flood: return "flood";
    case ForgeMode::replay: return "replay";
    case ForgeMode::onpath: return "onpath";
  }
  return "";
}

Result<std::unique_ptr<Attack>> make_attack(ForgeField& field) {
  if (field.settings.mode == ForgeMode::stranger) {
    auto socket = own_socket(field.settings);
    if (!socket) return failure(std::move(socket).error());
    return std::make_unique<Stranger>(field, *std::move(socket));
  }
  auto sender = ForgedSender::open();
  if (!sender) return failure(std::move(sender).error());
  switch (field.settings.mode) {
    case ForgeMode::spoof: return std::make_unique<Spoof>(field, *std::move(sender));
    case ForgeMode::replay: return std::make_unique<Replay>(field, *std::move(sender));
    case ForgeMode::onpath: return std::make_unique<OnPath>(field, *std::move(sender));
    default: break;
  }
  const auto ports = ephemeral_port_range();
  if (!ports) return failure(ports.error());
  return std::make_unique<Flood>(field, *std::move(sender), *ports);
}

}  // namespace holler::cli
