#include "cli/values.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "holler/format.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"

namespace holler::cli {
namespace {

/// A decimal number, exactly: `digits` / 10^`decimals`.
struct Decimal {
  std::uint64_t digits = 0;
  std::uint64_t divisor = 1;
};

/// Reads `12`, `12.5` or `.5` off the front of `text`; 15 digits at most, so that sums of them fit 64 bits.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal value;
  std::size_t digits = 0;
  bool fraction = false;
  while (!text.empty()) {
    const char next = text.front();
    if (next == '.' && !fraction) {
      fraction = true;
    } else if (next >= '0' && next <= '9') {
      if (++digits > 15) return std::nullopt;
      value.digits = value.digits * 10 + static_cast<std::uint64_t>(next - '0');
      if (fraction) value.divisor *= 10;
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

constexpr std::array<Unit, 5> kUnits{{
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

constexpr Duration kLongest = std::chrono::hours{24 * 365};

std::unexpected<std::string> no(std::string reason) {
  return std::unexpected<std::string>{std::move(reason)};
}

template <class Number>
Parsed<Number> whole_number(std::string_view text, Number lowest, Number highest) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest || value > highest) {
    return no(format("'{}' is not a whole number from {} to {}", text, lowest, highest));
  }
  return value;
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_decimal(rest);
  if (!number) return no(format("'{}' is not a duration; write 100ms, 1.5s or 2m", text));
  if (rest.empty()) {
    if (number->digits == 0) return Duration::zero();
    return no(format("'{}' needs a unit; write {}ms, {}s or {}m", text, text, text, text));
  }
  for (const Unit& unit : kUnits) {
    if (unit.name != rest) continue;
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(number->digits, unit.nanoseconds, &product) ||
        product / number->divisor > static_cast<std::uint64_t>(kLongest.count())) {
      return no(format("'{}' is too long; a year is the most", text));
    }
    return Duration{static_cast<std::int64_t>(product / number->divisor)};
  }
  return no(format("'{}' has an unknown unit; use us, ms, s, m or h", text));
}

Parsed<Duration> parse_wait(std::string_view text) {
  auto duration = parse_duration(text);
  if (duration && *duration == Duration::zero()) return no(format("'{}' must be above zero", text));
  return duration;
}

Parsed<Ratio> parse_ratio(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_decimal(rest);
  const bool percentage = rest == "%";
  if (!number || (!rest.empty() && !percentage)) {
    return no(format("'{}' is not a share; write 50% or 0.5", text));
  }
  const std::uint64_t whole = number->divisor * (percentage ? 100U : 1U);
  if (number->digits > whole) {
    return no(format("'{}' is more than all; write {} or 0.5", text,
                     percentage ? "50%" : "a percentage such as 50%"));
  }
  if (whole > UINT32_MAX) return no(format("'{}' has too many decimals", text));
  return Ratio{static_cast<std::uint32_t>(number->digits), static_cast<std::uint32_t>(whole)};
}

Parsed<std::uint32_t> parse_count(std::string_view text) {
  return whole_number<std::uint32_t>(text, 1, UINT32_MAX);
}

Parsed<std::uint64_t> parse_number(std::string_view text) {
  return whole_number<std::uint64_t>(text, 0, UINT64_MAX);
}

Parsed<std::string> parse_port(std::string_view text) {
  const auto port = port_named(text);
  if (!port) return no(port.error().message());
  return std::to_string(*port);
}

Parsed<std::string> parse_peer_port(std::string_view text) {
  auto port = parse_port(text);
  if (port && *port == "0") return no("port 0 cannot be asked; it only means 'choose one' when serving");
  return port;
}

Parsed<Subnet> parse_block(std::string_view text) {
  auto block = parse_subnet(text);
  if (!block)
    return no(format("'{}' is not a block of addresses; write 192.0.2.0/24 or 2001:db8::/32", text));
  return *block;
}

}  // namespace holler::cli
