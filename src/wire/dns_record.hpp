#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "holler/dns.hpp"

#include "wire/dns_name.hpp"

namespace holler::dns {

/// Reads a message from its beginning, or from an offset up to an end. What cannot be read yields an empty
/// value and makes `ok()` false for good.
class MessageReader {
 public:
  explicit MessageReader(Bytes message, std::size_t offset = 0) noexcept
      : message_{message}, offset_{offset} {}

  template <std::unsigned_integral Number>
  [[nodiscard]] Number read() noexcept {
    ByteReader reader{message_.subspan(offset_)};
    const auto value = reader.read<Number>();
    advance(reader);
    return value;
  }
  [[nodiscard]] Bytes read_bytes(std::size_t count) noexcept {
    ByteReader reader{message_.subspan(offset_)};
    const Bytes bytes = reader.read_bytes(count);
    advance(reader);
    return bytes;
  }
  [[nodiscard]] Bytes rest() noexcept { return read_bytes(remaining()); }
  /// A <character-string> (RFC 1035 §3.3): a length byte, and that many bytes.
  [[nodiscard]] std::string read_text() { return std::string{text_of(read_bytes(read<std::uint8_t>()))}; }
  [[nodiscard]] Name read_name() {
    std::optional<Name> name = dns::read_name(message_, offset_);
    if (!name) fail();
    return name ? *std::move(name) : Name{};
  }
  /// A reader of the next `count` bytes alone, whose names may still point to before them; moves past them.
  [[nodiscard]] MessageReader read_part(std::size_t count) noexcept {
    const std::size_t start = offset_;
    MessageReader part{message_.first(start + read_bytes(count).size()), start};
    part.ok_ = ok_;
    return part;
  }

  [[nodiscard]] std::size_t remaining() const noexcept { return message_.size() - offset_; }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  void advance(const ByteReader& reader) noexcept {
    offset_ += reader.offset();
    if (!reader.ok()) fail();
  }
  void fail() noexcept {
    ok_ = false;
    offset_ = message_.size();
  }

  Bytes message_;
  std::size_t offset_;
  bool ok_ = true;
};

/// Appends to a message; what has no room in its field makes `ok()` false for good.
class MessageWriter {
 public:
  template <std::unsigned_integral Number>
  void write(Number value) {
    std::array<std::byte, sizeof(Number)> bytes{};
    ByteWriter{bytes}.write(value);
    write_bytes(bytes);
  }
  void write_bytes(Bytes bytes) { message_.insert(message_.end(), bytes.begin(), bytes.end()); }
  void write_text(std::string_view text) {
    check(text.size() <= 255);
    write(static_cast<std::uint8_t>(text.size()));
    write_bytes(bytes_of(text));
  }
  void write_name(const Name& name) { write_bytes(name.wire()); }

  /// Leaves room for a 16-bit length.
  /// @return where the room is, for end_part
  [[nodiscard]] std::size_t begin_part() {
    write(std::uint16_t{0});
    return message_.size();
  }
  void end_part(std::size_t start) {
    const std::size_t length = message_.size() - start;
    check(length <= 0xffff);
    ByteWriter{MutableBytes{message_}.subspan(start - 2, 2)}.write(static_cast<std::uint16_t>(length));
  }

  void check(bool condition) noexcept { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const noexcept { return ok_ && message_.size() <= kMessageBytesMax; }
  [[nodiscard]] ByteVector take() noexcept { return std::move(message_); }

 private:
  ByteVector message_;
  bool ok_ = true;
};

/// Reads the data of a record; `reader` has exactly these.
/// @return nullopt where they do not fit the type
[[nodiscard]] std::optional<RecordData> read_data(Type type, Class record_class, MessageReader reader);
/// Writes a record. Data of another type than the record's is not written: see MessageWriter::ok.
void write_record(MessageWriter& writer, const Record& record);

}  // namespace holler::dns
