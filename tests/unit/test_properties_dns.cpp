#include <gtest/gtest.h>

#include "holler/codecs.hpp"
#include "holler/dns.hpp"

#include "tests/unit/properties.hpp"

namespace holler::dns {
namespace {

using properties::always;
using properties::any_bytes;

std::string any_text(std::size_t most) { return std::string{text_of(any_bytes(most))}; }

Name any_name() {
  std::string wire;
  for (auto labels = *rc::gen::inRange(0, 5); labels > 0; --labels) {
    const std::string label = any_text(20);
    if (label.empty()) continue;
    wire += static_cast<char>(label.size());
    wire += label;
  }
  wire += '\0';
  return Name::from_wire(bytes_of(wire)).value_or(Name{});
}

template <class Number>
Number any_number() {
  return *rc::gen::arbitrary<Number>();
}

Record any_record() {
  Record record{.name = any_name(), .ttl_s = any_number<std::uint32_t>() & 0x7fffffffU, .data = Unknown{}};
  const auto set = [&](Type type, RecordData data) {
    record.type = type;
    record.data = std::move(data);
  };
  switch (*rc::gen::inRange(0, 9)) {
    case 0: set(Type::a, A{Address::v4(any_number<std::uint8_t>(), 0, 2, any_number<std::uint8_t>())}); break;
    case 1: {
      Aaaa data;
      for (std::uint8_t& byte : data.bytes) byte = any_number<std::uint8_t>();
      set(Type::aaaa, data);
      break;
    }
    case 2: set(Type::cname, Target{any_name()}); break;
    case 3:
      set(Type::soa,
          Soa{any_name(), any_name(), any_number<std::uint32_t>(), any_number<std::uint32_t>(),
              any_number<std::uint32_t>(), any_number<std::uint32_t>(), any_number<std::uint32_t>()});
      break;
    case 4: set(Type::mx, Mx{any_number<std::uint16_t>(), any_name()}); break;
    case 5: set(Type::txt, Txt{{any_text(255), any_text(20)}}); break;
    case 6:
      set(Type::srv, Srv{any_number<std::uint16_t>(), any_number<std::uint16_t>(),
                         any_number<std::uint16_t>(), any_name()});
      break;
    case 7: set(Type::caa, Caa{any_number<std::uint8_t>(), "issue", any_text(40)}); break;
    default:
      set(static_cast<Type>(65280 + *rc::gen::inRange(0, 200)), Unknown{any_bytes(60)});
      record.record_class = static_cast<Class>(any_number<std::uint16_t>());
      break;
  }
  return record;
}

std::vector<Record> any_records() {
  std::vector<Record> records;
  for (auto count = *rc::gen::inRange(0, 4); count > 0; --count) records.push_back(any_record());
  return records;
}

bool flip() { return *rc::gen::arbitrary<bool>(); }

Message any_message() {
  Message message{.id = any_number<std::uint16_t>(),
                  .opcode = static_cast<std::uint8_t>(*rc::gen::inRange(0, 16)),
                  .response = flip(),
                  .authoritative = flip(),
                  .recursion_desired = flip(),
                  .recursion_available = flip(),
                  .authentic_data = flip(),
                  .checking_disabled = flip(),
                  .answers = any_records(),
                  .authorities = any_records(),
                  .additionals = any_records()};
  for (auto count = *rc::gen::inRange(0, 3); count > 0; --count) {
    message.questions.push_back({any_name(), static_cast<Type>(any_number<std::uint16_t>()),
                                 static_cast<Class>(any_number<std::uint16_t>())});
  }
  if (flip()) {
    message.edns = Edns{.reply_bytes_max = any_number<std::uint16_t>(),
                        .version = any_number<std::uint8_t>(),
                        .dnssec_ok = flip(),
                        .options = {{any_number<std::uint16_t>(), any_bytes(20)}}};
  }
  const int rcodes = message.edns ? 4096 : 16;  // EDNS has the upper bits
  message.rcode = static_cast<Rcode>(*rc::gen::inRange(0, rcodes));
  return message;
}

TEST(DnsProperties, WhatIsEncodedDecodesToTheSame) {
  EXPECT_TRUE(always("messages", [] {
    const Message message = any_message();
    const auto bytes = encode_message(message);
    RC_ASSERT(bytes.has_value());
    const auto back = decode_message(*bytes);
    RC_ASSERT(back.has_value());
    RC_ASSERT((*back == message));
    RC_ASSERT((encode_message(*back) == bytes));
  }));
}

TEST(DnsProperties, WhatDecodesEncodesToTheSameMessageThoughNotAlwaysToTheSameBytes) {
  EXPECT_TRUE(always("damaged messages", [] {
    const auto bytes = properties::damaged(*encode_message(any_message()));
    auto message = decode_message(bytes);
    if (!message) return;
    const auto written = encode_message(*message);
    RC_ASSERT(written.has_value());
    message->trailing_bytes = 0;
    RC_ASSERT((decode_message(*written) == message));
  }));
}

TEST(DnsProperties, AQueryIsAskedAsItIsButForItsId) {
  EXPECT_TRUE(always("queries", [] {
    const ByteVector query = encode_query({any_name(), static_cast<Type>(any_number<std::uint16_t>())});
    RequestStamp stamp;
    stamp.id = any_number<std::uint64_t>();
    ByteVector out(query.size());
    RC_ASSERT(dns_codec().encode_request(stamp, query, out) == query.size());
    auto expected = decode_message(query);
    RC_ASSERT(expected.has_value());
    expected->id = static_cast<std::uint16_t>(stamp.id);
    RC_ASSERT((decode_message(out) == expected));
    expected->response = true;
    const auto reply = encode_message(*expected);
    RC_ASSERT(reply.has_value());
    const ReplyView view = dns_codec().decode_reply(*reply);
    RC_ASSERT((view.kind == ReplyKind::reply && view.id == expected->id));
    RC_ASSERT(!dns_codec().mismatch(query, view).has_value());
  }));
}

}  // namespace
}  // namespace holler::dns
