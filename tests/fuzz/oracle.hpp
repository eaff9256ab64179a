#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace holler::fuzz {

/// Something that must hold does not. libFuzzer takes it for a crash, GoogleTest for a failed test.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool condition, std::string_view what) {
  if (!condition) throw Violation{std::string{what}};
}

}  // namespace holler::fuzz
