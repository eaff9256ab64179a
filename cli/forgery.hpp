#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "holler/bytes.hpp"
#include "holler/codecs.hpp"
#include "holler/random.hpp"

/// What a forger writes into its datagrams, and how much of it is guessed.
namespace holler::cli {

/// How the datagrams are to look.
enum class Dialect : std::uint8_t { holler, plain, dns };
[[nodiscard]] std::string_view name_of(Dialect dialect) noexcept;
/// The protocol that a request is written in; plain is what nothing else claims.
[[nodiscard]] Dialect dialect_of(Bytes request);

/// What a forged answer to a DNS question says: addresses that are kept for documentation (RFC 5737, RFC
/// 3849).
inline constexpr std::string_view kForgedV4 = "203.0.113.66";
inline constexpr std::string_view kForgedV6 = "2001:db8::66";

/// Request numbers that a forger tries who does not know the right one: they count up from 1.
inline constexpr std::uint64_t kNumbersGuessed = 16;

/// Makes forged answers.
class Forgery {
 public:
  /// @param say  what they say, where they say text
  Forgery(std::string say, std::optional<Dialect> dialect, bool knows_number);

  /// A request was seen; it shows the protocol, the question of a DNS query, and the number of holler's.
  void learn(Bytes request);
  /// An answer was seen: the next request will have the next number.
  void learn_answer(Bytes answer);
  [[nodiscard]] Dialect dialect() const noexcept { return dialect_.value_or(Dialect::holler); }
  /// Whether enough is known to write anything: a DNS answer needs its question.
  [[nodiscard]] bool is_ready() const noexcept { return dialect() != Dialect::dns || !answer_.empty(); }

  /// The answer of somebody who has seen the request.
  [[nodiscard]] ByteVector exact() const { return answer_with(id_, number_); }
  /// The answer of somebody who guesses, each time anew.
  [[nodiscard]] ByteVector guess(RandomSource& random);
  /// As many guesses there are, but for ports: IDs times numbers.
  [[nodiscard]] double guesses() const noexcept;

 private:
  [[nodiscard]] ByteVector answer_with(std::uint64_t id, std::uint64_t number) const;

  std::string say_;
  std::optional<Dialect> given_;
  std::optional<Dialect> dialect_;
  bool knows_number_;
  std::uint64_t id_ = 0;
  std::uint64_t number_ = 1;
  std::uint16_t next_id_ = 0;
  ByteVector answer_;  ///< to the DNS question that was seen, with any ID
};

}  // namespace holler::cli
