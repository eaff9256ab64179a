#include "holler/dns.hpp"

#include "wire/dns_record.hpp"

namespace holler::dns {
namespace {

// The second 16 bits of the header (RFC 1035 §4.1.1, RFC 4035 §3.2).
constexpr unsigned kResponse = 0x8000;
constexpr unsigned kOpcodeShift = 11;
constexpr unsigned kAuthoritative = 0x0400;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRecursionDesired = 0x0100;
constexpr unsigned kRecursionAvailable = 0x0080;
constexpr unsigned kAuthenticData = 0x0020;
constexpr unsigned kCheckingDisabled = 0x0010;
constexpr unsigned kRcode = 0x000f;
constexpr unsigned kDnssecOk = 0x8000;  // in EDNS's flags (RFC 3225 §3)

constexpr std::size_t kQuestionBytesMin = 5;  // the root, a type, a class
constexpr std::size_t kRecordBytesMin = 11;   // the root, type, class, TTL, length

struct Counts {
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;
};

Counts read_header(MessageReader& reader, Message& message) {
  message.id = reader.read<std::uint16_t>();
  const unsigned flags = reader.read<std::uint16_t>();
  message.response = (flags & kResponse) != 0;
  message.opcode = static_cast<std::uint8_t>(flags >> kOpcodeShift & 0xfU);
  message.authoritative = (flags & kAuthoritative) != 0;
  message.truncated = (flags & kTruncated) != 0;
  message.recursion_desired = (flags & kRecursionDesired) != 0;
  message.recursion_available = (flags & kRecursionAvailable) != 0;
  message.authentic_data = (flags & kAuthenticData) != 0;
  message.checking_disabled = (flags & kCheckingDisabled) != 0;
  message.rcode = static_cast<Rcode>(flags & kRcode);
  Counts counts;
  counts.questions = reader.read<std::uint16_t>();
  counts.answers = reader.read<std::uint16_t>();
  counts.authorities = reader.read<std::uint16_t>();
  counts.additionals = reader.read<std::uint16_t>();
  return counts;
}

bool read_questions(MessageReader& reader, std::size_t count, std::vector<Question>& out) {
  if (count * kQuestionBytesMin > reader.remaining()) return false;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Question question;
    question.name = reader.read_name();
    question.type = static_cast<Type>(reader.read<std::uint16_t>());
    question.record_class = static_cast<Class>(reader.read<std::uint16_t>());
    if (!reader.ok()) return false;
    out.push_back(std::move(question));
  }
  return true;
}

/// RFC 6891 §6.1.2: the class is a size, and the TTL holds flags.
bool read_edns(const Record& record, MessageReader data, Message& message) {
  // §6.1.1: one at most; §6.1.2: the name is the root.
  if (message.edns || !record.name.is_root()) return false;
  Edns edns;
  edns.reply_bytes_max = static_cast<std::uint16_t>(record.record_class);
  const unsigned rcode = static_cast<unsigned>(message.rcode) | record.ttl_s >> 24U << 4U;
  message.rcode = static_cast<Rcode>(rcode);
  edns.version = static_cast<std::uint8_t>(record.ttl_s >> 16U);
  edns.dnssec_ok = (record.ttl_s & kDnssecOk) != 0;
  while (data.remaining() > 0) {
    Edns::Option option;
    option.code = data.read<std::uint16_t>();
    option.bytes = copy_of(data.read_bytes(data.read<std::uint16_t>()));
    if (!data.ok()) return false;
    edns.options.push_back(std::move(option));
  }
  message.edns = std::move(edns);
  return true;
}

/// @param additional  the section where EDNS belongs
bool read_records(MessageReader& reader, std::size_t count, std::vector<Record>& out, Message& message,
                  bool additional) {
  if (count * kRecordBytesMin > reader.remaining()) return false;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Record record;
    record.name = reader.read_name();
    record.type = static_cast<Type>(reader.read<std::uint16_t>());
    record.record_class = static_cast<Class>(reader.read<std::uint16_t>());
    record.ttl_s = reader.read<std::uint32_t>();
    const MessageReader data = reader.read_part(reader.read<std::uint16_t>());
    if (!reader.ok()) return false;
    if (record.type == Type::opt) {
      if (!additional || !read_edns(record, data, message)) return false;
      continue;
    }
    if (record.ttl_s > 0x7fffffff) record.ttl_s = 0;  // RFC 2181 §8
    std::optional<RecordData> typed = read_data(record.type, record.record_class, data);
    if (!typed) return false;
    record.data = *std::move(typed);
    out.push_back(std::move(record));
  }
  return true;
}

void write_header(MessageWriter& writer, const Message& message) {
  writer.check(message.opcode <= 0xf);
  const unsigned rcode = static_cast<unsigned>(message.rcode);
  writer.check(rcode <= (message.edns ? 0xfffU : kRcode));
  unsigned flags = static_cast<unsigned>(message.opcode) << kOpcodeShift | (rcode & kRcode);
  if (message.response) flags |= kResponse;
  if (message.authoritative) flags |= kAuthoritative;
  if (message.truncated) flags |= kTruncated;
  if (message.recursion_desired) flags |= kRecursionDesired;
  if (message.recursion_available) flags |= kRecursionAvailable;
  if (message.authentic_data) flags |= kAuthenticData;
  if (message.checking_disabled) flags |= kCheckingDisabled;
  writer.write(message.id);
  writer.write(static_cast<std::uint16_t>(flags));
  for (const std::size_t count :
       {message.questions.size(), message.answers.size(), message.authorities.size(),
        message.additionals.size() + (message.edns ? 1 : 0)}) {
    writer.check(count <= 0xffff);
    writer.write(static_cast<std::uint16_t>(count));
  }
}

void write_edns(MessageWriter& writer, const Edns& edns, Rcode rcode) {
  writer.write_name(Name{});
  writer.write(static_cast<std::uint16_t>(Type::opt));
  writer.write(edns.reply_bytes_max);
  writer.write(static_cast<std::uint8_t>(static_cast<unsigned>(rcode) >> 4U));
  writer.write(edns.version);
  writer.write(static_cast<std::uint16_t>(edns.dnssec_ok ? kDnssecOk : 0));
  const std::size_t start = writer.begin_part();
  for (const Edns::Option& option : edns.options) {
    writer.write(option.code);
    const std::size_t option_start = writer.begin_part();
    writer.write_bytes(option.bytes);
    writer.end_part(option_start);
  }
  writer.end_part(start);
}

}  // namespace

std::optional<Message> decode_message(Bytes bytes) {
  if (bytes.size() > kMessageBytesMax) return std::nullopt;
  MessageReader reader{bytes};
  Message message;
  const Counts counts = read_header(reader, message);
  if (!reader.ok() || !read_questions(reader, counts.questions, message.questions)) return std::nullopt;
  const bool whole = read_records(reader, counts.answers, message.answers, message, false) &&
                     read_records(reader, counts.authorities, message.authorities, message, false) &&
                     read_records(reader, counts.additionals, message.additionals, message, true);
  // RFC 1035 §4.1.1 does not say where a message is truncated, and old servers cut through a record.
  if (!whole && !message.truncated) return std::nullopt;
  if (whole) message.trailing_bytes = reader.remaining();
  return message;
}

std::optional<ByteVector> encode_message(const Message& message) {
  MessageWriter writer;
  write_header(writer, message);
  for (const Question& question : message.questions) {
    writer.write_name(question.name);
    writer.write(static_cast<std::uint16_t>(question.type));
    writer.write(static_cast<std::uint16_t>(question.record_class));
  }
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const Record& record : *section) write_record(writer, record);
  }
  if (message.edns) write_edns(writer, *message.edns, message.rcode);
  if (!writer.ok()) return std::nullopt;
  return writer.take();
}

ByteVector encode_query(const Question& question, const QueryOptions& options) {
  Message query;
  query.recursion_desired = options.recursion_desired;
  query.checking_disabled = options.checking_disabled;
  query.questions.push_back(question);
  query.edns = options.edns;
  // Only EDNS options could make it too long; their own lengths are the caller's to keep.
  return encode_message(query).value_or(ByteVector{});
}

}  // namespace holler::dns
