#include "wire/dns_record.hpp"

#include <algorithm>

namespace holler::dns {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

/// Which alternative of RecordData a type has.
enum class Form : std::uint8_t { unknown, a, aaaa, target, soa, mx, txt, srv, caa };

Form form_of(Type type, Class record_class) noexcept {
  // In these "classes" a record stands for a condition or a deletion, and may have no data (RFC 2136 §2.4).
  if (record_class == Class::none || record_class == Class::any) return Form::unknown;
  const bool internet = record_class == Class::in;
  switch (type) {
    case Type::ns:
    case Type::cname:
    case Type::ptr: return Form::target;
    case Type::soa: return Form::soa;
    case Type::mx: return Form::mx;
    case Type::txt: return Form::txt;
    // These are defined for the Internet class; Chaosnet's A, for one, is something else.
    case Type::a: return internet ? Form::a : Form::unknown;
    case Type::aaaa: return internet ? Form::aaaa : Form::unknown;
    case Type::srv: return internet ? Form::srv : Form::unknown;
    case Type::caa: return internet ? Form::caa : Form::unknown;
    default: return Form::unknown;
  }
}

bool is_tag(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, [](char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  });
}

std::optional<RecordData> read_a(MessageReader& reader) {
  const Bytes bytes = reader.read_bytes(4);
  if (!reader.ok()) return std::nullopt;
  const auto byte = [bytes](std::size_t i) { return std::to_integer<std::uint8_t>(bytes[i]); };
  return A{Address::v4(byte(0), byte(1), byte(2), byte(3))};
}

RecordData read_aaaa(MessageReader& reader) {
  Aaaa data;
  std::ranges::transform(reader.read_bytes(data.bytes.size()), data.bytes.begin(),
                         [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return data;
}

RecordData read_soa(MessageReader& reader) {
  Soa data;
  data.primary = reader.read_name();
  data.mailbox = reader.read_name();
  data.serial = reader.read<std::uint32_t>();
  data.refresh_s = reader.read<std::uint32_t>();
  data.retry_s = reader.read<std::uint32_t>();
  data.expire_s = reader.read<std::uint32_t>();
  data.minimum_s = reader.read<std::uint32_t>();
  return data;
}

RecordData read_mx(MessageReader& reader) {
  Mx data;
  data.preference = reader.read<std::uint16_t>();
  data.exchange = reader.read_name();
  return data;
}

std::optional<RecordData> read_txt(MessageReader& reader) {
  if (reader.remaining() == 0) return std::nullopt;  // RFC 1035 §3.3.14: one or more
  std::size_t count = 0;
  for (MessageReader ahead = reader; ahead.remaining() > 0; ++count) {
    static_cast<void>(ahead.read_bytes(ahead.read<std::uint8_t>()));
  }
  Txt data;
  data.strings.reserve(count);
  while (reader.remaining() > 0) data.strings.push_back(reader.read_text());
  return data;
}

RecordData read_srv(MessageReader& reader) {
  Srv data;
  data.priority = reader.read<std::uint16_t>();
  data.weight = reader.read<std::uint16_t>();
  data.port = reader.read<std::uint16_t>();
  data.target = reader.read_name();  // compressed by old servers, against RFC 2782 (RFC 3597 §4)
  return data;
}

std::optional<RecordData> read_caa(MessageReader& reader) {
  Caa data;
  data.flags = reader.read<std::uint8_t>();
  data.tag = reader.read_text();
  data.value = std::string{text_of(reader.rest())};
  if (!is_tag(data.tag)) return std::nullopt;
  return data;
}

void write_data(MessageWriter& writer, const RecordData& data) {
  std::visit(
      Overloaded{
          [&](const Unknown& unknown) { writer.write_bytes(unknown.bytes); },
          [&](const A& a) {
            writer.check(a.address.is_v4());
            writer.write_bytes(std::as_bytes(std::span{a.address.bytes()}).first(a.address.size()));
          },
          [&](const Aaaa& aaaa) { writer.write_bytes(std::as_bytes(std::span{aaaa.bytes})); },
          [&](const Target& target) { writer.write_name(target.name); },
          [&](const Soa& soa) {
            writer.write_name(soa.primary);
            writer.write_name(soa.mailbox);
            for (const auto value : {soa.serial, soa.refresh_s, soa.retry_s, soa.expire_s, soa.minimum_s}) {
              writer.write(value);
            }
          },
          [&](const Mx& mx) {
            writer.write(mx.preference);
            writer.write_name(mx.exchange);
          },
          [&](const Txt& txt) {
            writer.check(!txt.strings.empty());
            for (const std::string& text : txt.strings) writer.write_text(text);
          },
          [&](const Srv& srv) {
            for (const auto value : {srv.priority, srv.weight, srv.port}) writer.write(value);
            writer.write_name(srv.target);
          },
          [&](const Caa& caa) {
            writer.check(is_tag(caa.tag));
            writer.write(caa.flags);
            writer.write_text(caa.tag);
            writer.write_bytes(bytes_of(caa.value));
          },
      },
      data);
}

}  // namespace

std::optional<RecordData> read_data(Type type, Class record_class, MessageReader reader) {
  std::optional<RecordData> data;
  switch (form_of(type, record_class)) {
    case Form::unknown: data = Unknown{copy_of(reader.rest())}; break;
    case Form::a: data = read_a(reader); break;
    case Form::aaaa: data = read_aaaa(reader); break;
    case Form::target: data = Target{reader.read_name()}; break;
    case Form::soa: data = read_soa(reader); break;
    case Form::mx: data = read_mx(reader); break;
    case Form::txt: data = read_txt(reader); break;
    case Form::srv: data = read_srv(reader); break;
    case Form::caa: data = read_caa(reader); break;
  }
  if (!reader.ok() || reader.remaining() > 0) return std::nullopt;
  return data;
}

void write_record(MessageWriter& writer, const Record& record) {
  const auto form = static_cast<std::size_t>(form_of(record.type, record.record_class));
  writer.check(record.data.index() == 0 || record.data.index() == form);
  writer.write_name(record.name);
  writer.write(static_cast<std::uint16_t>(record.type));
  writer.write(static_cast<std::uint16_t>(record.record_class));
  writer.write(record.ttl_s);
  const std::size_t start = writer.begin_part();
  write_data(writer, record.data);
  writer.end_part(start);
}

}  // namespace holler::dns
