#include "cli/dns_report.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <string_view>
#include <vector>

#include "cli/escape.hpp"
#include "cli/text.hpp"

namespace holler::cli {
namespace {

using Records = std::vector<dns::Record>;

constexpr std::size_t kNameColumnMax = 40;    // a longer name moves its own line's columns only
constexpr std::uint16_t kExtendedError = 15;  // RFC 8914 §2

// RFC 8914 §5.2, from code 0.
constexpr std::array<std::string_view, 25> kExtendedErrors{"Other Error",
                                                           "Unsupported DNSKEY Algorithm",
                                                           "Unsupported DS Digest Type",
                                                           "Stale Answer",
                                                           "Forged Answer",
                                                           "DNSSEC Indeterminate",
                                                           "DNSSEC Bogus",
                                                           "Signature Expired",
                                                           "Signature Not Yet Valid",
                                                           "DNSKEY Missing",
                                                           "RRSIGs Missing",
                                                           "No Zone Key Bit Set",
                                                           "NSEC Missing",
                                                           "Cached Error",
                                                           "Not Ready",
                                                           "Blocked",
                                                           "Censored",
                                                           "Filtered",
                                                           "Prohibited",
                                                           "Stale NXDOMAIN Answer",
                                                           "Not Authoritative",
                                                           "Not Supported",
                                                           "No Reachable Authority",
                                                           "Network Error",
                                                           "Invalid Data"};

std::string table(const Records& records) {
  std::size_t name_width = 0;
  std::size_t ttl_width = 0;
  std::size_t type_width = 0;
  for (const dns::Record& record : records) {
    const std::size_t name_size = record.name.to_string().size();
    if (name_size <= kNameColumnMax) name_width = std::max(name_width, name_size);
    ttl_width = std::max(ttl_width, std::to_string(record.ttl_s).size());
    type_width = std::max(type_width, to_string(record.type).size());
  }
  std::string text;
  for (const dns::Record& record : records) {
    text += fmt::format("{:<{}}  {:>{}}  {}  {:<{}}  {}\n", record.name.to_string(), name_width, record.ttl_s,
                        ttl_width, to_string(record.record_class), to_string(record.type), type_width,
                        rdata_text(record));
  }
  return text;
}

std::vector<std::string> flags_of(const dns::Message& message) {
  const std::pair<bool, const char*> flags[] = {
      {message.response, "qr"},          {message.authoritative, "aa"},       {message.truncated, "tc"},
      {message.recursion_desired, "rd"}, {message.recursion_available, "ra"}, {message.authentic_data, "ad"},
      {message.checking_disabled, "cd"},
  };
  std::vector<std::string> names;
  for (const auto& [set, name] : flags) {
    if (set) names.emplace_back(name);
  }
  return names;
}

std::string header_text(const dns::Message& message) {
  std::string flags;
  for (const std::string& flag : flags_of(message)) flags += " " + flag;
  std::string text = fmt::format(";; status: {}, opcode: {}, id: {}, flags:{}\n", to_string(message.rcode),
                                 dns::opcode_text(message.opcode), message.id, flags);
  if (message.edns) {
    text += fmt::format(";; EDNS version: {}, flags:{}, takes up to {} bytes\n", message.edns->version,
                        message.edns->dnssec_ok ? " do" : "", message.edns->reply_bytes_max);
  }
  return text;
}

std::string section_text(std::string_view title, const Records& records) {
  return records.empty() ? "" : fmt::format("\n;; {}\n{}", title, table(records));
}

/// Referral: nothing here, but these servers know more (RFC 1034 §4.3.1).
bool is_referral(const dns::Message& message) {
  const auto is = [](dns::Type type) {
    return [type](const dns::Record& record) { return record.type == type; };
  };
  return !message.authoritative && std::ranges::any_of(message.authorities, is(dns::Type::ns)) &&
         std::ranges::none_of(message.authorities, is(dns::Type::soa));
}

std::string status_remark(const DnsAnswer& answer) {
  const dns::Message& message = answer.message;
  const std::string name = answer.question.name.to_string();
  switch (message.rcode) {
    case dns::Rcode::no_error:
      if (!message.answers.empty()) return "";
      if (message.truncated) return "";
      if (is_referral(message)) return "no answer but a referral: --full names the servers that know more";
      return fmt::format("{} exists and has no {} records", name, to_string(answer.question.type));
    case dns::Rcode::no_such_name: return fmt::format("{} does not exist", name);
    case dns::Rcode::server_failure: return "the server could not find it out; another server may";
    case dns::Rcode::refused: return "the server will not answer this to us";
    case dns::Rcode::not_implemented: return "the server cannot do this kind of query";
    case dns::Rcode::format_error:
      return answer.asked_with_edns
                 ? "the server could not read the query; it may be too old for EDNS: try --no-edns"
                 : "the server could not read the query";
    default: return "the server reports an error";
  }
}

std::string extended_errors(const dns::Message& message) {
  std::string text;
  if (!message.edns) return text;
  for (const auto& option : message.edns->options) {
    if (option.code != kExtendedError) continue;
    ByteReader reader{option.bytes};
    const auto code = reader.read<std::uint16_t>();
    if (!reader.ok()) continue;
    text += fmt::format(";; extended error: {}", code);
    if (code < kExtendedErrors.size()) text += fmt::format(" ({})", kExtendedErrors.at(code));
    if (reader.remaining() > 0) text += " " + quoted(text_of(reader.rest()));
    text += '\n';
  }
  return text;
}

Json records_json(const Records& records) {
  Json list = Json::array();
  for (const dns::Record& record : records) {
    Json object;
    object["name"] = record.name.to_string();
    object["ttl"] = record.ttl_s;
    object["class"] = to_string(record.record_class);
    object["type"] = to_string(record.type);
    object["data"] = rdata_text(record);
    list.push_back(std::move(object));
  }
  return list;
}

Json edns_json(const std::optional<dns::Edns>& edns) {
  if (!edns) return nullptr;
  Json object;
  object["version"] = edns->version;
  object["dnssec_ok"] = edns->dnssec_ok;
  object["reply_bytes_max"] = edns->reply_bytes_max;
  return object;
}

}  // namespace

std::string short_text(const dns::Message& message) {
  std::string text;
  for (const dns::Record& record : message.answers) text += rdata_text(record) + "\n";
  return text;
}

std::string answers_text(const dns::Message& message) { return table(message.answers); }

std::string full_text(const DnsAnswer& answer) {
  const dns::Message& message = answer.message;
  std::string text = header_text(message) + remarks_text(answer);
  if (!message.questions.empty()) text += "\n;; QUESTION\n";
  for (const dns::Question& question : message.questions) {
    text += fmt::format(";{}  {}  {}\n", question.name.to_string(), to_string(question.record_class),
                        to_string(question.type));
  }
  text += section_text("ANSWER", message.answers);
  text += section_text("AUTHORITY", message.authorities);
  text += section_text("ADDITIONAL", message.additionals);
  text += fmt::format("\n;; query time: {} ({})\n;; server: {}\n;; size: {} bytes\n", shown(answer.elapsed),
                      counted(answer.attempts, "attempt"), answer.reply.peer.to_string(),
                      answer.reply.payload.size());
  return text;
}

std::string remarks_text(const DnsAnswer& answer) {
  const dns::Message& message = answer.message;
  std::string text;
  if (const std::string remark = status_remark(answer); !remark.empty()) {
    text += fmt::format(";; {}: {}\n", to_string(message.rcode), remark);
  }
  text += extended_errors(message);
  if (message.truncated) {
    text +=
        ";; truncated: there is more than fits a datagram; to get the rest takes TCP, which holler does not "
        "speak\n";
  }
  if (message.trailing_bytes > 0) {
    text += fmt::format(";; {} behind the end of the message, ignored\n",
                        counted(message.trailing_bytes, "byte"));
  }
  if (answer.dropped.total() > 0) {
    text += fmt::format(";; dropped {} that did not answer this question: {}\n",
                        counted(answer.dropped.total(), "datagram"), shown(answer.dropped));
  }
  return text;
}

Json question_json(const dns::Question& question) {
  Json object;
  object["name"] = question.name.to_string();
  object["class"] = to_string(question.record_class);
  object["type"] = to_string(question.type);
  return object;
}

Json answer_json(const DnsAnswer& answer) {
  const dns::Message& message = answer.message;
  Json object;
  object["outcome"] = "answered";
  object["status"] = to_string(message.rcode);
  object["id"] = message.id;
  object["flags"] = flags_of(message);
  object["truncated"] = message.truncated;
  object["question"] = question_json(answer.question);
  object["answers"] = records_json(message.answers);
  object["authorities"] = records_json(message.authorities);
  object["additionals"] = records_json(message.additionals);
  object["edns"] = edns_json(message.edns);
  object["server"] = answer.reply.peer.to_string();
  object["local"] = answer.reply.local.to_string();
  object["bytes"] = answer.reply.payload.size();
  object["attempts"] = answer.attempts;
  object["rtt_ms"] = json_milliseconds(answer.reply.rtt);
  object["elapsed_ms"] = json_milliseconds(answer.elapsed);
  object["dropped"] = json_counts(answer.dropped);
  object["alarms"] = answer.alarms;
  return object;
}

}  // namespace holler::cli
