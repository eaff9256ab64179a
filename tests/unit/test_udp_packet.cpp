#include <array>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "holler/names.hpp"
#include "holler/random.hpp"

#include "wire/udp_packet.hpp"

namespace holler {
namespace {

Endpoint at(std::string_view address, std::uint16_t port) { return {parse_address(address).value(), port}; }

ByteVector packet(const Endpoint& from, const Endpoint& to, Bytes payload, std::size_t room = 70'000) {
  ByteVector out(room);
  const auto bytes = encode_udp_packet(from, to, 7, payload, out);
  out.resize(bytes.value_or(0));
  return out;
}

std::string hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xFU];
  }
  return text;
}

/// RFC 1071 §1: over data and checksum the sum is all ones.
bool sums_up(std::vector<Bytes> parts, std::uint32_t more = 0) {
  std::uint64_t sum = more;
  for (const Bytes part : parts) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      sum += std::to_integer<std::uint64_t>(part[i]) << (i % 2 == 0 ? 8U : 0U);
    }
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16U);
  return sum == 0xFFFF;
}

// The checksums of these two were computed by hand: 0x4500 + 0x0020 + 0x0711 + 0x7f00 + 1 + 0x7f00 + 1 =
// 0x14a33, folded 0x4a34; and 0x7f00 + 1 + 0x7f00 + 1 + 0x11 + 0xc + 0x424 + 0xb1aa + 0xc + 0x4641 + 0x4b45
// = 0x2457f, folded 0x4581.
TEST(UdpPacket, IsWrittenByteByByteAsTheStandardsHaveIt) {
  EXPECT_EQ(hex(packet(at("127.0.0.1", 1060), at("127.0.0.1", 45482), bytes_of("FAKE"))),
            "450000200000000007"
            "11b5cb7f0000017f000001"
            "0424b1aa000c"
            "ba7e"
            "46414b45");
  const ByteVector v6 = packet(at("::1", 1060), at("::1", 45482), bytes_of("FAKE"));
  EXPECT_EQ(hex(Bytes{v6}.first(8)), "60000000000c1107");
  EXPECT_EQ(v6.size(), 52U);
}

TEST(UdpPacket, HasChecksumsThatSumUp) {
  SeededRandom random{7};
  for (std::size_t bytes = 0; bytes < 300; ++bytes) {
    ByteVector payload(bytes);
    for (std::byte& byte : payload) byte = static_cast<std::byte>(random.next());
    const auto port = static_cast<std::uint16_t>(random.next() | 1U);
    const auto udp_bytes = static_cast<std::uint32_t>(bytes + 8);
    const ByteVector v4 = packet(at("192.0.2.1", port), at("198.51.100.255", 53), payload);
    const Bytes four{v4};
    EXPECT_TRUE(sums_up({four.first(20)})) << bytes;
    EXPECT_TRUE(sums_up({four.subspan(12, 8), four.subspan(20)}, 17 + udp_bytes)) << bytes;
    const ByteVector v6 = packet(at("2001:db8::1", port), at("fe80::ffff", 53), payload);
    const Bytes six{v6};
    EXPECT_TRUE(sums_up({six.subspan(8, 32), six.subspan(40)}, 17 + udp_bytes)) << bytes;
  }
}

TEST(UdpPacket, NeverSaysThatItHasNoChecksum) {
  // RFC 768: a sum of zero is sent as all ones. Among 65536 payloads of two bytes one sums up to zero.
  bool met = false;
  for (std::uint32_t value = 0; value <= 0xFFFF; ++value) {
    const std::array payload{static_cast<std::byte>(value >> 8U), static_cast<std::byte>(value)};
    std::array<std::byte, 30> out{};
    ASSERT_TRUE(encode_udp_packet(at("192.0.2.1", 1), at("192.0.2.2", 2), 1, payload, out));
    const auto sum = ByteReader{Bytes{out}.subspan(26)}.read<std::uint16_t>();
    ASSERT_NE(sum, 0U);
    met = met || sum == 0xFFFF;
  }
  EXPECT_TRUE(met);
}

TEST(UdpPacket, DecodesToWhatWasEncoded) {
  for (const auto& [from, to] : {std::pair{at("127.0.0.1", 1060), at("10.1.2.3", 65535)},
                                 std::pair{at("::1", 1), at("2001:db8::66", 1060)}}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1200}, std::size_t{65507}}) {
      const ByteVector payload(bytes, std::byte{0x5A});
      const ByteVector whole = packet(from, to, payload);
      const auto view = decode_udp_packet(whole);
      ASSERT_TRUE(view) << bytes;
      EXPECT_EQ(view->from, from);
      EXPECT_EQ(view->to, to);
      EXPECT_TRUE(same_bytes(view->payload, payload)) << bytes;
    }
  }
}

TEST(UdpPacket, RefusesWhatDoesNotFit) {
  const ByteVector large(65508);
  std::array<std::byte, 30> small{};
  EXPECT_TRUE(packet(at("127.0.0.1", 1), at("127.0.0.1", 2), large).empty());
  EXPECT_TRUE(packet(at("::1", 1), at("::1", 2), ByteVector(65528)).empty());
  EXPECT_FALSE(encode_udp_packet(at("127.0.0.1", 1), at("127.0.0.1", 2), 1, bytes_of("abc"), small));
  EXPECT_FALSE(encode_udp_packet(at("127.0.0.1", 1), at("::1", 2), 1, bytes_of("a"), small));
}

TEST(UdpPacket, IsNotFoundInWhatIsNone) {
  const ByteVector v4 = packet(at("127.0.0.1", 1), at("127.0.0.1", 2), bytes_of("hello"));
  const ByteVector v6 = packet(at("::1", 1), at("::1", 2), bytes_of("hello"));
  for (const ByteVector& good : {v4, v6}) {
    for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
      EXPECT_FALSE(decode_udp_packet(Bytes{good}.first(bytes))) << bytes;
    }
  }
  const auto with = [](ByteVector bytes, std::size_t where, unsigned value) {
    bytes[where] = static_cast<std::byte>(value);
    return bytes;
  };
  EXPECT_FALSE(decode_udp_packet(with(v4, 0, 0x55))) << "version 5";
  EXPECT_FALSE(decode_udp_packet(with(v4, 0, 0x44))) << "a header of 16 bytes";
  EXPECT_FALSE(decode_udp_packet(with(v4, 9, 6))) << "TCP";
  EXPECT_FALSE(decode_udp_packet(with(v4, 6, 0x20))) << "more fragments";
  EXPECT_FALSE(decode_udp_packet(with(v4, 7, 1))) << "a later fragment";
  EXPECT_FALSE(decode_udp_packet(with(v4, 25, 7))) << "a UDP length below its header's";
  EXPECT_FALSE(decode_udp_packet(with(v4, 25, 200))) << "a UDP length beyond the packet";
  EXPECT_FALSE(decode_udp_packet(with(v6, 6, 44))) << "a fragment header";
  EXPECT_TRUE(decode_udp_packet(with(v4, 6, 0x40))) << "don't fragment";
}

TEST(UdpPacket, IsFoundBehindIpOptions) {
  ByteVector whole = packet(at("127.0.0.1", 1), at("127.0.0.1", 2), bytes_of("hello"));
  whole.insert(whole.begin() + 20, 4, std::byte{1});  // RFC 791 §3.1: no operation
  whole[0] = std::byte{0x46};
  whole[3] = static_cast<std::byte>(whole.size());
  const auto view = decode_udp_packet(whole);
  ASSERT_TRUE(view);
  EXPECT_EQ(text_of(view->payload), "hello");
}

TEST(UdpPacket, ReadsRandomBytesWithoutHarm) {
  SeededRandom random{11};
  std::size_t found = 0;
  for (int i = 0; i < 200'000; ++i) {
    ByteVector bytes(random.below(80));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
    if (bytes.size() > 9)
      bytes[0] = std::byte{0x45}, bytes[9] = std::byte{17}, bytes[2] = bytes[6] = bytes[7] = {};
    const auto view = decode_udp_packet(bytes);
    if (!view) continue;
    ++found;
    ASSERT_LE(view->payload.size(), bytes.size());
  }
  EXPECT_GT(found, 0U);
}

}  // namespace
}  // namespace holler
