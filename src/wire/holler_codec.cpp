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

RequestView HollerCodec::decode_request(Bytes datagram) const {
  using namespace format_v1;
  if (holds_request(datagram)) return read_request(datagram);
  const auto prefix = read_prefix(datagram);
  if (!prefix) return {.drop = prefix_fault(datagram)};
  if (Type{prefix->type()} != Type::request) return {.drop = DropReason::unknown_type};
  if (datagram.size() < kRequestHeaderBytes) return {.drop = DropReason::malformed};
  RequestView view;
  const std::byte* const data = datagram.data();
  const bool numbered = load_number<std::uint32_t>(data + 32) < load_number<std::uint64_t>(data + 16);
  // Cut off, as ICMP quotes it: whose it is can be told all the same.
  if (numbered && datagram.size() < request_header_bytes(*prefix) + prefix->word()) {
    view = request_view(data, {}, {}, {});
  }
  view.drop = DropReason::malformed;
  return view;
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
