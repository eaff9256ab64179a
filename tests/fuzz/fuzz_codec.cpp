#include <array>

#include "holler/codecs.hpp"

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/oracle.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/stamps.hpp"
#include "wire/udp_packet.hpp"

// Any bytes as a datagram of holler's own format and of none, read as a reply and as a request; what reads is
// written again. Any bytes as a packet with its headers. And any stamps, written and read again.

namespace holler::fuzz {
namespace {

constexpr std::size_t kFlagsOffset = 5;
constexpr std::byte kCookieFlag{0x01};
constexpr std::byte kIgnoredFlags{0x0c};

bool lies_in(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// What is left is a message of its own.
Bytes without_rest(const Codec& codec, Bytes datagram, Bytes rest) {
  require(rest.empty() || (codec.traits().bundles && rest.size() < datagram.size() &&
                           rest.data() + rest.size() == datagram.data() + datagram.size()),
          "what follows a message is the end of its datagram");
  return datagram.first(datagram.size() - rest.size());
}

/// What decodes encodes to the same bytes, but for what docs/protocol.md lets a reader ignore: flags that
/// mean nothing.
void check_request(const Codec& codec, Bytes datagram) {
  const RequestView view = codec.decode_request(datagram);
  if (view.drop) return;
  require(lies_in(view.payload, datagram) && lies_in(view.cookie, datagram), "views point into the datagram");
  datagram = without_rest(codec, datagram, view.rest);
  require(!view.identified || (view.done_below >= 1 && view.done_below <= view.number),
          "a request is not done before it is asked");
  const RequestStamp stamp = testing::stamp_of(view);
  ByteVector out(datagram.size());
  const auto size = codec.encode_request(stamp, view.payload, out);
  require(size == datagram.size(), "what is read can be written, in as many bytes");
  ByteVector expected = copy_of(datagram);
  if (view.identified) expected[kFlagsOffset] &= ~kIgnoredFlags;
  require(same_bytes(out, expected), "what is read is written as it was");
  require(
      datagram.empty() || !codec.encode_request(stamp, view.payload, MutableBytes{out}.first(out.size() - 1)),
      "what does not fit is not written");
}

void check_reply(const Codec& codec, Bytes datagram) {
  const ReplyView view = codec.decode_reply(datagram);
  if (view.kind == ReplyKind::dropped) return;
  require(lies_in(view.payload, datagram) && lies_in(view.cookie, datagram), "views point into the datagram");
  datagram = without_rest(codec, datagram, view.rest);
  require(view.hold >= Duration::zero() && view.retry_after >= Duration::zero(), "time runs forwards");
  const ReplyStamp stamp = testing::stamp_of(view);
  ByteVector out(datagram.size());
  const auto header = codec.encode_reply_header(stamp, out);
  require(header.has_value() && *header + view.payload.size() == datagram.size(),
          "what is read can be written");
  require(view.kind != ReplyKind::reply || *header == codec.traits().reply_header_bytes,
          "a reply's header has the size that is promised");
  std::copy(view.payload.begin(), view.payload.end(), out.begin() + static_cast<std::ptrdiff_t>(*header));
  ByteVector expected = copy_of(datagram);
  if (codec.traits().numbered) expected[kFlagsOffset] &= ~(kIgnoredFlags | kCookieFlag);
  require(same_bytes(out, expected), "what is read is written as it was");
  require(*header == 0 || !codec.encode_reply_header(stamp, MutableBytes{out}.first(*header - 1)),
          "what does not fit is not written");
}

void check_packet(Bytes packet) {
  const auto view = decode_udp_packet(packet);
  if (!view) return;
  require(lies_in(view->payload, packet), "views point into the packet");
  if (view->from.address.is_v6() != view->to.address.is_v6()) return;  // one of them is IPv4-mapped
  ByteVector out(udp_headers_bytes(view->from.address) + view->payload.size());
  const auto size = encode_udp_packet(view->from, view->to, 64, view->payload, out);
  require(size == out.size(), "what is found in a packet can be written as one");
  const auto back = decode_udp_packet(out);
  require(
      back && back->from == view->from && back->to == view->to && same_bytes(back->payload, view->payload),
      "what is written is found again");
}

/// In whole units, as it travels.
template <class Unit>
Duration travelled(Duration length, std::uint32_t most) {
  if (length <= Duration::zero()) return Duration::zero();
  const auto units = (length - Duration{1}) / Duration{Unit{1}} + 1;
  return Unit{std::min<std::int64_t>(units, most)};
}

void check_request_stamp(Input& input) {
  const Codec& codec = holler_codec();
  std::array<std::byte, 16> cookie{};
  for (std::byte& byte : cookie) byte = std::byte{input.byte()};
  const bool proves = input.one_in(2);
  const auto number = input.number<std::uint64_t>();
  const RequestStamp stamp{.conversation = input.number<std::uint64_t>(),
                           .number = number,
                           .done_below = number - input.number<std::uint32_t>(),
                           .id = input.number<std::uint64_t>(),
                           .attempt = input.byte(),
                           .time_left = input.duration(),
                           .life = input.number<std::uint32_t>(),
                           .bundles = true,
                           .cookie = proves ? Bytes{cookie} : Bytes{}};
  const Bytes payload = input.rest();
  ByteVector out(codec.traits().request_overhead_bytes + payload.size());
  const auto size = codec.encode_request(stamp, payload, out);
  require(size.has_value() == (stamp.done_below >= 1 && stamp.done_below <= number), "a span ends above 0");
  if (!size) return;
  const RequestView view = codec.decode_request(Bytes{out}.first(*size));
  require(!view.drop && view.identified && view.conversation == stamp.conversation && view.number == number &&
              view.done_below == stamp.done_below && view.id == stamp.id && view.attempt == stamp.attempt &&
              view.life == stamp.life && view.bundles && view.rest.empty(),
          "a request reads as it was written");
  require(same_bytes(view.payload, payload) && same_bytes(view.cookie, stamp.cookie),
          "and so does what it carries");
  using std::chrono::milliseconds;
  require(view.time_left ==
              (stamp.time_left == kForever ? kForever : travelled<milliseconds>(stamp.time_left, 0xfffffffe)),
          "time is rounded up to milliseconds");
}

void check_reply_stamp(Input& input) {
  const Codec& codec = holler_codec();
  std::array<std::byte, 16> cookie{};
  for (std::byte& byte : cookie) byte = std::byte{input.byte()};
  const ReplyStamp stamp{
      .kind = static_cast<ReplyKind>(input.below(static_cast<std::uint32_t>(ReplyKind::dropped) + 1)),
      .number = input.number<std::uint64_t>(),
      .id = input.number<std::uint64_t>(),
      .attempt = input.byte(),
      .hold = input.duration(),
      .retry_after = input.duration(),
      .life = input.one_in(4) ? 0 : input.number<std::uint32_t>(),
      .age = input.duration(),
      .reason = input.number<std::uint16_t>(),
      .cookie = cookie};
  std::array<std::byte, 64> out{};
  const auto size = codec.encode_reply_header(stamp, out);
  require(size.has_value() == (stamp.kind != ReplyKind::dropped), "every kind but one can be said");
  if (!size) return;
  const ReplyView view = codec.decode_reply(Bytes{out}.first(*size));
  if (stamp.kind == ReplyKind::restarted && stamp.life == 0) {
    require(view.kind == ReplyKind::dropped, "who has been restarted has a life");
    return;
  }
  require(view.kind == stamp.kind && view.number == stamp.number && view.id == stamp.id &&
              view.attempt == stamp.attempt && view.life == stamp.life &&
              view.reason == (stamp.kind == ReplyKind::reply ? 0 : stamp.reason) && view.payload.empty(),
          "an answer reads as it was written");
  const bool waits = stamp.kind == ReplyKind::working || stamp.kind == ReplyKind::busy;
  using std::chrono::milliseconds;
  require(
      view.hold == travelled<std::chrono::microseconds>(stamp.hold, 0xffffffff) &&
          view.retry_after == (waits ? travelled<milliseconds>(stamp.retry_after, 0xffffffff) : Duration{}),
      "time is rounded up");
  require(waits || (view.age <= stamp.age &&
                    (stamp.age - view.age < milliseconds{1} || view.age == milliseconds{0xffffffff})),
          "but an age is rounded down");
  require(same_bytes(view.cookie, stamp.kind == ReplyKind::verify ? Bytes{cookie} : Bytes{}),
          "a cookie stays");
}

}  // namespace

void run_codec(Bytes input) {
  for (const Codec* codec : {&holler_codec(), &plain_codec()}) {
    check_request(*codec, input);
    check_reply(*codec, input);
  }
  check_packet(input);
  Input as_request{input};
  check_request_stamp(as_request);
  Input as_reply{input};
  check_reply_stamp(as_reply);
}

}  // namespace holler::fuzz
