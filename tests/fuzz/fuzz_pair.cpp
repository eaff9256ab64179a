#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/model_requester.hpp"
#include "tests/fuzz/model_responder.hpp"
#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"

// Askers and a server that may be restarted, joined by a network that loses, repeats, delays and reorders as
// the input says, and by a NAT that moves askers to other ports. In the end the network heals, and who still
// waits is answered.

namespace holler::fuzz {
namespace {

constexpr std::size_t kStepsMax = 300;
constexpr std::size_t kUnderWayMax = 64;
constexpr std::size_t kAskers = 2;
constexpr Endpoint kServer{Address::v4(10, 0, 0, 9), 1060};
/// Longer than any wait between two transmissions, with its jitter, a few times over.
constexpr Duration kTimeEnough = std::chrono::minutes{12};

/// What the server answers, so that an asker can tell whose answer it has got, and from which run.
std::string answer_to(Bytes payload, unsigned run) {
  return std::string{text_of(payload)} + "=" + std::to_string(run);
}

class Driver {
 public:
  explicit Driver(Input& input)
      : input_{&input}, random_{input.byte()}, codec_{input.one_in(3) ? &plain_codec() : &holler_codec()} {
    const RequesterOptions options{.datagram_bytes_max = 256};
    for (std::size_t i = 0; i < kAskers; ++i) {
      askers_.push_back(std::make_unique<WatchedRequester>(*codec_, random_, options));
    }
    small_ = input.one_in(4);
    serving_.datagram_bytes_max = 256;
    if (small_) {
      serving_.jobs_max = 1 + input.below(3);
      serving_.conversations_max = 1 + input.below(3);
      serving_.replies_max = 8 + input.below(64);
      serving_.reply_bytes_max = input.below(200);
    }
    // A plain server has no other way to keep within the limit than to be silent.
    serving_.amplification_max = codec_->traits().numbered && input.one_in(2) ? 1 : 3;
    if (input.one_in(4)) serving_.strangers_after = std::chrono::seconds{5};
    begin_life(now_ - std::chrono::hours{240});
  }

  void run() {
    for (std::size_t i = 0; i < kStepsMax && !input_->ended(); ++i) {
      step();
      flush();
    }
    heal();
    for (const auto& asker : askers_) asker->finish(now_);
    check_answers();
  }

 private:
  struct Packet {
    std::size_t asker = 0;  // whose it is
    std::uint32_t channel = 0;
    bool to_server = false;
    Endpoint outside;  // the asker's endpoint, as the server sees it
    ByteVector bytes;
  };

  void step() {
    switch (input_->below(17)) {
      case 0:
      case 1:
      case 2: return ask();
      case 3: return cancel();
      case 16: return input_->one_in(3) ? restart() : lose();
      case 4:
      case 5:
      case 6:
      case 7: return arrive(input_->one_in(4));
      case 8: return lose();
      case 9: return move_nat();
      case 10:
      case 11:
      case 12: return handle();
      default: return pass_time();
    }
  }

  Endpoint outside_of(std::size_t asker, std::uint32_t channel) const {
    const auto port = static_cast<std::uint16_t>(20'000 + 1000 * nat_[asker] + channel);
    return {Address::v4(10, 0, 0, static_cast<std::uint8_t>(1 + asker)), port};
  }

  void ask() {
    const std::size_t asker = input_->below(kAskers);
    // A name for each request, so that answers cannot be mixed up without being seen.
    const std::string name = std::to_string(asker) + "/" + std::to_string(askers_[asker]->asked().size());
    RequestOptions options{
        .deadline = input_->duration(),
        .attempts_max = input_->one_in(8) ? input_->below(4) : 0,
        // A protocol without numbers gets a socket for each request, as the client gives it one.
        .channel = codec_->traits().numbered ? input_->below(3)
                                             : static_cast<std::uint32_t>(askers_[asker]->asked().size())};
    options.repeatable = input_->one_in(4);
    const bool heard = std::ranges::any_of(askers_[asker]->asked(), [](const WatchedRequester::Asked& asked) {
      return asked.end == Outcome::answered;
    });
    if (codec_->traits().numbered && heard && !options.repeatable) careful_.insert(name);
    static_cast<void>(askers_[asker]->start(now_, kServer, bytes_of(name), options));
  }

  void cancel() {
    WatchedRequester& asker = *askers_[input_->below(kAskers)];
    if (!asker.asked().empty())
      asker.cancel(now_, input_->below(static_cast<std::uint32_t>(asker.asked().size())));
  }

  /// Puts on their way what the engines want to send.
  void flush() {
    for (std::size_t asker = 0; asker < kAskers; ++asker) {
      while (const auto sent = askers_[asker]->transmit(now_)) {
        const auto& asked = askers_[asker]->asked();
        const auto which = std::ranges::find(asked, sent->request, &WatchedRequester::Asked::handle);
        put({.asker = asker,
             .channel = sent->channel,
             .to_server = true,
             .outside = outside_of(asker, sent->channel),
             .bytes = which->datagram});
      }
    }
    while (const auto sent = server_->transmit(now_)) {
      const std::size_t asker = sent->to.address.bytes()[3] - 1U;
      // Nobody is there any more behind the port that a NAT has given up.
      const std::uint32_t channel = sent->to.port % 1000U;
      if (sent->to != outside_of(asker, channel)) continue;
      put({.asker = asker,
           .channel = channel,
           .to_server = false,
           .outside = sent->to,
           .bytes = copy_of(server_->datagram())});
    }
  }

  void put(Packet packet) {
    if (under_way_.size() < kUnderWayMax) under_way_.push_back(std::move(packet));
  }

  void arrive(bool again) {
    if (under_way_.empty()) return;
    const std::size_t which = input_->below(static_cast<std::uint32_t>(under_way_.size()));
    const Packet packet = under_way_[which];
    if (!again) under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
    deliver(packet);
  }

  void deliver(const Packet& packet) {
    if (!packet.to_server) {
      const auto verdict = askers_[packet.asker]->deliver(
          now_, {.from = kServer, .channel = packet.channel, .bytes = packet.bytes});
      const auto& asked = askers_[packet.asker]->asked();
      const auto whose = std::ranges::find(asked, verdict.request, &WatchedRequester::Asked::handle);
      if (verdict.used && whose != asked.end() && whose->end) check_end(*whose);
      return;
    }
    const auto which = server_->deliver(now_, {.from = packet.outside, .to = kServer, .bytes = packet.bytes});
    if (which) open_.push_back(*which);
  }

  /// What an asker is told of how often its request has been done.
  void check_end(const WatchedRequester::Asked& asked) const {
    if (!codec_->traits().numbered) return;
    require(restarts_ > 0 || (asked.end != Outcome::unknown && !asked.maybe_repeated),
            "a server that was never restarted leaves no doubt");
    // docs/limits.md: a request is remembered for ten minutes of its deadline.
    if (asked.options.deadline > std::chrono::minutes{10} || asked.end != Outcome::answered) return;
    // A copy in the network may reach the next life after the first one's reply has left: of that, nobody can
    // know (docs/at-most-once.md). Who is given the second life's reply is told.
    require(text_of(asked.answer) == answer_to(asked.payload, 1) || asked.maybe_repeated,
            "a request that was done before is not said to be done for the first time");
  }

  void lose() {
    if (under_way_.empty()) return;
    const std::size_t which = input_->below(static_cast<std::uint32_t>(under_way_.size()));
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  /// The server is killed, and started again without a memory.
  void restart() {
    ++restarts_;
    now_ += std::chrono::milliseconds{1};  // nothing is sent, done and forgotten in no time at all
    begin_life(now_);
    wake();
  }

  void begin_life(Timestamp born) {
    serving_.born = born;
    server_ = std::make_unique<WatchedResponder>(std::vector<const Codec*>{codec_}, random_, serving_);
    open_.clear();
  }

  void move_nat() {
    const std::size_t asker = input_->below(kAskers);
    nat_[asker] = (nat_[asker] + 1) % 40;
  }

  void handle() {
    if (open_.empty()) return;
    const std::size_t place = input_->below(static_cast<std::uint32_t>(open_.size()));
    const std::size_t which = open_[place];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(place));
    const std::uint32_t choice = input_->below(8);
    if (choice == 0 || choice == 2) do_it(server_->handed()[which].payload);
    switch (choice) {
      case 0: server_->refuse(now_, which, 42); break;
      case 1: server_->postpone(now_, which, input_->duration()); break;
      case 2:
        server_->ignore(now_, which);
        ignored_.emplace(text_of(server_->handed()[which].payload));
        break;
      case 3: answer(which, later(now_, input_->duration())); break;
      default: answer(which, Timestamp::min()); break;
    }
  }

  /// @return how often it has been done by now
  unsigned do_it(Bytes payload) {
    const std::string name{text_of(payload)};
    const auto [first, fresh] = first_life_.emplace(name, restarts_);
    require(fresh || first->second == restarts_ || !careful_.contains(name),
            "who has heard from a server gets nothing done by two lives of it");
    return ++done_[name];
  }

  void answer(std::size_t which, Timestamp not_before) {
    const Bytes payload = server_->handed()[which].payload;
    const unsigned run = do_it(payload);
    server_->reply(now_, which, bytes_of(answer_to(payload, run)), not_before);
  }

  Timestamp next_wake() const {
    Timestamp next = server_->next_timeout();
    for (const auto& asker : askers_) next = std::min(next, asker->engine().next_timeout());
    return next;
  }

  void pass_time() {
    const Duration step = std::min(input_->duration(), Duration{std::chrono::hours{1}});
    now_ = input_->one_in(3) ? now_ + step : std::max(now_, std::min(next_wake(), now_ + step));
    wake();
  }

  void wake() {
    for (const auto& asker : askers_) asker->pass_time(now_);
    server_->pass_time(now_);
  }

  /// From here on nothing is lost, and the server answers at once.
  void heal() {
    // A server with small tables says "busy" every second: what that does shows soon.
    const Timestamp healed_for_long = now_ + (small_ ? Duration{std::chrono::seconds{10}} : kTimeEnough);
    for (int turns = 0; live() > 0 && now_ < healed_for_long; ++turns) {
      require(turns < 100'000, "a network that works is not kept busy for nothing");
      for (const std::size_t which : std::exchange(open_, {})) answer(which, Timestamp::min());
      flush();
      while (!under_way_.empty()) {
        const Packet packet = std::move(under_way_.front());
        under_way_.pop_front();
        deliver(packet);
        for (const std::size_t which : std::exchange(open_, {})) answer(which, Timestamp::min());
        flush();
      }
      if (live() == 0) break;
      now_ = std::max(now_, std::min(next_wake(), healed_for_long));
      wake();
    }
    for (std::size_t asker = 0; asker < kAskers; ++asker) {
      for (const auto& asked : askers_[asker]->asked()) {
        require(asked.end || given_up_on(asker, asked),
                "in a network that works, who waits long enough is answered");
      }
    }
  }

  /// Where nobody has promised an answer: a server with small tables may be busy for long, and one that has
  /// ignored a request stays silent.
  bool given_up_on(std::size_t asker, const WatchedRequester::Asked& asked) const {
    if (small_ || asked.options.attempts_max != 0) return true;
    return ignored_.contains(std::string{text_of(asked.payload)}) || !has_its_turns(asker);
  }

  /// Who has had several requests ignored asks new ones at the pace at which it gives up waiting for those.
  bool has_its_turns(std::size_t asker) const {
    return std::ranges::count_if(askers_[asker]->asked(), [&](const WatchedRequester::Asked& asked) {
             return ignored_.contains(std::string{text_of(asked.payload)});
           }) <= 4;
  }

  std::size_t live() const {
    std::size_t sum = 0;
    for (const auto& asker : askers_) sum += asker->live();
    return sum;
  }

  void check_answers() const {
    for (const auto& asker : askers_) {
      for (const auto& asked : asker->asked()) {
        if (asked.end != Outcome::answered) continue;
        const auto runs = done_.find(std::string{text_of(asked.payload)});
        require(runs != done_.end(), "an answer has been given by the handler");
        bool given = false;
        for (unsigned run = 1; run <= runs->second; ++run) {
          given = given || text_of(asked.answer) == answer_to(asked.payload, run);
        }
        require(given, "an answer is the handler's to this very request");
      }
    }
  }

  Input* input_;
  SeededRandom random_;
  const Codec* codec_;
  bool small_ = false;
  ResponderOptions serving_;
  unsigned restarts_ = 0;
  std::vector<std::unique_ptr<WatchedRequester>> askers_;
  std::unique_ptr<WatchedResponder> server_;
  std::array<std::uint32_t, kAskers> nat_{};
  std::set<std::string> ignored_;  // requests that the handler has let go of without a word
  std::deque<Packet> under_way_;
  std::vector<std::size_t> open_;               // handed out, unanswered
  std::set<std::string> careful_;               // requests of askers who had heard from the server before
  std::map<std::string, unsigned> first_life_;  // which life did it first
  std::map<std::string, unsigned> done_;        // how often a handler has done something for which payload
  Timestamp now_{std::chrono::hours{1000}};
};

}  // namespace

void run_pair(Bytes input) {
  Input decisions{input};
  Driver{decisions}.run();
}

}  // namespace holler::fuzz
