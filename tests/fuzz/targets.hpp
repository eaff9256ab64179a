#pragma once

#include <array>
#include <string_view>

#include "holler/bytes.hpp"

/// What the fuzzers run: libFuzzer with new inputs (./dev fuzz), the ordinary tests with those that are kept.
namespace holler::fuzz {

/// Each takes any bytes, and throws Violation (oracle.hpp) where something is not as it must be.
void run_dns(Bytes input);        ///< DNS messages, names, records and their text
void run_text(Bytes input);       ///< what people type: addresses, subnets, ports, hosts
void run_codec(Bytes input);      ///< holler's own and plain datagrams, both ways
void run_requester(Bytes input);  ///< a Requester driven by the input, with a model of it watching
void run_responder(Bytes input);  ///< a Responder, likewise
void run_pair(Bytes input);       ///< Requesters and a Responder on a network that the input makes lossy

struct Target {
  std::string_view name;  ///< also of its folder in tests/fuzz/corpus
  void (*run)(Bytes input);
};

inline constexpr std::array kTargets{
    Target{"fuzz_codec", run_codec},         Target{"fuzz_dns", run_dns},
    Target{"fuzz_pair", run_pair},           Target{"fuzz_requester", run_requester},
    Target{"fuzz_responder", run_responder}, Target{"fuzz_text", run_text},
};

}  // namespace holler::fuzz
