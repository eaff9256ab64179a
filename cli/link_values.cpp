#include "cli/link_values.hpp"

#include <array>
#include <charconv>
#include <vector>

#include "holler/format.hpp"

namespace holler::cli {
namespace {

constexpr std::uint64_t kRateMax = 1'000'000'000'000'000;
constexpr Duration kReorderingDelay = std::chrono::milliseconds{20};

struct Unit {
  std::string_view name;
  std::uint64_t bits;
};
constexpr std::array<Unit, 4> kUnits{
    {{"bit", 1}, {"kbit", 1'000}, {"mbit", 1'000'000}, {"gbit", 1'000'000'000}}};

std::unexpected<std::string> no(std::string reason) {
  return std::unexpected<std::string>{std::move(reason)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Parsed<std::uint32_t> whole_number(std::string_view text, std::uint32_t lowest, std::uint32_t highest) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest || value > highest) {
    return no(format("'{}' is not a whole number from {} to {}", text, lowest, highest));
  }
  return value;
}

Parsed<ShareAndTime> share_and_time(std::string_view text, Duration otherwise) {
  const auto parts = split(text, ',');
  if (parts.size() > 2) return no(format("'{}' has too many parts; write 5% or 5%,20ms", text));
  const auto share = parse_ratio(parts[0]);
  if (!share) return no(share.error());
  if (parts.size() == 1) return ShareAndTime{*share, otherwise};
  const auto time = parse_duration(parts[1]);
  if (!time) return no(time.error());
  return ShareAndTime{*share, *time};
}

}  // namespace

Parsed<std::uint64_t> parse_rate(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, digits);
  const std::size_t point = std::min(number.find('.'), number.size());
  std::uint64_t value = 0;
  std::uint64_t divisor = 1;
  const bool readable = number.size() - (point < number.size() ? 1U : 0U) >= 1 && number.size() <= 15 &&
                        number.find('.', point + 1) == std::string_view::npos;
  if (!readable) return no(format("'{}' is not a rate; write 2mbit, 512kbit or 9600bit", text));
  for (const char letter : number) {
    if (letter != '.') value = value * 10 + static_cast<std::uint64_t>(letter - '0');
  }
  for (std::size_t i = point + 1; i < number.size(); ++i) divisor *= 10;
  for (const Unit& unit : kUnits) {
    if (unit.name != text.substr(digits)) continue;
    std::uint64_t rate = 0;
    if (__builtin_mul_overflow(value, unit.bits, &rate)) rate = UINT64_MAX;
    rate /= divisor;
    if (rate == 0 || rate > kRateMax) {
      return no(format("'{}' is not from 1bit to 1000000gbit in a second", text));
    }
    return rate;
  }
  return no(format("'{}' needs a unit; use bit, kbit, mbit or gbit", text));
}

Parsed<BurstLoss> parse_burst(std::string_view text) {
  const auto parts = split(text, ',');
  if (parts.size() != 2 && parts.size() != 3) {
    return no(format("'{}' is not BEGIN,END; write 2%,25%", text));
  }
  std::array<Ratio, 3> ratios{Ratio{}, Ratio{}, percent(100)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto ratio = parse_ratio(parts[i]);
    if (!ratio) return no(ratio.error());
    ratios.at(i) = *ratio;
  }
  return BurstLoss{.begin = ratios[0], .end = ratios[1], .loss = ratios[2]};
}

Parsed<Outage> parse_outage(std::string_view text) {
  const auto parts = split(text, '@');
  if (parts.size() != 2) return no(format("'{}' is not LENGTH@START; write 5s@20s", text));
  const auto length = parse_wait(parts[0]);
  if (!length) return no(length.error());
  const auto start = parse_duration(parts[1]);
  if (!start) return no(start.error());
  return Outage{.start = *start, .length = *length};
}

Parsed<DelayStep> parse_delay_step(std::string_view text) {
  const auto parts = split(text, '@');
  if (parts.size() != 2) return no(format("'{}' is not DURATION@START; write 200ms@20s", text));
  const auto delay = parse_duration(parts[0]);
  if (!delay) return no(delay.error());
  const auto start = parse_duration(parts[1]);
  if (!start) return no(start.error());
  return DelayStep{.start = *start, .delay = *delay};
}

Parsed<std::uint32_t> parse_mtu(std::string_view text) { return whole_number(text, 68, 65535); }
Parsed<std::uint32_t> parse_queue(std::string_view text) { return whole_number(text, 0, 65536); }

Parsed<ShareAndTime> parse_duplication(std::string_view text) {
  return share_and_time(text, Duration::zero());
}
Parsed<ShareAndTime> parse_reordering(std::string_view text) {
  return share_and_time(text, kReorderingDelay);
}

}  // namespace holler::cli
