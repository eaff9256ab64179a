#pragma once

#include <mutex>
#include <string_view>

/// What the command says, and to whom: answers on standard output, the story and complaints on standard
/// error.
namespace holler::cli {

/// One of the two standard streams. Each `write` leaves at once and whole, so that lines of several threads
/// never mix and a reader sees them as they happen. A failure is remembered and ends the output: a half
/// line is bad enough.
class Output {
 public:
  explicit Output(int descriptor) noexcept : descriptor_{descriptor} {}

  void write(std::string_view bytes);
  /// 0, or the errno of the write that failed.
  [[nodiscard]] int failure() const;
  [[nodiscard]] bool is_terminal() const noexcept;
  /// Colours are for terminals, and not for those who set NO_COLOR (no-color.org) or TERM=dumb.
  [[nodiscard]] bool wants_colour() const noexcept;

 private:
  int descriptor_;
  mutable std::mutex mutex_;
  int failure_ = 0;
};

[[nodiscard]] Output& standard_output() noexcept;
[[nodiscard]] Output& standard_error() noexcept;

/// One line on standard error, behind the command's name. What it quotes may come from anywhere, and a
/// terminal must not obey it.
void complain(std::string_view message);

/// Makes sure that descriptors 0 to 2 are taken: otherwise a socket could become standard error, and
/// complaints would go out as datagrams. What was closed cannot be written to.
void occupy_standard_descriptors() noexcept;

}  // namespace holler::cli
