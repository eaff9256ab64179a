#include "holler/endpoint.hpp"

#include <algorithm>
#include <charconv>

namespace holler {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0,    0,
                                                     0, 0, 0, 0, 0xff, 0xff};  // RFC 4291 §2.5.5.2

void append_number(std::string& out, std::uint32_t value, int base = 10) {
  std::array<char, 12> digits{};
  const auto written = std::to_chars(digits.begin(), digits.end(), value, base);
  out.append(digits.data(), written.ptr);
}

struct Run {
  std::size_t start = 8;
  std::size_t length = 0;
};

/// RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals.
Run longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  Run best;
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t end = i;
    while (end < groups.size() && groups[end] == 0) ++end;
    if (end - i >= 2 && end - i > best.length) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

std::string format_v6(const std::array<std::uint8_t, 16>& bytes) {
  std::array<std::uint16_t, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  }
  const Run zeros = longest_zero_run(groups);
  std::string out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i == zeros.start) {
      out += "::";
      i += zeros.length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_number(out, groups[i], 16);
  }
  return out;
}

}  // namespace

Address Address::v6(const std::array<std::uint8_t, 16>& bytes, std::uint32_t scope) noexcept {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    return v4(bytes[12], bytes[13], bytes[14], bytes[15]);
  }
  Address result;
  result.bytes_ = bytes;
  result.is_v6_ = true;
  const bool link_local_multicast = bytes[0] == 0xff && ((bytes[1] & 0x0f) == 1 || (bytes[1] & 0x0f) == 2);
  if (result.is_link_local() || link_local_multicast) result.scope_ = scope;
  return result;
}

Address Address::loopback_v6() noexcept { return v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}); }

bool Address::is_link_local() const noexcept {
  return is_v6_ && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}
bool Address::is_limited_broadcast() const noexcept { return !is_v6_ && *this == v4(255, 255, 255, 255); }

std::string Address::to_string() const {
  std::string out;
  if (is_v6_) {
    out = format_v6(bytes_);
    if (scope_ != 0) {
      out += '%';
      append_number(out, scope_);
    }
    return out;
  }
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) out += '.';
    append_number(out, bytes_[i]);
  }
  return out;
}

std::string Endpoint::to_string() const {
  std::string out = address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
  out += ':';
  append_number(out, port);
  return out;
}

bool Subnet::contains(const Address& other) const noexcept {
  if (address.is_v6() != other.is_v6()) return false;
  const std::size_t whole = prefix_bits / 8U;
  if (!std::equal(address.bytes().begin(), address.bytes().begin() + static_cast<std::ptrdiff_t>(whole),
                  other.bytes().begin())) {
    return false;
  }
  const unsigned rest = prefix_bits % 8U;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
  return (address.bytes()[whole] & mask) == (other.bytes()[whole] & mask);
}

std::string Subnet::to_string() const {
  std::string out = address.to_string() + '/';
  append_number(out, prefix_bits);
  return out;
}

}  // namespace holler
