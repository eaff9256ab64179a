#include "holler/error.hpp"

#include <array>
#include <system_error>

namespace holler {
namespace {

struct Row {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<Row, 17> kRows{{
    {"no_answer", "no answer"},
    {"refused", "refused: nobody listens on that port"},
    {"declined", "the server declined"},
    {"unknown", "unknown outcome: the server has been restarted since it was asked"},
    {"busy", "the server is busy"},
    {"cancelled", "cancelled"},
    {"too_large", "too large for one datagram"},
    {"invalid_argument", "makes no sense"},
    {"name_unknown", "no such name"},
    {"name_unavailable", "the name cannot be looked up at the moment"},
    {"address_in_use", "address already in use"},
    {"address_not_local", "no interface of this machine has that address"},
    {"permission_denied", "permission denied"},
    {"unreachable", "unreachable from here"},
    {"out_of_resources", "out of resources"},
    {"unsupported", "not supported on this system"},
    {"system", "failed"},
}};

}  // namespace

std::string_view name_of(ErrorCode code) noexcept { return kRows[static_cast<std::size_t>(code)].name; }

std::string Error::message() const {
  std::string text = attempted;
  if (endpoint) {
    if (!text.empty()) text += ' ';
    text += endpoint->to_string();
  }
  if (!text.empty()) text += ": ";
  if (code == ErrorCode::system && system_errno != 0) {
    text += std::generic_category().message(system_errno);
  } else {
    text += kRows[static_cast<std::size_t>(code)].sentence;
  }
  if (payload_bytes_max) text += " (the limit is " + std::to_string(*payload_bytes_max) + " bytes)";
  if (!advice.empty()) text += "; " + advice;
  return text;
}

}  // namespace holler
