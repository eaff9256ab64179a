#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "holler/dns.hpp"

namespace holler::dns::testing {

/// Bytes from hexadecimal digits; blanks are for the reader. Text in quotes stands for itself.
inline ByteVector wire(std::string_view text) {
  ByteVector out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      quoted = !quoted;
    } else if (quoted) {
      out.push_back(static_cast<std::byte>(text[i]));
    } else if (text[i] != ' ') {
      unsigned value = 0;
      std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
      out.push_back(static_cast<std::byte>(value));
      ++i;
    }
  }
  return out;
}

inline Name name(std::string_view text) { return Name::parse(text).value(); }

/// A reply with the question "example. IN <type>", whose name is at offset 12, and one answer for it.
/// @param data  as `wire` reads it; it begins at offset 37
inline ByteVector reply_with(Type type, std::string_view data, Class record_class = Class::in) {
  const ByteVector data_bytes = wire(data);
  ByteVector out = wire("1234 8580 0001 0001 0000 0000 07'example'00");
  const auto append = [&out](auto value) {
    std::array<std::byte, sizeof(value)> bytes{};
    ByteWriter{bytes}.write(value);
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  append(static_cast<std::uint16_t>(type));
  append(static_cast<std::uint16_t>(record_class));
  append(std::uint16_t{0xc00c});
  append(static_cast<std::uint16_t>(type));
  append(static_cast<std::uint16_t>(record_class));
  append(std::uint32_t{300});
  append(static_cast<std::uint16_t>(data_bytes.size()));
  out.insert(out.end(), data_bytes.begin(), data_bytes.end());
  return out;
}

/// The text of the data of reply_with's answer, or "malformed".
inline std::string answer_text(Type type, std::string_view data, Class record_class = Class::in) {
  const auto message = decode_message(reply_with(type, data, record_class));
  return message ? rdata_text(message->answers.at(0)) : "malformed";
}

}  // namespace holler::dns::testing
