#include "holler/dns.hpp"
#include "holler/format.hpp"

namespace holler::dns {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

/// RFC 1035 §5.1: a string in quotes, with escapes for the quote, the backslash and what is not printable.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte >= 0x7f) {
      out += '\\';
      out += static_cast<char>('0' + byte / 100);
      out += static_cast<char>('0' + byte / 10 % 10);
      out += static_cast<char>('0' + byte % 10);
      continue;
    }
    if (character == '"' || character == '\\') out += '\\';
    out += character;
  }
  out += '"';
}

std::string unknown_text(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = format("\\# {}", bytes.size());  // RFC 3597 §5
  if (!bytes.empty()) out += ' ';
  for (const std::byte byte : bytes) {
    out += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    out += kDigits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
  }
  return out;
}

std::string aaaa_text(const Aaaa& data) {
  const Address address = Address::v6(data.bytes);
  return address.is_v4() ? "::ffff:" + address.to_string() : address.to_string();
}

std::string txt_text(const Txt& data) {
  std::string out;
  for (const std::string& text : data.strings) {
    if (!out.empty()) out += ' ';
    append_quoted(out, text);
  }
  return out;
}

std::string caa_text(const Caa& data) {
  std::string out = format("{} {} ", data.flags, data.tag);
  append_quoted(out, data.value);
  return out;
}

}  // namespace

std::string rdata_text(const Record& record) {
  return std::visit(
      Overloaded{
          [](const Unknown& data) { return unknown_text(data.bytes); },
          [](const A& data) { return data.address.to_string(); },
          [](const Aaaa& data) { return aaaa_text(data); },
          [](const Target& data) { return data.name.to_string(); },
          [](const Soa& data) {
            return format("{} {} {} {} {} {} {}", data.primary.to_string(), data.mailbox.to_string(),
                          data.serial, data.refresh_s, data.retry_s, data.expire_s, data.minimum_s);
          },
          [](const Mx& data) { return format("{} {}", data.preference, data.exchange.to_string()); },
          [](const Txt& data) { return txt_text(data); },
          [](const Srv& data) {
            return format("{} {} {} {}", data.priority, data.weight, data.port, data.target.to_string());
          },
          [](const Caa& data) { return caa_text(data); },
      },
      record.data);
}

}  // namespace holler::dns
