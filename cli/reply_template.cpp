#include "cli/reply_template.hpp"

#include <utility>

namespace holler::cli {

Parsed<ReplyTemplate> ReplyTemplate::parse(std::string_view text) {
  ReplyTemplate result;
  Piece piece;
  while (!text.empty()) {
    if (text.starts_with("{{") || text.starts_with("}}")) {
      piece.literal += text.front();
      text.remove_prefix(2);
      continue;
    }
    if (text.front() != '{' && text.front() != '}') {
      piece.literal += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    const std::string_view name = end == std::string_view::npos ? text : text.substr(0, end + 1);
    if (name == "{bytes}") {
      piece.field = Field::bytes;
    } else if (name == "{text}") {
      piece.field = Field::text;
    } else if (name == "{from}") {
      piece.field = Field::from;
    } else {
      return std::unexpected{
          "'" + std::string{name} +
          "' stands for nothing; there are {bytes}, {text} and {from}, and {{ and }} for braces"};
    }
    result.pieces_.push_back(std::exchange(piece, {}));
    text.remove_prefix(name.size());
  }
  result.pieces_.push_back(std::move(piece));
  return result;
}

std::string ReplyTemplate::fill(std::string_view payload, std::string_view from) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    switch (piece.field) {
      case Field::bytes: out += std::to_string(payload.size()); break;
      case Field::text: out += payload; break;
      case Field::from: out += from; break;
      case Field::none: break;
    }
  }
  return out;
}

}  // namespace holler::cli
