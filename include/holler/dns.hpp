#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "holler/bytes.hpp"
#include "holler/endpoint.hpp"

/// DNS messages as values (RFC 1035, with EDNS of RFC 6891 and unknown types of RFC 3597).
///
///     auto query = dns::encode_query({.name = *dns::Name::parse("guinness.example")});
///     auto reply = client->ask(server, query, {});         // a client whose codec is dns_codec()
///     auto message = dns::decode_message(reply->payload);  // nullopt: malformed
///     for (const auto& record : message->answers) use(dns::rdata_text(record));
namespace holler::dns {

inline constexpr std::uint16_t kPort = 53;
inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr std::size_t kMessageBytesMax =
    65535;                                         ///< the length field of DNS over TCP (RFC 1035 §4.2.2)
inline constexpr std::size_t kNameBytesMax = 255;  ///< as sent, with the root's zero (RFC 1035 §2.3.4)
inline constexpr std::size_t kLabelBytesMax = 63;  ///< RFC 1035 §2.3.4
/// The largest reply to ask for: IPv6's smallest MTU, 1280, less the IPv6 and UDP headers, so that no reply
/// is fragmented (RFC 9715 §3.2 asks for no more than 1400).
inline constexpr std::uint16_t kReplyBytesMax = 1232;

/// Why a text is not a name.
enum class NameProblem : std::uint8_t {
  empty,           ///< no text at all; the root is `.`
  empty_label,     ///< two dots in a row, or one at the beginning
  label_too_long,  ///< over 63 bytes between two dots
  name_too_long,   ///< over 255 bytes as sent
  bad_escape,      ///< a backslash that ends the text, or \DDD over 255
  not_ascii,       ///< an international name; its `xn--` form (RFC 5891) is needed
};
[[nodiscard]] std::string_view describe(NameProblem problem) noexcept;

/// A domain name. Compares without regard to the case of ASCII letters (RFC 4343); keeps it, though.
class Name {
 public:
  Name() : wire_(1, '\0') {}  ///< the root

  /// Reads `guinness.example`, with or without a dot at the end. `\.`, `\\` and `\DDD` (decimal) stand for
  /// bytes that would mean something else, or that cannot be typed (RFC 4343 §2.1).
  [[nodiscard]] static std::expected<Name, NameProblem> parse(std::string_view text);
  /// Takes a name as it is sent, uncompressed; nullopt unless `wire` is exactly one valid name.
  [[nodiscard]] static std::optional<Name> from_wire(Bytes wire);
  /// The name that holds the PTR record of an address: `1.2.0.192.in-addr.arpa.` (RFC 1035 §3.5), or
  /// in `ip6.arpa.` (RFC 3596 §2.5).
  [[nodiscard]] static Name reverse_of(const Address& address);

  [[nodiscard]] Bytes wire() const noexcept { return bytes_of(wire_); }
  [[nodiscard]] bool is_root() const noexcept { return wire_.size() == 1; }
  /// Always ends with a dot. Printable ASCII without blanks: the rest is escaped, and so is what means
  /// something in a zone file (RFC 1035 §5.1). `parse` reads it back.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Name& left, const Name& right) noexcept;

 private:
  explicit Name(std::string wire) : wire_{std::move(wire)} {}
  std::string wire_;  // lengths and labels, valid by construction
};

/// A record type. Any 16-bit value is valid; the named ones have typed data here.
enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  opt = 41,
  ixfr = 251,
  axfr = 252,
  any = 255,
  caa = 257,
};
enum class Class : std::uint16_t { in = 1, ch = 3, hs = 4, none = 254, any = 255 };
/// A response code, with EDNS's upper 8 bits (RFC 6891 §6.1.3).
enum class Rcode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
};

/// `A`, `TYPE65280` (RFC 3597 §5); `IN`, `CLASS42`; `NXDOMAIN`, `RCODE3841`; `QUERY`, `OPCODE7`.
[[nodiscard]] std::string to_string(Type type);
[[nodiscard]] std::string to_string(Class record_class);
[[nodiscard]] std::string to_string(Rcode rcode);
[[nodiscard]] std::string opcode_text(std::uint8_t opcode);
/// Reads what to_string writes, in any case; also mnemonics of types that have no typed data here.
[[nodiscard]] std::optional<Type> type_named(std::string_view text);
[[nodiscard]] std::optional<Class> class_named(std::string_view text);

// Data of records. Equality of names inside is that of Name.

struct A {
  Address address;
  friend bool operator==(const A&, const A&) = default;
};
struct Aaaa {
  std::array<std::uint8_t, 16> bytes{};  ///< not an Address, which would turn ::ffff:0:0/96 into IPv4
  friend bool operator==(const Aaaa&, const Aaaa&) = default;
};
/// NS, CNAME and PTR.
struct Target {
  Name name;
  friend bool operator==(const Target&, const Target&) = default;
};
struct Soa {
  Name primary;
  Name mailbox;
  std::uint32_t serial = 0;
  std::uint32_t refresh_s = 0;
  std::uint32_t retry_s = 0;
  std::uint32_t expire_s = 0;
  std::uint32_t minimum_s = 0;
  friend bool operator==(const Soa&, const Soa&) = default;
};
struct Mx {
  std::uint16_t preference = 0;
  Name exchange;
  friend bool operator==(const Mx&, const Mx&) = default;
};
struct Txt {
  std::vector<std::string> strings;  ///< 1 or more, of 0..255 bytes of any kind
  friend bool operator==(const Txt&, const Txt&) = default;
};
struct Srv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  Name target;
  friend bool operator==(const Srv&, const Srv&) = default;
};
struct Caa {
  std::uint8_t flags = 0;
  std::string tag;    ///< 1..255 ASCII letters and digits (RFC 8659 §4.1)
  std::string value;  ///< bytes of any kind
  friend bool operator==(const Caa&, const Caa&) = default;
};
/// Data of a type that is not known here, or of a class in which the type has no known form.
struct Unknown {
  ByteVector bytes;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};
using RecordData = std::variant<Unknown, A, Aaaa, Target, Soa, Mx, Txt, Srv, Caa>;

struct Record {
  Name name;
  Type type{};
  Class record_class = Class::in;
  std::uint32_t ttl_s = 0;
  RecordData data;
  friend bool operator==(const Record&, const Record&) = default;
};

/// The data in a zone file's form: `10 mail.example.`, `"a text" "and another"`, `\# 4 0A000001`. Printable
/// ASCII only, whatever the peer sent.
[[nodiscard]] std::string rdata_text(const Record& record);

struct Question {
  Name name;
  Type type = Type::a;
  Class record_class = Class::in;
  friend bool operator==(const Question&, const Question&) = default;
};

/// The EDNS pseudo-record (RFC 6891 §6.1.2); its upper response code bits are part of Message::rcode.
struct Edns {
  struct Option {
    std::uint16_t code = 0;
    ByteVector bytes;
    friend bool operator==(const Option&, const Option&) = default;
  };
  std::uint16_t reply_bytes_max = kReplyBytesMax;  ///< what the sender can receive, in bytes of UDP payload
  std::uint8_t version = 0;
  bool dnssec_ok = false;  ///< RFC 3225
  std::vector<Option> options;
  friend bool operator==(const Edns&, const Edns&) = default;
};

struct Message {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;  ///< 4 bits; 0 is a query
  bool response = false;
  bool authoritative = false;
  bool truncated = false;  ///< there is more than fitted; it takes TCP to get it (RFC 2181 §9)
  bool recursion_desired = false;
  bool recursion_available = false;
  bool authentic_data = false;     ///< RFC 4035 §3.2.3
  bool checking_disabled = false;  ///< RFC 4035 §3.2.2
  Rcode rcode = Rcode::no_error;
  std::vector<Question> questions;
  std::vector<Record> answers;  ///< TTLs over 2^31 - 1 read as 0 (RFC 2181 §8)
  std::vector<Record> authorities;
  std::vector<Record> additionals;  ///< without the EDNS pseudo-record
  std::optional<Edns> edns;
  std::size_t trailing_bytes = 0;  ///< found behind the message, and ignored, as other software does
  friend bool operator==(const Message&, const Message&) = default;
};

/// Reads a whole message. Whatever the bytes are, it reads only those and returns.
/// @return nullopt: malformed (a count beyond the data, a name that loops or is too long, data that does not
///         fit its type, two EDNS records). A message with the bit for "truncated" may end anywhere behind
///         its questions: the records before the end are returned.
/// @bound  memory: 60 times `message`, less than 4 MB at its largest; time: 127 labels for each name
[[nodiscard]] std::optional<Message> decode_message(Bytes bytes);
/// Writes a message. What decode_message has read is written as the same message, though not always as the
/// same bytes: names are not compressed, the EDNS record comes last, bits and bytes that mean nothing (the
/// header's Z bit, EDNS's flags but DO, what trails behind the message, TTLs over 2^31 - 1) are left out.
/// @return nullopt: over kMessageBytesMax, or a field that its place has no room for
[[nodiscard]] std::optional<ByteVector> encode_message(const Message& message);

struct QueryOptions {
  bool recursion_desired = true;
  bool checking_disabled = false;
  /// What to say of ourselves with EDNS; nullopt for servers that choke on it, with replies up to 512 bytes.
  std::optional<Edns> edns = Edns{};
};
/// A query for one question, ready for Client::ask: its ID is 0 until the codec writes one.
[[nodiscard]] ByteVector encode_query(const Question& question, const QueryOptions& options = {});

}  // namespace holler::dns
