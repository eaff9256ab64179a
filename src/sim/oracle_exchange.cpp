#include <algorithm>

#include "holler/codecs.hpp"
#include "holler/format.hpp"

#include "sim/oracle.hpp"

// Invariants 2, 3 and 4: who ran what, and who believed whom.

namespace holler::sim {
namespace {

/// The engine lets no hint of a server keep an asker quiet for longer, except for a quarter of jitter.
constexpr Duration kRestMax = std::chrono::minutes{1};

AskKey key_of(const Host& host, JobHandle job) {
  return {host.number(), host.restarts(), job.slot, job.generation};
}

std::uint64_t bucket_of(const RequestView& view) noexcept {
  return view.identified ? view.conversation ^ view.number : Fingerprint::of(view.payload);
}

}  // namespace

void Oracle::on_run(const Host& server, const IncomingRequest& request, Bytes datagram) {
  const RequestView view = request.codec->decode_request(datagram);
  const Timestamp now = world_.clock(server);
  const Duration left = std::min<Duration>(view.time_left, std::chrono::minutes{10});
  RunLedger run{.server = server.number(),
                .life = server.restarts(),
                .identified = view.identified,
                .conversation = view.conversation,
                .number = view.number,
                .id = view.id,
                .names_life = view.life != 0 && !arriving_.altered && !arriving_.injected,
                .asker = request.from,
                .asked = request.to,
                .payload = Fingerprint::of(request.payload),
                .remembered_until = later(later(now, left), std::chrono::minutes{2}),
                .question_bytes = request.payload.size()};
  const std::uint64_t bucket = bucket_of(view);
  if (view.identified) {
    const auto [first, last] = runs_of_.equal_range(bucket);
    for (auto other = first; other != last; ++other) {
      const RunLedger& before = runs_[other->second];
      if (before.server != run.server || before.number != run.number || before.id != run.id ||
          before.conversation != run.conversation || before.postponed) {
        continue;
      }
      if (before.life == run.life
              ? now < before.remembered_until
              : before.names_life && run.names_life && !options_.tampering && !may_cross_lives(run)) {
        violate(Invariant::runs_once,
                holler::format("server {} runs request #{} of conversation {} a second time{}", run.server,
                               run.number, run.conversation,
                               before.life == run.life ? "" : ", which names the life of the server"));
      }
    }
  }
  const auto index = static_cast<std::uint32_t>(runs_.size());
  runs_.push_back(run);
  runs_of_.emplace(bucket, index);
  jobs_[key_of(server, request.job)] = index;
}

/// Whether the server was restarted after the first copy, or so shortly before that the asker cannot tell: it
/// does not know for how long an answer was on its way, and allows for clocks that drift.
bool Oracle::may_be_unknown(const AskLedger& ask) const {
  const auto number = server_at_.find(ask.peer);
  if (number == server_at_.end() || options_.tampering) return true;
  const ServerLedger& server = servers_.at(number->second);
  if (ask.client->asleep() + server.host->asleep() != Duration::zero()) return true;
  if (server.host->restarts() == 0) return false;
  const Duration way = world_.now() - ask.first_sent;
  const Duration drift = (world_.now() - server.began) / 500 + std::chrono::milliseconds{1};
  return later(server.began, way + drift) >= ask.first_sent;
}

/// Who is answered by one life of a server, after an earlier one has run the request, is told so.
void Oracle::check_told(const AskLedger& ask, const RequestEvent& event) {
  const auto number = server_at_.find(ask.peer);
  if (event.maybe_repeated || !ask.codec->traits().numbered || number == server_at_.end()) return;
  if (options_.tampering || ask.client->asleep() != Duration::zero()) return;
  const ServerLedger& server = servers_.at(number->second);
  const auto answering = server.lives.find(accepted_.life);
  if (answering == server.lives.end()) return;
  const auto [first, last] = runs_of_.equal_range(ask.conversation ^ ask.number);
  for (auto other = first; other != last; ++other) {
    const RunLedger& run = runs_[other->second];
    if (same_question(ask, run) && !run.postponed && run.life < answering->second) {
      violate(Invariant::runs_once, describe(ask) +
                                        " is answered, an earlier life of the server has run it as "
                                        "well, and its asker is not told");
    }
  }
}

/// Who says that a question may be done twice gets it done twice; and an asker whose clock has stood still
/// cannot tell how old a server's life is.
bool Oracle::may_cross_lives(const RunLedger& run) const {
  return std::any_of(asks_.begin(), asks_.end(), [&run](const AskLedger& ask) {
    return ask.conversation == run.conversation &&
           (ask.client->asleep() != Duration::zero() ||
            (ask.options.repeatable && ask.number == run.number && ask.id == run.id));
  });
}

void Oracle::on_answer(const Host& server, JobHandle job, const Answer& answer) {
  const auto found = jobs_.find(key_of(server, job));
  if (found == jobs_.end()) return;
  RunLedger& run = runs_[found->second];
  run.decided = true;
  run.kind = answer.kind;
  run.postponed = answer.kind == Answer::Kind::postpone;
  run.reason = answer.reason;
  run.reply = Fingerprint::of(answer.payload);
  run.reply_bytes = answer.payload.size();
  jobs_.erase(found);
}

void Oracle::on_verdict(const Host& client, const Delivered& datagram, const Verdict& verdict) {
  accepted_ = {};
  if (!verdict.used || !verdict.request) return;
  AskLedger* ask = find(client, *verdict.request);
  if (ask == nullptr) {
    return violate(Invariant::own_reply, holler::format("host {} takes a datagram from {} for an answer to a "
                                                        "question that it does not ask",
                                                        client.number(), datagram.from.to_string()));
  }
  const ReplyView view = ask->codec->decode_reply(datagram.bytes);
  accepted_ = {.client = &client,
               .request = *verdict.request,
               .from = datagram.from,
               .altered = arriving_.altered,
               .injected = arriving_.injected,
               .number = view.number,
               .id = view.id,
               .life = view.life};
  if (accepted_.injected && !options_.tampering) {
    violate(Invariant::nothing_forged,
            describe(*ask) + " believes a datagram that " + datagram.from.to_string() + " has not sent");
  }
  note_heard(*ask, view);
  // After too many of these notes the next copy leaves in its time.
  if (*verdict.used == ReplyKind::restarted && ask->granted >= kGrantsMax) return;
  ask->in_flight = false;
  ask->busy = *verdict.used == ReplyKind::busy;
  if (*verdict.used == ReplyKind::verify || *verdict.used == ReplyKind::restarted) {
    return note_repeat_at_once(*ask);
  }
  if (*verdict.used != ReplyKind::working && *verdict.used != ReplyKind::busy) return;
  PeerLedger& peer = peers_[{client.number(), client.restarts(), ask->peer}];
  peer.longest_wait = std::max(peer.longest_wait, kRestMax + kRestMax / 4);
  ask->next = AskLedger::Next::after_rest;
  ask->doublings = 0;
  ask->rested = later(world_.clock(client), std::min(std::max(view.retry_after, ask->first_wait), kRestMax));
}

void Oracle::check_accepted(const AskLedger& ask, const RequestEvent& event) {
  if (accepted_.client != ask.client || accepted_.request != event.request) {
    return violate(Invariant::own_reply, describe(ask) + " is answered, and no datagram has answered it");
  }
  if (ask.attempts == 0) {
    return violate(Invariant::own_reply, describe(ask) + " is answered before it was sent");
  }
  const CodecTraits& traits = ask.codec->traits();
  if (accepted_.from != ask.peer || (traits.numbered && accepted_.number != ask.number) ||
      (traits.id_bits == 64 && accepted_.id != ask.id)) {
    return violate(Invariant::own_reply, describe(ask) + " is answered by another's reply");
  }
  check_told(ask, event);
  if (is_own_reply(ask, event)) return;
  // Who reads the path knows the ID, and no payload has a checksum of its own: docs/simulator.md.
  if ((accepted_.altered || accepted_.injected) && options_.tampering) return;
  violate(Invariant::own_reply, describe(ask) + " accepts what no handler has answered to it");
}

bool Oracle::same_question(const AskLedger& ask, const RunLedger& run) const noexcept {
  if (run.asked != ask.peer || run.identified != ask.codec->traits().numbered) return false;
  if (!run.identified) return run.payload == ask.payload || options_.tampering;
  if (run.number != ask.number || run.id != ask.id) return false;
  return (run.conversation == ask.conversation && run.payload == ask.payload) || options_.tampering;
}

bool Oracle::is_own_reply(const AskLedger& ask, const RequestEvent& event) const {
  const bool numbered = ask.codec->traits().numbered;
  const std::uint64_t reply = Fingerprint::of(event.payload);
  const auto fits = [&](const RunLedger& run) {
    if (!run.decided || !same_question(ask, run)) return false;
    if (event.outcome == Outcome::declined) {
      return run.kind == Answer::Kind::refuse && run.reason == event.reason;
    }
    return run.kind == Answer::Kind::reply && run.reply == reply;
  };
  const auto [first, last] = runs_of_.equal_range(numbered ? ask.conversation ^ ask.number : ask.payload);
  if (std::any_of(first, last, [&](const auto& item) { return fits(runs_[item.second]); })) return true;
  // No reply carries the conversation: a request that was altered there runs as another asker's.
  return options_.tampering && std::any_of(runs_.begin(), runs_.end(), fits);
}

}  // namespace holler::sim
