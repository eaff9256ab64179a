#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace holler::cli {

/// CLI11's help, but wrapped to 100 columns, and without notes on which option excludes which: whoever
/// combines the wrong ones is told.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;

 private:
  static std::string entry(const std::string& name, std::string_view description);
};

}  // namespace holler::cli
