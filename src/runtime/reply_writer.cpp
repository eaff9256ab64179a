#include "runtime/reply_writer.hpp"

#include <utility>

#include "base/small_copy.hpp"

namespace holler {

void ReplyWriter::append(Bytes bytes) {
  State& state = *state_;
  if (bytes.size() > state.payload_bytes_max - state.payload_bytes) [[unlikely]] {
    state.too_large = true;
    refuse(kReplyTooLarge);
    return;
  }
  small_copy(state.memory.get() + state.payload_bytes, bytes);
  state.payload_bytes += bytes.size();
}

void ReplyWriter::refuse(std::uint16_t reason) {
  state_->usual = false;
  state_->decision.kind = Decision::Kind::refuse;
  state_->decision.reason = state_->too_large ? kReplyTooLarge : reason;
}

void ReplyWriter::busy(Duration retry_after) {
  state_->usual = false;
  state_->decision.kind = Decision::Kind::busy;
  state_->decision.retry_after = retry_after;
}

void ReplyWriter::ignore() {
  state_->usual = false;
  state_->decision.kind = Decision::Kind::ignore;
}

void ReplyWriter::hold_back(Duration delay) {
  state_->usual = false;
  state_->hold_back = delay;
}

DeferredReply ReplyWriter::defer() {
  state_->usual = false;
  state_->deferred = true;
  DeferredReply reply;
  reply.ticket_ = std::make_unique<DeferredReply::Ticket>(
      DeferredReply::Ticket{.job = state_->job, .completions = state_->completions});
  return reply;
}

std::size_t ReplyWriter::payload_bytes_max() const noexcept { return state_->payload_bytes_max; }

DeferredReply::DeferredReply() noexcept = default;
DeferredReply::DeferredReply(DeferredReply&&) noexcept = default;

DeferredReply& DeferredReply::operator=(DeferredReply&& other) noexcept {
  if (this != &other) {
    if (ticket_) refuse(kReplyAbandoned);
    ticket_ = std::move(other.ticket_);
  }
  return *this;
}

DeferredReply::~DeferredReply() {
  if (ticket_) refuse(kReplyAbandoned);
}

void DeferredReply::complete(Completion completion) {
  const auto ticket = std::exchange(ticket_, nullptr);
  if (!ticket) return;
  const auto completions = ticket->completions.lock();
  if (!completions) return;
  completion.job = ticket->job;
  completions->push(std::move(completion));
}

void DeferredReply::send(Bytes payload) {
  complete({.job = {}, .decision = {}, .payload = copy_of(payload)});
}
void DeferredReply::refuse(std::uint16_t reason) {
  complete({.job = {}, .decision = {.kind = Decision::Kind::refuse, .reason = reason}, .payload = {}});
}
void DeferredReply::busy(Duration retry_after) {
  complete(
      {.job = {}, .decision = {.kind = Decision::Kind::busy, .retry_after = retry_after}, .payload = {}});
}

}  // namespace holler
