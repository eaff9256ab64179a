#include "wire/udp_packet.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace holler {
namespace {

constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kV4HeaderBytes = 20;
constexpr std::size_t kV6HeaderBytes = 40;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr std::size_t kV4PacketBytesMax = 65535;   // RFC 791 §3.1: headers counted
constexpr std::size_t kV6PayloadBytesMax = 65535;  // RFC 8200 §3: the IP header not counted
constexpr std::uint16_t kFragmentBits = 0x3FFF;    // RFC 791 §3.1: "more fragments", and the offset

/// The one's complement sum of RFC 1071, of parts that have an even number of bytes but for the last.
class Checksum {
 public:
  Checksum& add(Bytes bytes) noexcept {
    std::size_t i = 0;
    for (; i + 1 < bytes.size(); i += 2) {
      sum_ += std::to_integer<std::uint32_t>(bytes[i]) << 8U | std::to_integer<std::uint32_t>(bytes[i + 1]);
    }
    if (i < bytes.size()) sum_ += std::to_integer<std::uint32_t>(bytes[i]) << 8U;
    return *this;
  }
  Checksum& add(std::uint64_t number) noexcept {
    sum_ += number;
    return *this;
  }
  [[nodiscard]] std::uint16_t result() const noexcept {
    std::uint64_t sum = sum_;
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
  }

 private:
  std::uint64_t sum_ = 0;  // 65535 bytes do not come near its end
};

Bytes bytes_of(const Address& address) noexcept {
  return std::as_bytes(std::span{address.bytes()}.first(address.size()));
}

void put(MutableBytes where, std::uint16_t number) noexcept {
  where[0] = static_cast<std::byte>(number >> 8U);
  where[1] = static_cast<std::byte>(number & 0xFFU);
}

/// The time to live stands beside the protocol, in IPv6 in the other order; IPv6 has no checksum.
void write_ip_header(ByteWriter& writer, const Endpoint& from, const Endpoint& to, std::uint8_t hops,
                     std::size_t udp_bytes) noexcept {
  if (from.address.is_v6()) {
    writer.write(std::uint32_t{0x60000000}).write(static_cast<std::uint16_t>(udp_bytes));
    writer.write(kUdp).write(hops);
  } else {
    writer.write(std::uint16_t{0x4500}).write(static_cast<std::uint16_t>(kV4HeaderBytes + udp_bytes));
    writer.write(std::uint32_t{0}).write(hops).write(kUdp).write(std::uint16_t{0});
  }
  writer.write_bytes(bytes_of(from.address)).write_bytes(bytes_of(to.address));
}

Address address_from(Bytes bytes) noexcept {
  std::array<std::uint8_t, 16> copy{};
  std::ranges::transform(bytes, copy.begin(),
                         [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return bytes.size() == 4 ? Address::v4(copy[0], copy[1], copy[2], copy[3]) : Address::v6(copy);
}

struct IpView {
  Address from;
  Address to;
  Bytes payload;
};

std::optional<IpView> decode_v4(Bytes packet) noexcept {
  ByteReader reader{packet};
  const std::size_t header_bytes = (reader.read<std::uint8_t>() & 0xFU) * std::size_t{4};
  (void)reader.read<std::uint8_t>();
  const std::size_t total_bytes = reader.read<std::uint16_t>();
  (void)reader.read<std::uint16_t>();
  const bool fragment = (reader.read<std::uint16_t>() & kFragmentBits) != 0;
  (void)reader.read<std::uint8_t>();
  const std::uint8_t protocol = reader.read<std::uint8_t>();
  (void)reader.read<std::uint16_t>();
  IpView view{
      .from = address_from(reader.read_bytes(4)), .to = address_from(reader.read_bytes(4)), .payload = {}};
  if (!reader.ok() || fragment || protocol != kUdp || header_bytes < kV4HeaderBytes ||
      total_bytes < header_bytes || total_bytes > packet.size()) {
    return std::nullopt;
  }
  view.payload = packet.subspan(header_bytes, total_bytes - header_bytes);
  return view;
}

std::optional<IpView> decode_v6(Bytes packet) noexcept {
  ByteReader reader{packet};
  (void)reader.read<std::uint32_t>();
  const std::size_t payload_bytes = reader.read<std::uint16_t>();
  const std::uint8_t protocol = reader.read<std::uint8_t>();
  (void)reader.read<std::uint8_t>();
  const Bytes from = reader.read_bytes(16);
  const Bytes to = reader.read_bytes(16);
  if (!reader.ok() || protocol != kUdp || payload_bytes > reader.remaining()) return std::nullopt;
  return IpView{
      .from = address_from(from), .to = address_from(to), .payload = reader.read_bytes(payload_bytes)};
}

}  // namespace

std::optional<std::size_t> encode_udp_packet(const Endpoint& from, const Endpoint& to, std::uint8_t hops,
                                             Bytes payload, MutableBytes out) noexcept {
  const bool v6 = from.address.is_v6();
  const std::size_t ip_header_bytes = v6 ? kV6HeaderBytes : kV4HeaderBytes;
  const std::size_t udp_bytes = kUdpHeaderBytes + payload.size();
  const std::size_t bytes = ip_header_bytes + udp_bytes;
  if (v6 != to.address.is_v6() || bytes > out.size() ||
      (v6 ? udp_bytes > kV6PayloadBytesMax : bytes > kV4PacketBytesMax)) {
    return std::nullopt;
  }
  ByteWriter writer{out};
  write_ip_header(writer, from, to, hops, udp_bytes);
  writer.write(from.port).write(to.port).write(static_cast<std::uint16_t>(udp_bytes)).write(std::uint16_t{0});
  writer.write_bytes(payload);
  if (!v6) put(out.subspan(10), Checksum{}.add(out.first(ip_header_bytes)).result());
  // The pseudo header of RFC 768, which in the end is the same sum as RFC 8200 §8.1's.
  const std::uint16_t sum = Checksum{}
                                .add(bytes_of(from.address))
                                .add(bytes_of(to.address))
                                .add(kUdp)
                                .add(udp_bytes)
                                .add(out.subspan(ip_header_bytes, udp_bytes))
                                .result();
  put(out.subspan(ip_header_bytes + 6), sum == 0 ? std::uint16_t{0xFFFF} : sum);  // 0 is "no checksum"
  return bytes;
}

std::optional<UdpPacketView> decode_udp_packet(Bytes packet) noexcept {
  if (packet.empty()) return std::nullopt;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4U;
  if (version != 4 && version != 6) return std::nullopt;
  const auto ip = version == 4 ? decode_v4(packet) : decode_v6(packet);
  if (!ip) return std::nullopt;
  ByteReader reader{ip->payload};
  const std::uint16_t from_port = reader.read<std::uint16_t>();
  const std::uint16_t to_port = reader.read<std::uint16_t>();
  const std::size_t udp_bytes = reader.read<std::uint16_t>();
  (void)reader.read<std::uint16_t>();
  if (!reader.ok() || udp_bytes < kUdpHeaderBytes || udp_bytes > ip->payload.size()) return std::nullopt;
  return UdpPacketView{.from = {ip->from, from_port},
                       .to = {ip->to, to_port},
                       .payload = ip->payload.subspan(kUdpHeaderBytes, udp_bytes - kUdpHeaderBytes)};
}

}  // namespace holler
