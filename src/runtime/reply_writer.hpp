#pragma once

#include <memory>
#include <optional>

#include "holler/server.hpp"

#include "runtime/completions.hpp"

namespace holler {

/// What an asker is told of a reply that does not fit a datagram; holler's own reasons count down from the
/// top, so that an application's can count up from 0.
inline constexpr std::uint16_t kReplyTooLarge = 0xffff;
/// The handler has thrown an exception.
inline constexpr std::uint16_t kHandlerFailed = 0xfffe;
/// A deferred reply that was destroyed unanswered.
inline constexpr std::uint16_t kReplyAbandoned = 0xfffd;

struct ReplyWriter::State {
  JobHandle job;
  std::size_t payload_bytes_max = 0;
  std::size_t payload_bytes = 0;  // written so far
  bool usual = true;  // what is written is the reply, and leaves when the handler returns; or else:
  Decision decision;
  Duration hold_back{};
  bool too_large = false;
  bool deferred = false;
  std::unique_ptr<std::byte[]> memory =  // for one payload after the other
      std::make_unique_for_overwrite<std::byte[]>(kPayloadBytesMaxV6);
  std::shared_ptr<Completions> completions;

  void begin(JobHandle new_job, std::size_t bytes_max) {
    job = new_job;
    payload_bytes_max = bytes_max;
    payload_bytes = 0;
    if (usual) [[likely]]
      return;
    decision = {};
    hold_back = {};
    too_large = deferred = false;
    usual = true;
  }
  [[nodiscard]] Bytes payload() const noexcept { return {memory.get(), payload_bytes}; }
};

struct DeferredReply::Ticket {
  JobHandle job;
  std::weak_ptr<Completions> completions;  // gone with the server
};

}  // namespace holler
