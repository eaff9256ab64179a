#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holler::cli {

/// The group of options that help leaves out. (CLI11 leaves out those of no group, but then complaints about
/// them do not say their name.)
inline constexpr const char* kUnlisted = "unlisted";

/// CLI11's help, but wrapped to 100 columns, and without notes on which option excludes which: whoever
/// combines the wrong ones is told.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_subcommand(const CLI::App* command) const override;

 private:
  static std::string entry(const std::string& name, std::string_view description);
};

}  // namespace holler::cli
