#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "holler/endpoint.hpp"
#include "holler/format.hpp"

/// Lines that look as Python prints them, for the chapter's four programs.
namespace chapter {

/// `repr()` of a str. Bytes over 0x7F, on which the listings' `decode('ascii')` dies, are shown as \xNN:
/// what a stranger sends reaches neither the program's life nor the terminal's settings.
[[nodiscard]] inline std::string python_repr(std::string_view text) {
  const bool only_single =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = only_single ? '"' : '\'';
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out{quote};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\' || c == quote)
      (out += '\\') += c;
    else if (byte >= 0x20 && byte < 0x7F)
      out += c;
    else
      ((out += "\\x") += kHex[byte >> 4U]) += kHex[byte & 15U];
  }
  return out += quote;
}

/// A socket's name: `('127.0.0.1', 1060)`.
[[nodiscard]] inline std::string python_tuple(const holler::Endpoint& endpoint) {
  return holler::format("('{}', {})", endpoint.address.to_string(), endpoint.port);
}

/// `repr()` of a float: the shortest digits that mean the same number, and always a point.
[[nodiscard]] inline std::string python_float(double value) {
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  const std::string out{buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data())};
  return out.find_first_not_of("-0123456789") == std::string::npos ? out + ".0" : out;
}

/// `print()`, and the line is out at once, also into a pipe.
template <class... Values>
void say(holler::FormatString<std::type_identity_t<Values>...> format, const Values&... values) {
  std::puts(holler::format(format, values...).c_str());
  std::fflush(stdout);
}

}  // namespace chapter
