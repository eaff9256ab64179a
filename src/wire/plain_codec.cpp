#include "holler/codecs.hpp"

namespace holler {
namespace {

class PlainCodec final : public Codec {
 public:
  [[nodiscard]] const CodecTraits& traits() const noexcept override {
    static constexpr CodecTraits kTraits{.name = "plain", .fresh_port = true};
    return kTraits;
  }

  [[nodiscard]] std::optional<std::size_t> encode_request(const RequestStamp& /*stamp*/, Bytes payload,
                                                          MutableBytes out) const override {
    ByteWriter writer{out};
    writer.write_bytes(payload);
    if (!writer.ok()) return std::nullopt;
    return writer.size();
  }

  [[nodiscard]] ReplyView decode_reply(Bytes datagram) const override {
    return {.kind = ReplyKind::reply, .payload = datagram};
  }

  [[nodiscard]] RequestView decode_request(Bytes datagram) const override { return {.payload = datagram}; }

  [[nodiscard]] std::optional<std::size_t> encode_reply_header(const ReplyStamp& stamp,
                                                               MutableBytes /*out*/) const override {
    if (stamp.kind != ReplyKind::reply) return std::nullopt;  // there is no room for "working" or "busy"
    return 0;
  }
};

}  // namespace

const Codec& plain_codec() noexcept {
  static const PlainCodec codec;
  return codec;
}

}  // namespace holler
