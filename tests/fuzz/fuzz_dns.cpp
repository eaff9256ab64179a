#include <algorithm>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"

#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"

// Any bytes as a DNS message: as a reply to a query, as a query, as a message that is printed, written again
// and read again; and as the text and the wire form of a name.

namespace holler::fuzz {
namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return byte >= ' ' && byte < 0x7f; });
}

void check_name(const dns::Name& name) {
  require(name.wire().size() <= dns::kNameBytesMax, "a name has at most 255 bytes");
  const std::string text = name.to_string();
  require(is_printable(text) && text.find(' ') == std::string::npos, "a name prints without blanks");
  const auto back = dns::Name::parse(text);
  require(back.has_value() && same_bytes(back->wire(), name.wire()), "a printed name reads as itself");
  require(dns::Name::from_wire(name.wire()) == name, "a sent name reads as itself");
}

void check_record(const dns::Record& record) {
  check_name(record.name);
  require(is_printable(dns::rdata_text(record)), "data print as ASCII");
  require(dns::type_named(dns::to_string(record.type)) == record.type, "a type's name reads as itself");
  require(dns::class_named(dns::to_string(record.record_class)) == record.record_class,
          "a class's name reads as itself");
  require(record.ttl_s <= 0x7fffffff, "RFC 2181 §8: a TTL has 31 bits");
}

void check_message(dns::Message message) {
  for (const auto& question : message.questions) check_name(question.name);
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const dns::Record& record : *section) check_record(record);
  }
  require(is_printable(dns::to_string(message.rcode)), "a response code prints as ASCII");
  const auto written = dns::encode_message(message);
  if (!written) return;  // without compression it may exceed 65535 bytes
  message.trailing_bytes = 0;
  require(dns::decode_message(*written) == message, "what is written reads as itself");
  require(dns::encode_message(message) == written, "what reads alike is written alike");
}

void check_as_reply(Bytes bytes, const dns::Message* message) {
  const Codec& codec = dns_codec();
  const ReplyView view = codec.decode_reply(bytes);
  if (view.kind == ReplyKind::dropped) return;
  require(view.payload.data() == bytes.data() && view.payload.size() == bytes.size(),
          "the payload of a reply is all of it");
  const dns::Question other{.name = *dns::Name::parse("other.example"), .type = dns::Type::txt};
  const auto verdict = codec.mismatch(dns::encode_query(other), view);
  require((verdict == DropReason::malformed) == (message == nullptr), "what does not decode is malformed");
  if (message == nullptr) return;
  const bool asks_other = message->questions == std::vector{other};
  if (!verdict && !asks_other) {
    require(message->questions.empty() && message->answers.empty(), "an answer repeats its question");
  }
  if (message->questions.size() != 1 || message->opcode != 0) return;
  require(codec.mismatch(dns::encode_query(message->questions[0]), view) == std::nullopt,
          "a reply to the same question is one");
}

void check_as_request(Bytes bytes, const dns::Message* message) {
  ByteVector out(dns::kMessageBytesMax);
  RequestStamp stamp;
  stamp.id = 0x1234abcd;
  const auto size = dns_codec().encode_request(stamp, bytes, out);
  require(size.has_value() == (message != nullptr && !message->response), "any query can be asked");
  if (!size) return;
  require(*size == bytes.size() && out[0] == std::byte{0xab} && out[1] == std::byte{0xcd},
          "the ID is the lowest bits of the engine's");
  require(same_bytes(Bytes{out}.subspan(2, *size - 2), bytes.subspan(2)), "the rest is as it was");
  require(!dns_codec().encode_request(stamp, bytes, MutableBytes{out}.first(*size - 1)),
          "what does not fit is not written");
}

void check_as_name(Bytes bytes) {
  if (const auto name = dns::Name::parse(text_of(bytes))) {
    check_name(*name);
  } else {
    require(!dns::describe(name.error()).empty(), "a problem has a description");
  }
  if (const auto name = dns::Name::from_wire(bytes)) {
    require(same_bytes(name->wire(), bytes), "a name keeps its bytes");
    check_name(*name);
  }
}

}  // namespace

void run_dns(Bytes input) {
  const auto message = dns::decode_message(input);
  if (message) check_message(*message);
  check_as_reply(input, message ? &*message : nullptr);
  check_as_request(input, message ? &*message : nullptr);
  check_as_name(input);
}

}  // namespace holler::fuzz
