#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

/// `{}` in a text replaced by values, checked when compiled. The standard's <format> is missing from the
/// oldest compiler that holler supports (g++ 12), and a third-party type has no place in its public API.
namespace holler {

/// One value, its type erased; text is borrowed for as long as the call lasts.
class FormatArgument {
 public:
  FormatArgument(std::string_view text) : kind_{Kind::text}, text_{text} {}            // NOLINT(*-explicit-*)
  FormatArgument(const std::string& text) : FormatArgument{std::string_view{text}} {}  // NOLINT(*-explicit-*)
  FormatArgument(const char* text) : FormatArgument{std::string_view{text}} {}         // NOLINT(*-explicit-*)
  FormatArgument(bool value) : FormatArgument{value ? "true" : "false"} {}             // NOLINT(*-explicit-*)
  FormatArgument(double value) : kind_{Kind::real}, real_{value} {}                    // NOLINT(*-explicit-*)
  template <std::signed_integral Number>
  FormatArgument(Number value)  // NOLINT(*-explicit-*)
      : kind_{Kind::negative}, integer_{static_cast<std::uint64_t>(value)} {
    if (value >= 0) kind_ = Kind::positive;
  }
  template <std::unsigned_integral Number>
  FormatArgument(Number value) : kind_{Kind::positive}, integer_{value} {}  // NOLINT(*-explicit-*)

  void append_to(std::string& out) const;

 private:
  enum class Kind : std::uint8_t { text, positive, negative, real };
  Kind kind_;
  std::string_view text_{};
  std::uint64_t integer_ = 0;
  double real_ = 0;
};

/// A format that has exactly as many `{}` as there are arguments; otherwise it does not compile.
/// `{{` and `}}` stand for braces.
template <class... Arguments>
class FormatString {
 public:
  template <std::convertible_to<std::string_view> Text>
  consteval FormatString(const Text& text) : text_{text} {  // NOLINT(*-explicit-*)
    if (count_placeholders(text_) != sizeof...(Arguments)) mismatch();
  }
  [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

 private:
  static void mismatch() {}  // not constexpr: calling it is the compile-time error

  static consteval std::size_t count_placeholders(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      if ((text[i] == '{' && text[i + 1] == '{') || (text[i] == '}' && text[i + 1] == '}'))
        ++i;
      else if (text[i] == '{' && text[i + 1] == '}')
        ++count;
    }
    return count;
  }

  std::string_view text_;
};

void format_to(std::string& out, std::string_view format, const FormatArgument* arguments, std::size_t count);

template <class... Arguments>
[[nodiscard]] std::string format(FormatString<std::type_identity_t<Arguments>...> format,
                                 const Arguments&... arguments) {
  std::string out;
  const std::array<FormatArgument, sizeof...(Arguments) + 1> list{FormatArgument{arguments}...,
                                                                  FormatArgument{0}};
  format_to(out, format.text(), list.data(), sizeof...(Arguments));
  return out;
}

}  // namespace holler
