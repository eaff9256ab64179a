#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "cli/values.hpp"

/// Options whose values have a form of their own.
namespace holler::cli {

/// An option's value that is empty has mostly been meant to be something: a script's variable without a
/// value.
inline CLI::Option* not_empty(CLI::Option* option) {
  return option->check([](const std::string& text) { return std::string{text.empty() ? "it is empty" : ""}; },
                       "");
}

/// An option that `parse` reads into `target`; what it cannot read is a usage error that says why.
/// @param type  what help shows for the value, such as "DURATION"
template <class Target, class T>
CLI::Option* add_value(CLI::App& app, const std::string& names, Target& target,
                       Parsed<T> (*parse)(std::string_view), const std::string& help,
                       const std::string& type) {
  const auto read = [&target, parse, names](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError{names.substr(names.rfind(',') + 1), value.error()};
    target = std::move(*value);
  };
  return app.add_option_function<std::string>(names, read, help)->type_name(type);
}

}  // namespace holler::cli
