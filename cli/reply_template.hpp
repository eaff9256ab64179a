#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/values.hpp"

namespace holler::cli {

/// What `serve --reply` takes: text with `{bytes}` (the size of the request), `{text}` (its payload) and
/// `{from}` (who asks); `{{` and `}}` stand for braces.
class ReplyTemplate {
 public:
  [[nodiscard]] static Parsed<ReplyTemplate> parse(std::string_view text);

  [[nodiscard]] std::string fill(std::string_view payload, std::string_view from) const;

 private:
  enum class Field : unsigned char { none, bytes, text, from };
  /// Literal text, and the field behind it.
  struct Piece {
    std::string literal;
    Field field = Field::none;
  };

  std::vector<Piece> pieces_;
};

}  // namespace holler::cli
