#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common.hpp"

namespace peers {

/// The questions of `peer_NAME ask` and what became of each: a new one whenever one has ended, until all have
/// been asked or the time for asking is over. What is outstanding then is waited for, because leaving it out
/// would leave out the slowest. The report is one line of JSON, with an item for each question in the order
/// in which they were asked:
///
///     {"began": nanoseconds of the monotonic clock, "asked": [microseconds since], "took": [microseconds or
///      null], "repeats": [requests sent again by all questions so far, when this one ended], "repeated":
///      all}
///
/// For one thread at a time.
class Asking {
 public:
  explicit Asking(const Options& options);

  /// The bytes of the next question, which live until the next one after it; empty where none is to be asked.
  [[nodiscard]] std::span<const std::byte> next();
  /// The number of the question that `next` gave last.
  [[nodiscard]] std::uint32_t number() const noexcept {
    return static_cast<std::uint32_t>(records_.size() - 1);
  }
  /// Takes an answer in; one to a question that has ended changes nothing.
  /// @return whether a question has ended by it
  bool answered(std::span<const std::byte> bytes);
  void given_up(std::uint32_t number);
  /// The question with these bytes.
  void given_up(std::span<const std::byte> bytes) { given_up(number_of(bytes)); }
  void repeated(std::uint64_t count = 1) noexcept { repeated_ += count; }

  /// Questions that have not ended.
  [[nodiscard]] std::size_t outstanding() const noexcept { return records_.size() - ended_; }
  [[nodiscard]] bool has_ended(std::uint32_t number) const { return records_[number].ended; }
  /// Whether all has been asked and has ended, or has been waited for long enough.
  [[nodiscard]] bool over() const;

  /// @return the exit code
  int report() const;

 private:
  struct Header {
    std::uint64_t when;
    std::uint32_t number;
  };
  static_assert(sizeof(Header) <= kBytesMin);
  struct Record {
    std::uint64_t asked = 0;
    std::uint64_t took = 0;
    std::uint64_t repeats = 0;
    bool ended = false;
    bool answered = false;
  };
  /// Longer than any of them asks on: a confirmable message of CoAP is given up after 93 s (RFC 7252 §4.8.2).
  static constexpr std::uint64_t kPatience = 100'000'000'000;

  [[nodiscard]] std::uint32_t number_of(std::span<const std::byte> bytes) const;
  void end(Record& record);

  std::size_t questions_;
  std::uint64_t began_;
  std::uint64_t asking_ends_;
  std::vector<std::byte> payload_;
  std::vector<Record> records_;  // by number
  std::size_t ended_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace peers
