// Any bytes as a DNS message: as a reply to a query, as a message that is printed, written again and read
// again, and as the text of a name.
#include <algorithm>
#include <cstdlib>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"

namespace {

using namespace holler;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return byte >= ' ' && byte < 0x7f; });
}

void check_name(const dns::Name& name) {
  require(name.wire().size() <= dns::kNameBytesMax);
  const std::string text = name.to_string();
  require(is_printable(text));
  const auto back = dns::Name::parse(text);
  require(back.has_value() && same_bytes(back->wire(), name.wire()));
}

void check_message(dns::Message message) {
  for (const auto& question : message.questions) check_name(question.name);
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const dns::Record& record : *section) {
      check_name(record.name);
      require(is_printable(dns::rdata_text(record)));
    }
  }
  const auto written = dns::encode_message(message);
  if (!written) return;  // without compression it may exceed 65535 bytes
  message.trailing_bytes = 0;
  require(dns::decode_message(*written) == message);
}

void check_as_reply(Bytes bytes, const dns::Message* message) {
  const Codec& codec = dns_codec();
  const ReplyView view = codec.decode_reply(bytes);
  if (view.kind == ReplyKind::dropped) return;
  require(view.payload.data() == bytes.data() && view.payload.size() == bytes.size());
  dns::Question question{.name = dns::Name{}, .type = dns::Type::txt};
  static_cast<void>(codec.mismatch(dns::encode_query(question), view));
  if (message == nullptr || message->questions.size() != 1 || message->opcode != 0) return;
  require(codec.mismatch(dns::encode_query(message->questions[0]), view) == std::nullopt);
}

void check_as_request(Bytes bytes) {
  ByteVector out(dns::kMessageBytesMax);
  RequestStamp stamp;
  stamp.id = 0xabcd;
  const auto size = dns_codec().encode_request(stamp, bytes, out);
  if (size) require(*size == bytes.size() && out[0] == std::byte{0xab} && out[1] == std::byte{0xcd});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span{data, size});
  const auto message = dns::decode_message(bytes);
  if (message) check_message(*message);
  check_as_reply(bytes, message ? &*message : nullptr);
  check_as_request(bytes);
  if (const auto name = dns::Name::parse(text_of(bytes))) check_name(*name);
  return 0;
}
