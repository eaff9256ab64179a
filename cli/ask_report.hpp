#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "holler/client.hpp"

#include "cli/journal.hpp"
#include "cli/json.hpp"

/// How a question ended, in words and in JSON.
namespace holler::cli {

/// What is read of a message: as much as no datagram could carry is enough to know that it is too much.
inline constexpr std::size_t kMessageBytesMax = 1U << 20U;

struct Ending {
  std::string peer;               ///< as asked: `HOST:PORT`
  std::size_t message_bytes = 0;  ///< over `kMessageBytesMax` where not all of it was read
  Duration elapsed{};
  const Journal& journal;
  std::uint64_t alarms = 0;  ///< raised while it was asked
};

/// One line: who answered, how fast, after how many attempts, and what was dropped meanwhile.
[[nodiscard]] std::string success_text(const Reply& reply, const Ending& ending);
/// One line: what is known, and no more than that.
[[nodiscard]] std::string failure_text(const Error& error, const Ending& ending);
/// One line: datagrams came that pretended to be the answer, too many to be an accident (RFC 5452 §9.3).
[[nodiscard]] std::string alarm_text(const DropCounts& dropped);
[[nodiscard]] Json ending_json(const Result<Reply>& result, const Ending& ending);

}  // namespace holler::cli
