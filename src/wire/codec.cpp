#include "holler/codec.hpp"

namespace holler {

std::optional<DropReason> Codec::mismatch(Bytes /*request_payload*/, const ReplyView& /*reply*/) const {
  return std::nullopt;
}

RequestView Codec::decode_request(Bytes /*datagram*/) const { return {.drop = DropReason::foreign}; }

std::optional<std::size_t> Codec::encode_reply_header(const ReplyStamp& /*stamp*/,
                                                      MutableBytes /*out*/) const {
  return std::nullopt;
}

}  // namespace holler
