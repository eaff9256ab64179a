#include "holler/drop_reason.hpp"

namespace holler {
namespace {

struct Row {
  std::string_view name;
  std::string_view description;
};

constexpr std::array<Row, kDropReasons> kRows{{
    {"malformed", "breaks its protocol's format"},
    {"foreign", "not of the protocol spoken here"},
    {"unknown_version", "of another version of the protocol"},
    {"unknown_type", "of a type this version does not know"},
    {"wrong_source", "came from an endpoint that was not asked"},
    {"wrong_id", "carries an ID that is not the request's"},
    {"wrong_question", "answers another question"},
    {"late", "answers a request that has already ended"},
    {"no_request", "answers, and nothing was asked"},
    {"truncated", "longer than the buffer it was received into"},
    {"expired", "its asker has already given up"},
    {"already_done", "its asker has declared this request finished"},
    {"over_limit", "a table is full"},
    {"amplification", "the reply is over 3 times what an unverified address sent"},
    {"not_unicast", "arrived by broadcast or multicast"},
    {"not_allowed", "its sender is not on the allow list"},
    {"simulated_loss", "dropped on purpose"},
    {"send_failed", "the kernel would not send it"},
}};

}  // namespace

std::string_view name_of(DropReason reason) noexcept { return kRows[static_cast<std::size_t>(reason)].name; }
std::string_view describe(DropReason reason) noexcept {
  return kRows[static_cast<std::size_t>(reason)].description;
}

std::uint64_t DropCounts::total() const noexcept {
  std::uint64_t sum = 0;
  for (const auto count : counts_) sum += count;
  return sum;
}

DropCounts& DropCounts::operator+=(const DropCounts& other) noexcept {
  for (std::size_t i = 0; i < kDropReasons; ++i) counts_[i] += other.counts_[i];
  return *this;
}

}  // namespace holler
