#include "cli/text.hpp"

#include <chrono>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/core.h>

namespace holler::cli {
namespace {

/// At most three digits after the point and three that count: 0.312, 4.5, 12.3, 250.
std::string three_digits(double value) {
  const int decimals = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

struct WallTime {
  std::time_t seconds;
  int milliseconds;
};

WallTime wall_time() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return {std::chrono::system_clock::to_time_t(seconds), static_cast<int>((now - seconds).count())};
}

}  // namespace

std::string shown(Duration duration) {
  const double milliseconds = std::chrono::duration<double, std::milli>(duration).count();
  if (milliseconds < 999.5) return three_digits(milliseconds) + " ms";
  const double seconds = milliseconds / 1000;
  if (seconds < 119.5) return three_digits(seconds) + " s";
  const auto whole = std::chrono::round<std::chrono::seconds>(duration).count();
  if (whole % 60 == 0) return fmt::format("{} min", whole / 60);
  return fmt::format("{} min {} s", whole / 60, whole % 60);
}

std::string shown_finely(Duration duration) {
  const double microseconds = std::chrono::duration<double, std::micro>(duration).count();
  return microseconds < 999.5 ? three_digits(microseconds) + " us" : shown(duration);
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string shown(const DropCounts& counts) {
  std::string text;
  counts.for_each([&text](DropReason reason, std::uint64_t count) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(reason), count);
  });
  return text;
}

std::string time_of_day() {
  const WallTime now = wall_time();
  std::tm broken_down{};
  (void)::localtime_r(&now.seconds, &broken_down);
  return fmt::format("{:%H:%M:%S}.{:03}", broken_down, now.milliseconds);
}

std::string utc_time() {
  const WallTime now = wall_time();
  std::tm broken_down{};
  (void)::gmtime_r(&now.seconds, &broken_down);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", broken_down, now.milliseconds);
}

Palette palette(bool wants_colour) noexcept {
  if (!wants_colour) return {};
  return {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"};
}

}  // namespace holler::cli
