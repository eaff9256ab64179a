#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "common.hpp"

namespace peers {

/// The questions of a load over a library that keeps no account of them: each holds its client, its place
/// and the time at which it was asked, and an answer is checked against what is outstanding.
class Asked {
 public:
  explicit Asked(const Options& options)
      : outstanding_{options.outstanding},
        asked_(options.clients * options.outstanding),
        payload_(options.bytes) {}

  /// The bytes of a question; they live until the next one is written.
  std::span<const std::byte> write(std::size_t client, std::size_t place, std::uint64_t now) {
    const Header header{static_cast<std::uint32_t>(client), static_cast<std::uint32_t>(place), now};
    asked_[client * outstanding_ + place] = now;
    std::memcpy(payload_.data(), &header, sizeof header);
    return payload_;
  }
  /// Takes an answer in, and counts it.
  /// @return its place, which is free again
  std::size_t answered(Meter& meter, std::span<const std::byte> bytes, std::size_t client,
                       std::uint64_t now) {
    const auto place = answered_once(meter, bytes, client, now);
    if (!place) give_up("load", "an answer to no question that is outstanding");
    return *place;
  }
  /// The same, for a library that may hand in an answer twice. @return nullopt for the second
  std::optional<std::size_t> answered_once(Meter& meter, std::span<const std::byte> bytes, std::size_t client,
                                           std::uint64_t now) {
    if (bytes.size() != payload_.size()) give_up("load", "an answer of another size");
    const Header header = header_of(bytes);
    if (header.client != client || header.place >= outstanding_)
      give_up("load", "an answer to another client");
    if (asked_[client * outstanding_ + header.place] != header.when) return std::nullopt;
    meter.answered();
    meter.took(now - header.when);
    return header.place;
  }
  /// Of a question that was written by `write`.
  static std::size_t place_of(std::span<const std::byte> bytes) { return header_of(bytes).place; }

 private:
  struct Header {
    std::uint32_t client;
    std::uint32_t place;
    std::uint64_t when;
  };
  static Header header_of(std::span<const std::byte> bytes) {
    Header header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
  }
  static_assert(sizeof(Header) <= kBytesMin);

  std::size_t outstanding_;
  std::vector<std::uint64_t> asked_;  // by client and place
  std::vector<std::byte> payload_;
};

}  // namespace peers
