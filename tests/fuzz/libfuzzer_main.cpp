// The entry that libFuzzer calls, built once for each target: HOLLER_FUZZ_RUN is its function.
#include <span>

#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  holler::fuzz::HOLLER_FUZZ_RUN(std::as_bytes(std::span{data, size}));
  return 0;
}
