#include "cli/escape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/core.h>

namespace holler::cli {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  ///< 0: not well-formed
};

constexpr std::uint8_t byte_at(std::string_view text, std::size_t index) noexcept {
  return static_cast<std::uint8_t>(text[index]);
}

/// The first character of `text`, which is not empty.
Character first_character(std::string_view text) noexcept {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte_at(text, i) & 0xC0U) != 0x80) return {};
    code = code << 6U | (byte_at(text, i) & 0x3FU);
  }
  const std::uint32_t lowest = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < lowest || code > 0x10FFFF || surrogate) return {};
  return {code, bytes};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// What a reader would not see, or what would change how the rest of the line is seen.
constexpr std::array<Range, 14> kUnseen{{
    {0x7F, 0x9F},         // DEL and the C1 controls: U+009B is a CSI to many terminals
    {0xAD, 0xAD},         // soft hyphen
    {0x61C, 0x61C},       // Arabic letter mark
    {0x180E, 0x180E},     // Mongolian vowel separator
    {0x200B, 0x200F},     // zero width, direction marks
    {0x2028, 0x202E},     // line and paragraph separators, direction embeddings and overrides
    {0x2060, 0x206F},     // invisible operators, direction isolates
    {0xE000, 0xF8FF},     // private use
    {0xFDD0, 0xFDEF},     // noncharacters
    {0xFE00, 0xFE0F},     // variation selectors
    {0xFEFF, 0xFEFF},     // byte order mark
    {0xFFF9, 0xFFFF},     // annotations, specials
    {0x1D173, 0x1D17A},   // musical format controls
    {0xE0000, 0x10FFFF},  // tags, private use
}};

bool is_unseen(std::uint32_t code) noexcept {
  return std::ranges::any_of(
      kUnseen, [code](const Range& range) { return code >= range.first && code <= range.last; });
}

/// What stands for an ASCII character in a quoted text.
std::string escaped_ascii(char character) {
  switch (character) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto code = static_cast<std::uint8_t>(character);
  return code < 0x20 || code == 0x7F ? fmt::format("\\x{:02X}", code) : std::string(1, character);
}

/// What stands for the first character of `text`, which takes `bytes` of it.
std::string escaped(std::string_view text, const Character& character) {
  if (character.bytes == 0) return fmt::format("\\x{:02X}", byte_at(text, 0));
  if (character.bytes == 1) return escaped_ascii(text.front());
  if (is_unseen(character.code)) return fmt::format("\\u{{{:X}}}", character.code);
  return std::string{text.substr(0, character.bytes)};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.bytes == 0) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

std::string quoted(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  std::size_t shown = 0;
  while (shown < text.size()) {
    const std::string_view rest = text.substr(shown);
    const Character character = first_character(rest);
    const std::size_t bytes = character.bytes == 0 ? 1 : character.bytes;
    if (shown + bytes > bytes_max) break;
    out += escaped(rest, character);
    shown += bytes;
  }
  out += '"';
  if (shown < text.size()) out += fmt::format("… ({} bytes more)", text.size() - shown);
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_character(text);
    const char first = text.front();
    if (first == '\n' || first == '\t' || first == '"' || first == '\\') {
      out += first;
    } else {
      out += escaped(text, character);
    }
    text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
  }
  return out;
}

}  // namespace holler::cli
