#pragma once

#include "holler/codecs.hpp"

namespace holler::sim {

/// holler's wire format as a simpler asker reads it: it believes a reply for its ID, but knows no "working"
/// and no "busy", and learns no round-trip time from any answer. So it keeps to the schedule that it was
/// given.
class PlainScheduleCodec final : public Codec {
 public:
  [[nodiscard]] const CodecTraits& traits() const noexcept override { return holler_codec().traits(); }

  [[nodiscard]] std::optional<std::size_t> encode_request(const RequestStamp& stamp, Bytes payload,
                                                          MutableBytes out) const override {
    return holler_codec().encode_request(stamp, payload, out);
  }
  [[nodiscard]] ReplyView decode_reply(Bytes datagram) const override {
    ReplyView view = holler_codec().decode_reply(datagram);
    if (view.kind == ReplyKind::working || view.kind == ReplyKind::busy)
      return {.drop = DropReason::unknown_type};
    view.attempt = 255;  // "one of so many": no sample is taken from it
    return view;
  }
  [[nodiscard]] RequestView decode_request(Bytes datagram) const override {
    return holler_codec().decode_request(datagram);
  }
};

}  // namespace holler::sim
