#include "runtime/reply_writer.hpp"

#include <utility>

namespace holler {

void ReplyWriter::append(Bytes bytes) {
  if (bytes.size() > state_->payload_bytes_max - state_->payload.size()) {
    state_->too_large = true;
    refuse(kReplyTooLarge);
    return;
  }
  state_->payload.insert(state_->payload.end(), bytes.begin(), bytes.end());
}

void ReplyWriter::refuse(std::uint16_t reason) {
  state_->kind = Completion::Kind::refuse;
  state_->reason = state_->too_large ? kReplyTooLarge : reason;
}

void ReplyWriter::busy(Duration retry_after) {
  state_->kind = Completion::Kind::busy;
  state_->retry_after = retry_after;
}

void ReplyWriter::ignore() { state_->kind = Completion::Kind::ignore; }

void ReplyWriter::hold_back(Duration delay) { state_->hold_back = delay; }

DeferredReply ReplyWriter::defer() {
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
  complete({.kind = Completion::Kind::reply, .payload = copy_of(payload)});
}
void DeferredReply::refuse(std::uint16_t reason) {
  complete({.kind = Completion::Kind::refuse, .payload = {}, .reason = reason});
}
void DeferredReply::busy(Duration retry_after) {
  complete({.kind = Completion::Kind::busy, .payload = {}, .retry_after = retry_after});
}

}  // namespace holler
