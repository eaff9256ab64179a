#include "cli/forge_run.hpp"

#include <algorithm>
#include <array>
#include <poll.h>

#include "cli/output.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

/// How often the sockets of a victim are looked up where nothing on the wire can be seen.
constexpr Duration kSocketsLook = std::chrono::milliseconds{2};

/// Packets carry no scope.
bool is_named(const Endpoint& server, const Endpoint& seen) {
  return server.port == seen.port && server.address.bytes() == seen.address.bytes();
}

ExitCode give_up(const Error& error) {
  complain(error.message());
  return exit_code_for(error.code);
}

}  // namespace

ForgeRun::ForgeRun(const ForgeSettings& settings)
    : settings_{settings},
      forgery_{settings.say, settings.dialect, settings.knows_number},
      field_{settings_, forgery_, random_} {}

ExitCode ForgeRun::run() {
  if (const auto ready = prepare(); !ready) return give_up(ready.error());
  start_ = monotonic_now();
  last_sent_ = start_;
  const auto attacked = attack_until_over();
  if (victim_ && signals_.stopped()) victim_->terminate();
  const ExitCode exit_code = report();
  return attacked ? exit_code : give_up(attacked.error());
}

Result<void> ForgeRun::prepare() {
  auto attack = make_attack(field_);
  if (!attack) return failure(std::move(attack).error());
  attack_ = *std::move(attack);
  const bool stranger = settings_.mode == ForgeMode::stranger;
  const bool sees_sockets = stranger && (!settings_.command.empty() || settings_.client_port);
  if (!sees_sockets) {
    auto tap = Wiretap::open(settings_.server);
    if (!tap) return failure(std::move(tap).error());
    tap_ = *std::move(tap);
  }
  if (settings_.client && settings_.client_port) {
    attack_->on_client({*settings_.client, *settings_.client_port});
  }
  if (settings_.command.empty()) return {};
  victim_.emplace(settings_.command,
                  std::vector<std::string>{settings_.say, std::string{kForgedV4}, std::string{kForgedV6}});
  return victim_->start();
}

bool ForgeRun::is_over(Timestamp now) const {
  if (signals_.stopped()) return true;
  const bool timed_out = now >= later(start_, settings_.time_max);
  if (victim_)
    return victim_->has_ended() && (attack_->is_done() || settings_.mode == ForgeMode::flood || timed_out);
  const bool one_target =
      settings_.mode == ForgeMode::flood ||
      (settings_.client_port && settings_.mode != ForgeMode::replay && settings_.mode != ForgeMode::onpath);
  return timed_out || (one_target && attack_->is_done());
}

Result<void> ForgeRun::attack_until_over() {
  const Timestamp end = later(start_, settings_.time_max);
  for (Timestamp now = monotonic_now(); !is_over(now); now = monotonic_now()) {
    Timestamp wake = kNever;
    if (now < end) {
      const std::uint64_t before = field_.sent;
      const auto next = attack_->attack(now);
      if (!next) return failure(next.error());
      if (field_.sent != before) last_sent_ = monotonic_now();
      wake = *next;
      // What was sent last may have been the last.
      if (is_over(now)) return {};
      if (wake == kNever || end < wake) wake = end;
      if (!tap_ && victim_) wake = std::min(wake, later(now, kSocketsLook));
    }
    attend(wake);
  }
  return {};
}

void ForgeRun::attend(Timestamp wake) {
  std::array<pollfd, 4> events{{{signals_.descriptor(), POLLIN, 0},
                                {tap_ ? tap_->native_handle() : -1, POLLIN, 0},
                                {victim_ ? victim_->output_descriptor() : -1, POLLIN, 0},
                                {victim_ ? victim_->process_descriptor() : -1, POLLIN, 0}}};
  const Duration wait = std::clamp(wake - monotonic_now(), Duration::zero(), Duration{std::chrono::hours{1}});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
  const timespec timeout{seconds.count(), (wait - seconds).count()};
  (void)::ppoll(events.data(), events.size(), &timeout, nullptr);
  if (tap_) look_at_wire();
  if (victim_) victim_->attend();
  if (!tap_ && victim_) look_at_sockets();
  // Nobody reads what the victim says any more: a pipe of its own would have ended it.
  if (standard_output().failure() != 0) signals_.stop();
}

bool ForgeRun::is_meant(const Endpoint& client) const {
  return (!settings_.client || settings_.client->bytes() == client.address.bytes()) &&
         (!settings_.client_port || *settings_.client_port == client.port);
}

void ForgeRun::look_at_wire() {
  const auto seen = tap_->receive([this](const SeenDatagram& datagram) {
    const bool request = is_named(settings_.server, datagram.to);
    const Endpoint& client = request ? datagram.from : datagram.to;
    if (!is_meant(client)) return;
    if (request) {
      forgery_.learn(datagram.bytes);
      consider(client);
    } else {
      forgery_.learn_answer(datagram.bytes);
    }
    attack_->on_seen(monotonic_now(), datagram, request);
  });
  if (!seen) complain(seen.error().message());
}

void ForgeRun::look_at_sockets() {
  for (const Endpoint& socket : victim_->sockets()) {
    // Bound to no address, it asks from the server's: both are this machine's.
    const Endpoint client =
        socket.address.is_wildcard() ? Endpoint{settings_.server.address, socket.port} : socket;
    if (is_meant(client)) consider(client);
  }
}

void ForgeRun::consider(const Endpoint& client) {
  if (client.address.is_v6() == settings_.server.address.is_v6()) attack_->on_client(client);
}

ExitCode ForgeRun::report() {
  if (tap_) unseen_ += tap_->take_drops();
  const ForgeOutcome outcome{.field = field_,
                             .elapsed = last_sent_ - start_,
                             .unseen = unseen_,
                             .victim = victim_ ? &*victim_ : nullptr};
  if (settings_.json) {
    print_json(forge_json(outcome));
  } else if (!settings_.quiet) {
    standard_error().write(forge_text(outcome));
  }
  if (signals_.stopped()) return ExitCode::interrupted;
  // Like grep -q the other way round: 1 says that the attack has worked.
  return taken(outcome) > 0 ? ExitCode::no_answer : ExitCode::answered;
}

}  // namespace holler::cli
