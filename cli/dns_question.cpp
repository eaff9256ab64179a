#include "cli/dns_question.hpp"

#include <utility>

#include "holler/names.hpp"

namespace holler::cli {
namespace {

Parsed<dns::Type> parse_type(const std::string& text) {
  const auto type = dns::type_named(text);
  if (!type) {
    return std::unexpected{"'" + text +
                           "' is not a record type; use a name such as AAAA, or TYPE and a number"};
  }
  switch (*type) {
    case dns::Type::axfr:
    case dns::Type::ixfr:
      return std::unexpected{to_string(*type) + " transfers a zone over TCP, which holler does not speak"};
    case dns::Type::opt:
      return std::unexpected{"OPT is a part of every message, and nothing to ask for (RFC 6891 §6.1.1)"};
    default: return *type;
  }
}

Parsed<dns::Name> parse_name(const std::string& text) {
  const auto name = dns::Name::parse(text);
  if (!name)
    return std::unexpected{"'" + text + "' is not a domain name: " + std::string{describe(name.error())}};
  return *name;
}

Parsed<dns::Name> parse_reverse(const std::string& text) {
  const auto address = parse_address(text);
  if (!address) return std::unexpected{"-x wants an address: " + address.error().message()};
  return dns::Name::reverse_of(*address);
}

}  // namespace

Parsed<DnsQuestion> read_dns_question(const std::vector<std::string>& typed, const std::string& reverse) {
  DnsQuestion asked;
  std::vector<std::string> words;
  for (const std::string& word : typed) {
    if (!word.starts_with('@')) {
      words.push_back(word);
    } else if (std::exchange(asked.server, word.substr(1))) {
      return std::unexpected{"there are two servers; ask one"};
    }
  }
  const bool is_reverse = !reverse.empty();
  if (!is_reverse && words.empty()) return std::unexpected{"NAME is missing; say what to ask for"};
  const std::string subject = is_reverse ? reverse : words.front();
  if (!is_reverse) words.erase(words.begin());

  bool has_type = false;
  for (const std::string& word : words) {
    if (const auto record_class = dns::class_named(word);
        record_class && (has_type || !dns::type_named(word))) {
      asked.question.record_class = *record_class;
      continue;
    }
    const auto type = parse_type(word);
    if (!type) return std::unexpected{type.error()};
    if (std::exchange(has_type, true)) return std::unexpected{"'" + word + "' is a second type; ask for one"};
    asked.question.type = *type;
  }
  const bool is_address = is_reverse || parse_address(subject).has_value();
  if (is_address && !has_type) asked.question.type = dns::Type::ptr;
  const bool wants_pointer = is_reverse || (is_address && asked.question.type == dns::Type::ptr);
  auto name = wants_pointer ? parse_reverse(subject) : parse_name(subject);
  if (!name) return std::unexpected{name.error()};
  asked.question.name = *std::move(name);
  return asked;
}

}  // namespace holler::cli
