#include "holler/format.hpp"

#include <charconv>

namespace holler {

void FormatArgument::append_to(std::string& out) const {
  std::array<char, 32> digits{};
  std::to_chars_result written{};
  switch (kind_) {
    case Kind::text: out += text_; return;
    case Kind::positive: written = std::to_chars(digits.begin(), digits.end(), integer_); break;
    case Kind::negative:
      written = std::to_chars(digits.begin(), digits.end(), static_cast<std::int64_t>(integer_));
      break;
    case Kind::real: written = std::to_chars(digits.begin(), digits.end(), real_); break;
  }
  out.append(digits.data(), written.ptr);
}

void format_to(std::string& out, std::string_view format, const FormatArgument* arguments,
               std::size_t count) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const std::string_view pair = format.substr(i, 2);
    if (pair == "{{" || pair == "}}") {
      out += pair.front();
      ++i;
    } else if (pair == "{}" && used < count) {
      arguments[used++].append_to(out);
      ++i;
    } else {
      out += format[i];
    }
  }
}

}  // namespace holler
