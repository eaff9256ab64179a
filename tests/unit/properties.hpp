#pragma once

#include <algorithm>
#include <cstdint>
#include <rapidcheck.h>
#include <string>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/time.hpp"

/// Properties that any value must have, tried with many by RapidCheck: the same ones in every run. A failure
/// prints the smallest value found, and the RC_PARAMS that repeat it; RC_PARAMS='seed=7 max_success=100000'
/// tries others.
namespace holler::properties {

/// Whether `holds`, a callable that draws values with `*rc::gen…` and asserts with RC_ASSERT, does so.
template <class Property>
[[nodiscard]] bool always(const std::string& what, Property&& holds) {
  return rc::check(what, holds);
}

[[nodiscard]] inline ByteVector any_bytes(std::size_t most) {
  const auto size = *rc::gen::inRange<std::size_t>(0, most + 1);
  const auto values =
      *rc::gen::container<std::vector<std::uint8_t>>(size, rc::gen::arbitrary<std::uint8_t>());
  return copy_of(std::as_bytes(std::span{values}));
}

/// Each magnitude as likely as any other, 0 and "for ever" among them.
[[nodiscard]] inline Duration any_duration() {
  const auto bits = *rc::gen::inRange(0, 64);
  if (bits == 63) return kForever;
  const auto value = *rc::gen::arbitrary<std::uint64_t>();
  return Duration{static_cast<std::int64_t>(value & ((std::uint64_t{1} << static_cast<unsigned>(bits)) - 1))};
}

/// The same with a few bytes changed, or cut short, or made longer.
[[nodiscard]] inline ByteVector damaged(ByteVector bytes) {
  for (auto count = *rc::gen::inRange(0, 4); count > 0 && !bytes.empty(); --count) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = std::byte{*rc::gen::arbitrary<std::uint8_t>()};
  }
  if (*rc::gen::inRange(0, 8) == 0) bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 8));
  return bytes;
}

}  // namespace holler::properties
