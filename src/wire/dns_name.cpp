#include "wire/dns_name.hpp"

#include <algorithm>

namespace holler::dns {
namespace {

constexpr unsigned kLabelType = 0xc0;  // the two bits above a label's length (RFC 1035 §4.1.4)
constexpr unsigned kPointer = 0xc0;    // 01 and 10 are reserved, and came to nothing (RFC 6891 §5)

constexpr char folded(char byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

constexpr bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }

/// A name under construction, in wire form.
class Builder {
 public:
  std::optional<NameProblem> add_byte(char byte) {
    if (label_.size() == kLabelBytesMax) return NameProblem::label_too_long;
    label_ += byte;
    return std::nullopt;
  }

  std::optional<NameProblem> end_label() {
    if (label_.empty()) return NameProblem::empty_label;
    if (wire_.size() + 1 + label_.size() + 1 > kNameBytesMax) return NameProblem::name_too_long;
    wire_ += static_cast<char>(label_.size());
    wire_ += label_;
    label_.clear();
    return std::nullopt;
  }

  [[nodiscard]] bool in_label() const noexcept { return !label_.empty(); }
  [[nodiscard]] std::string finish() {
    wire_ += '\0';
    return std::move(wire_);
  }

 private:
  std::string label_;
  std::string wire_;
};

/// The byte that an escape stands for; `rest` begins behind the backslash and is moved past the escape.
std::optional<char> read_escape(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  if (!is_digit(rest[0])) {
    const char byte = rest[0];
    rest.remove_prefix(1);
    return byte;
  }
  if (rest.size() < 3 || !is_digit(rest[1]) || !is_digit(rest[2])) return std::nullopt;
  const int value = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  if (value > 255) return std::nullopt;
  rest.remove_prefix(3);
  return static_cast<char>(value);
}

}  // namespace

std::string_view describe(NameProblem problem) noexcept {
  switch (problem) {
    case NameProblem::empty: return "there is nothing in it (the root is written \".\")";
    case NameProblem::empty_label: return "there is nothing between two of its dots";
    case NameProblem::label_too_long: return "there are more than 63 bytes between two of its dots";
    case NameProblem::name_too_long: return "it is longer than 255 bytes";
    case NameProblem::bad_escape: return "a backslash needs a character or three digits up to 255 behind it";
    case NameProblem::not_ascii: return "it is not ASCII (use its \"xn--\" form)";
  }
  return "";
}

std::expected<Name, NameProblem> Name::parse(std::string_view text) {
  if (text.empty()) return std::unexpected{NameProblem::empty};
  if (text == ".") return Name{};
  Builder builder;
  while (!text.empty()) {
    char byte = text.front();
    text.remove_prefix(1);
    std::optional<NameProblem> problem;
    if (byte == '.') {
      problem = builder.end_label();
    } else if (static_cast<unsigned char>(byte) >= 0x80) {
      problem = NameProblem::not_ascii;
    } else if (byte == '\\') {
      const std::optional<char> escaped = read_escape(text);
      problem = escaped ? builder.add_byte(*escaped) : NameProblem::bad_escape;
    } else {
      problem = builder.add_byte(byte);
    }
    if (problem) return std::unexpected{*problem};
  }
  if (builder.in_label()) {
    if (const auto problem = builder.end_label()) return std::unexpected{*problem};
  }
  return Name{builder.finish()};
}

std::optional<Name> Name::from_wire(Bytes wire) {
  if (wire.size() > kNameBytesMax) return std::nullopt;
  for (std::size_t offset = 0; offset < wire.size();) {
    const auto length = std::to_integer<std::size_t>(wire[offset]);
    if (length > kLabelBytesMax) return std::nullopt;
    offset += 1 + length;
    if (length == 0) {
      if (offset != wire.size()) return std::nullopt;
      return Name{std::string{text_of(wire)}};
    }
  }
  return std::nullopt;
}

Name Name::reverse_of(const Address& address) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string wire;
  for (std::size_t i = address.size(); i-- > 0;) {
    const unsigned byte = address.bytes()[i];
    if (address.is_v4()) {
      const std::string label = std::to_string(byte);
      wire += static_cast<char>(label.size());
      wire += label;
    } else {
      for (const unsigned nibble : {byte & 0xfU, byte >> 4U}) {
        wire += '\x01';
        wire += kDigits[nibble];
      }
    }
  }
  wire += address.is_v4() ? std::string_view{"\x07in-addr\x04" "arpa\0", 14}
                          : std::string_view{"\x03ip6\x04" "arpa\0", 10};
  return Name{std::move(wire)};
}

std::string Name::to_string() const {
  if (is_root()) return ".";
  std::string out;
  for (std::size_t i = 0; wire_[i] != '\0';) {
    const auto length = static_cast<unsigned char>(wire_[i]);
    for (const char character : std::string_view{wire_}.substr(i + 1, length)) {
      const auto byte = static_cast<unsigned char>(character);
      if (byte <= 0x20 || byte >= 0x7f) {
        out += '\\';
        out += static_cast<char>('0' + byte / 100);
        out += static_cast<char>('0' + byte / 10 % 10);
        out += static_cast<char>('0' + byte % 10);
        continue;
      }
      // RFC 4343 §2.1 asks for the first two; the others begin something else in a zone file.
      if (std::string_view{".\\\"();@$"}.find(character) != std::string_view::npos) out += '\\';
      out += character;
    }
    out += '.';
    i += 1U + length;
  }
  return out;
}

bool operator==(const Name& left, const Name& right) noexcept {
  // Lengths are at most 63, below 'A': folding them too changes nothing.
  return std::ranges::equal(left.wire_, right.wire_, {}, folded, folded);
}

std::optional<Name> read_name(Bytes message, std::size_t& offset) {
  std::array<std::byte, kNameBytesMax> wire{};
  std::size_t size = 0;
  std::size_t at = offset;
  // Every pointer must lead to before the place where reading began or last went on, so that no byte is
  // read twice: each turn of the loop moves this down or makes the name longer.
  std::size_t earliest = offset;
  bool jumped = false;
  unsigned jumps = 0;
  while (at < message.size()) {
    const auto length = std::to_integer<unsigned>(message[at]);
    if ((length & kLabelType) == kPointer) {
      if (message.size() - at < 2) return std::nullopt;
      const std::size_t target = (length & ~kLabelType) << 8U | std::to_integer<unsigned>(message[at + 1]);
      // A pointer that leads to a pointer saves nobody a byte, so no honest name has more of them than
      // labels.
      if (target >= earliest || ++jumps > kNameBytesMax / 2) return std::nullopt;
      if (!jumped) offset = at + 2;
      jumped = true;
      at = earliest = target;
      continue;
    }
    if ((length & kLabelType) != 0) return std::nullopt;
    if (message.size() - at < 1 + length || size + 1 + length > wire.size()) return std::nullopt;
    const Bytes label = message.subspan(at, 1 + length);
    std::ranges::copy(label, wire.begin() + static_cast<std::ptrdiff_t>(size));
    size += label.size();
    at += label.size();
    if (length == 0) {
      if (!jumped) offset = at;
      return Name::from_wire(Bytes{wire}.first(size));
    }
  }
  return std::nullopt;
}

}  // namespace holler::dns
