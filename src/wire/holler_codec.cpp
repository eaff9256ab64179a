#include "wire/holler_codec.hpp"

#include "holler/codecs.hpp"

namespace holler {

constinit const HollerCodec HollerCodec::kOne{};

const CodecTraits& HollerCodec::traits() const noexcept {
  static constexpr CodecTraits kTraits{
      .name = "holler",
      .request_overhead_bytes = format_v1::kRequestHeaderBytes + format_v1::kCookieBytes,
      .reply_header_bytes = format_v1::kReplyHeaderBytes,
      .id_bits = 64,
      .numbered = true,
      .bundles = true};
  return kTraits;
}

DropReason format_v1::prefix_fault(Bytes datagram) noexcept {
  if (datagram.size() < 2 || load_number<std::uint16_t>(datagram.data()) != kMagic)
    return DropReason::foreign;
  if (datagram.size() < kPrefixBytes) return DropReason::malformed;
  if (std::to_integer<std::uint8_t>(datagram[kVersionAt]) != kVersion) return DropReason::unknown_version;
  return DropReason::malformed;  // a critical flag that nobody knows
}

const Codec& holler_codec() noexcept { return HollerCodec::kOne; }

}  // namespace holler
