#pragma once

#include "holler/codec.hpp"

namespace holler::testing {

/// What a request says, to be written again.
inline RequestStamp stamp_of(const RequestView& view) {
  return {.conversation = view.conversation,
          .number = view.number,
          .done_below = view.done_below,
          .id = view.id,
          .attempt = view.attempt,
          .time_left = view.time_left,
          .life = view.life,
          .bundles = view.bundles,
          .cookie = view.cookie};
}

/// What an answer says, to be written again.
inline ReplyStamp stamp_of(const ReplyView& view) {
  return {.kind = view.kind,
          .number = view.number,
          .id = view.id,
          .attempt = view.attempt,
          .hold = view.hold,
          .retry_after = view.retry_after,
          .life = view.life,
          .age = view.age,
          .reason = view.reason,
          .bundles = view.bundles,
          .payload_bytes = view.payload.size(),
          .cookie = view.cookie};
}

}  // namespace holler::testing
