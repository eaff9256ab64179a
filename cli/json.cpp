#include "cli/json.hpp"

#include "cli/escape.hpp"
#include "cli/output.hpp"

namespace holler::cli {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const Bytes group = bytes.subspan(i, std::min<std::size_t>(3, bytes.size() - i));
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8U | (j < group.size() ? std::to_integer<std::uint32_t>(group[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= group.size() ? kAlphabet[bits >> (18U - 6U * j) & 0x3FU] : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFFU);
  }
  return out;
}

Json json_milliseconds(std::optional<Duration> duration) {
  if (!duration) return nullptr;
  // Whole microseconds: a double holds them exactly, and prints no digits that nobody measured.
  return static_cast<double>(std::chrono::round<std::chrono::microseconds>(*duration).count()) / 1000.0;
}

Json json_counts(const DropCounts& counts) {
  Json object = Json::object();
  counts.for_each(
      [&object](DropReason reason, std::uint64_t count) { object[std::string{name_of(reason)}] = count; });
  return object;
}

void add_payload(Json& object, Bytes payload) {
  const std::string_view text = text_of(payload);
  object["payload"] = is_utf8(text) ? Json(std::string{text}) : Json(nullptr);
  object["payload_base64"] = base64(payload);
}

std::string json_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_json(const Json& object) { standard_output().write(json_line(object)); }

}  // namespace holler::cli
