#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "holler/bytes.hpp"
#include "holler/drop_reason.hpp"
#include "holler/time.hpp"

/// The parts that the command's JSON objects have in common. Keys keep the order in which they are set.
namespace holler::cli {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string base64(Bytes bytes);
/// What `base64` has written; it stops at anything else.
[[nodiscard]] std::string from_base64(std::string_view text);
/// Milliseconds with a fraction of three digits; null for none.
[[nodiscard]] Json json_milliseconds(std::optional<Duration> duration);
/// Reason → count, for the reasons that occurred.
[[nodiscard]] Json json_counts(const DropCounts& counts);
/// Sets `payload` (text, or null where the bytes are not UTF-8) and `payload_base64`.
void add_payload(Json& object, Bytes payload);
/// One object on one line of standard output. What people type may be anything: bytes that are no UTF-8 are
/// replaced by U+FFFD.
void print_json(const Json& object);
/// The line that `print_json` prints.
[[nodiscard]] std::string json_line(const Json& object);

}  // namespace holler::cli
