#include <algorithm>
#include <charconv>

#include "holler/dns.hpp"

namespace holler::dns {
namespace {

struct Mnemonic {
  std::uint16_t value = 0;
  std::string_view text;
};

// IANA, "Domain Name System (DNS) Parameters".
constexpr std::array kTypes = std::to_array<Mnemonic>({
    {1, "A"},      {2, "NS"},      {5, "CNAME"},   {6, "SOA"},     {12, "PTR"},     {13, "HINFO"},
    {15, "MX"},    {16, "TXT"},    {17, "RP"},     {18, "AFSDB"},  {24, "SIG"},     {25, "KEY"},
    {28, "AAAA"},  {29, "LOC"},    {33, "SRV"},    {35, "NAPTR"},  {36, "KX"},      {37, "CERT"},
    {39, "DNAME"}, {41, "OPT"},    {42, "APL"},    {43, "DS"},     {44, "SSHFP"},   {45, "IPSECKEY"},
    {46, "RRSIG"}, {47, "NSEC"},   {48, "DNSKEY"}, {49, "DHCID"},  {50, "NSEC3"},   {51, "NSEC3PARAM"},
    {52, "TLSA"},  {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},    {60, "CDNSKEY"}, {61, "OPENPGPKEY"},
    {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"},   {65, "HTTPS"},  {99, "SPF"},     {104, "NID"},
    {105, "L32"},  {106, "L64"},   {107, "LP"},    {108, "EUI48"}, {109, "EUI64"},  {249, "TKEY"},
    {250, "TSIG"}, {251, "IXFR"},  {252, "AXFR"},  {255, "ANY"},   {256, "URI"},    {257, "CAA"},
    {32768, "TA"}, {32769, "DLV"},
});
constexpr std::array kClasses = std::to_array<Mnemonic>({
    {1, "IN"},
    {3, "CH"},
    {4, "HS"},
    {254, "NONE"},
    {255, "ANY"},
});
constexpr std::array kRcodes = std::to_array<Mnemonic>({
    {0, "NOERROR"},  {1, "FORMERR"},  {2, "SERVFAIL"},  {3, "NXDOMAIN"},   {4, "NOTIMP"},
    {5, "REFUSED"},  {6, "YXDOMAIN"}, {7, "YXRRSET"},   {8, "NXRRSET"},    {9, "NOTAUTH"},
    {10, "NOTZONE"}, {16, "BADVERS"}, {17, "BADKEY"},   {18, "BADTIME"},   {19, "BADMODE"},
    {20, "BADNAME"}, {21, "BADALG"},  {22, "BADTRUNC"}, {23, "BADCOOKIE"},
});
constexpr std::array kOpcodes = std::to_array<Mnemonic>({
    {0, "QUERY"},
    {1, "IQUERY"},
    {2, "STATUS"},
    {4, "NOTIFY"},
    {5, "UPDATE"},
    {6, "DSO"},
});

std::string text_for(std::span<const Mnemonic> table, std::string_view generic, std::uint16_t value) {
  const auto found = std::ranges::find(table, value, &Mnemonic::value);
  return found != table.end() ? std::string{found->text} : std::string{generic} + std::to_string(value);
}

bool same_letters(std::string_view left, std::string_view right) noexcept {
  constexpr auto upper = [](char byte) {
    return byte >= 'a' && byte <= 'z' ? static_cast<char>(byte - 32) : byte;
  };
  return std::ranges::equal(left, right, {}, upper, upper);
}

std::optional<std::uint16_t> value_for(std::span<const Mnemonic> table, std::string_view generic,
                                       std::string_view text) {
  const auto found =
      std::ranges::find_if(table, [text](const Mnemonic& entry) { return same_letters(entry.text, text); });
  if (found != table.end()) return found->value;
  if (!same_letters(text.substr(0, generic.size()), generic)) return std::nullopt;
  const std::string_view digits = text.substr(generic.size());
  std::uint16_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(Type type) { return text_for(kTypes, "TYPE", static_cast<std::uint16_t>(type)); }
std::string to_string(Class record_class) {
  return text_for(kClasses, "CLASS", static_cast<std::uint16_t>(record_class));
}
std::string to_string(Rcode rcode) { return text_for(kRcodes, "RCODE", static_cast<std::uint16_t>(rcode)); }
std::string opcode_text(std::uint8_t opcode) { return text_for(kOpcodes, "OPCODE", opcode); }

std::optional<Type> type_named(std::string_view text) {
  const auto value = value_for(kTypes, "TYPE", text);
  return value ? std::optional{static_cast<Type>(*value)} : std::nullopt;
}

std::optional<Class> class_named(std::string_view text) {
  const auto value = value_for(kClasses, "CLASS", text);
  return value ? std::optional{static_cast<Class>(*value)} : std::nullopt;
}

}  // namespace holler::dns
