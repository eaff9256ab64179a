#include "cli/help.hpp"

#include <utility>

namespace holler::cli {
namespace {

constexpr std::size_t kDescriptionColumn = 26;
constexpr std::size_t kLineColumns = 100;

}  // namespace

HelpFormatter::HelpFormatter() { label("SUBCOMMAND", "COMMAND"); }

std::string HelpFormatter::entry(const std::string& name, std::string_view description) {
  const std::string margin = "\n" + std::string(kDescriptionColumn, ' ');
  std::string out = "  " + name;
  std::size_t column = out.size();
  if (column + 2 > kDescriptionColumn) {
    out += margin;
  } else {
    out.append(kDescriptionColumn - column, ' ');
  }
  column = kDescriptionColumn;
  while (!description.empty()) {
    const std::string_view word = description.substr(0, description.find(' '));
    if (column > kDescriptionColumn && column + 1 + word.size() > kLineColumns) {
      out += margin;
      column = kDescriptionColumn;
    } else if (column > kDescriptionColumn) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    description.remove_prefix(std::min(word.size() + 1, description.size()));
  }
  return out + "\n";
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string name = make_option_name(option, is_positional);
  if (const std::size_t comma = name.find(','); comma != std::string::npos) name.insert(comma + 1, " ");
  if (!option->get_type_name().empty()) name += " " + option->get_type_name();
  return entry(name, option->get_description());
}

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  if (group == kUnlisted) return "";
  return CLI::Formatter::make_group(std::move(group), is_positional, std::move(options));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

}  // namespace holler::cli
