#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/world.hpp"

/// The asker and the answerer that the chapter builds by hand, without request IDs: what goes wrong with
/// them is what holler is for.
namespace holler::sim {

/// Answers every datagram, as often as it comes, with the payload's length.
class NaiveServer final : public Host {
 public:
  NaiveServer(World& world, const Endpoint& at) : world_{world}, port_{world.attach(*this, at)} {}

  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }

  void handle_datagram(Timestamp /*now*/, const Delivered& datagram) override {
    ++runs_;
    const std::string reply = "answer to " + std::string{text_of(datagram.bytes)};
    world_.send(port_, datagram.from, bytes_of(reply));
  }

 private:
  World& world_;
  Port port_;
  std::uint64_t runs_ = 0;
};

/// Sends, waits, sends again after twice the wait, and takes whatever arrives from the server's address
/// as the answer to the question that it has asked last: a connected socket, and no ID.
class NaiveClient final : public Host {
 public:
  struct Asked {
    std::string question;
    std::optional<std::string> answer;
    unsigned sends = 0;
  };

  NaiveClient(World& world, const Endpoint& at, const Endpoint& server, std::vector<std::string> questions)
      : world_{world}, port_{world.attach(*this, at)}, server_{server}, questions_{std::move(questions)} {}

  /// Asks the questions one after the other, the next one when the last has its answer.
  void begin() { ask_next(); }
  [[nodiscard]] const std::vector<Asked>& asked() const noexcept { return asked_; }
  [[nodiscard]] bool gave_up() const noexcept { return gave_up_; }

  void handle_datagram(Timestamp /*now*/, const Delivered& datagram) override {
    if (datagram.from != server_ || deadline_ == kNever) return;
    asked_.back().answer = std::string{text_of(datagram.bytes)};
    ask_next();
  }
  void handle_timeout(Timestamp /*now*/) override {
    wait_ *= 2;
    if (wait_ > std::chrono::seconds{2}) {
      gave_up_ = true;
      deadline_ = kNever;
      return;
    }
    transmit();
  }
  [[nodiscard]] Timestamp next_timeout() const override { return deadline_; }

 private:
  void ask_next() {
    deadline_ = kNever;
    if (asked_.size() == questions_.size()) return;
    asked_.push_back({.question = questions_[asked_.size()], .answer = std::nullopt});
    wait_ = std::chrono::milliseconds{100};
    transmit();
  }
  void transmit() {
    ++asked_.back().sends;
    world_.send(port_, server_, bytes_of(asked_.back().question));
    deadline_ = later(world_.now(), wait_);
    world_.rearm(*this);
  }

  World& world_;
  Port port_;
  Endpoint server_;
  std::vector<std::string> questions_;
  std::vector<Asked> asked_;
  Duration wait_{};
  Timestamp deadline_ = kNever;
  bool gave_up_ = false;
};

}  // namespace holler::sim
