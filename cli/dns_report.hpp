#pragma once

#include <string>

#include "holler/client.hpp"
#include "holler/dns.hpp"

#include "cli/json.hpp"

/// What a name server said, in the forms of `holler dns`.
namespace holler::cli {

/// An answer, and how it came.
struct DnsAnswer {
  dns::Question question;
  bool asked_with_edns = true;
  dns::Message message;
  Reply reply;
  std::uint32_t attempts = 0;  ///< all servers together
  Duration elapsed{};          ///< all servers together
  DropCounts dropped;          ///< datagrams that were not the answer
  std::uint64_t alarms = 0;    ///< raised because they were so many
};

/// The data of the answers alone, one a line.
[[nodiscard]] std::string short_text(const dns::Message& message);
/// The answers in columns, as a zone file has them.
[[nodiscard]] std::string answers_text(const dns::Message& message);
/// Everything, with header, sections and how it came; what is not a record is behind `;`.
[[nodiscard]] std::string full_text(const DnsAnswer& answer);
/// What must be said beside the answers, in lines behind `;;`: why there are none, that there are more, that
/// somebody tried to forge one. Empty if there is nothing to say.
[[nodiscard]] std::string remarks_text(const DnsAnswer& answer);
[[nodiscard]] Json question_json(const dns::Question& question);
[[nodiscard]] Json answer_json(const DnsAnswer& answer);

}  // namespace holler::cli
