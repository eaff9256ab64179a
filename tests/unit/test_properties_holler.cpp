#include <array>
#include <gtest/gtest.h>

#include "holler/codecs.hpp"

#include "tests/support/stamps.hpp"
#include "tests/unit/properties.hpp"

namespace holler {
namespace {

using properties::always;
using properties::any_bytes;
using properties::any_duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;

template <class Number>
Number any() {
  return *rc::gen::arbitrary<Number>();
}

/// With views into what it owns.
struct AnyRequest {
  ByteVector cookie =
      *rc::gen::inRange(0, 2) == 0 ? ByteVector{} : ByteVector(16, std::byte{any<std::uint8_t>()});
  ByteVector payload = any_bytes(60);
  RequestStamp stamp{.conversation = any<std::uint64_t>(),
                     .number = any<std::uint64_t>() | 1U,
                     .id = any<std::uint64_t>(),
                     .attempt = any<std::uint8_t>(),
                     .time_left = any_duration(),
                     .life = any<std::uint32_t>(),
                     .cookie = cookie};

  AnyRequest() {
    stamp.done_below = stamp.number - *rc::gen::inRange<std::uint64_t>(0, std::min(stamp.number, kSpan));
  }

  [[nodiscard]] ByteVector encoded() const {
    ByteVector out(holler_codec().traits().request_overhead_bytes + payload.size());
    out.resize(holler_codec().encode_request(stamp, payload, out).value_or(0));
    return out;
  }

  static constexpr std::uint64_t kSpan = std::uint64_t{1} << 32U;
};

struct AnyReply {
  ByteVector cookie = ByteVector(16, std::byte{any<std::uint8_t>()});
  ByteVector payload;
  ReplyStamp stamp{.kind = static_cast<ReplyKind>(*rc::gen::inRange(0, static_cast<int>(ReplyKind::dropped))),
                   .number = any<std::uint64_t>(),
                   .id = any<std::uint64_t>(),
                   .attempt = any<std::uint8_t>(),
                   .hold = any_duration(),
                   .retry_after = any_duration(),
                   .life = any<std::uint32_t>() | 1U,
                   .age = any_duration(),
                   .reason = any<std::uint16_t>(),
                   .cookie = cookie};

  AnyReply() {
    if (stamp.kind == ReplyKind::reply) payload = any_bytes(60);
    stamp.payload_bytes = payload.size();
  }

  [[nodiscard]] ByteVector encoded() const {
    ByteVector out(64);
    out.resize(holler_codec().encode_reply_header(stamp, out).value_or(0));
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
  }
};

/// In whole units, as it travels: rounded up, and as much as there is room for.
template <class Unit>
Duration rounded_up(Duration length, std::int64_t most) {
  const Duration unit{Unit{1}};
  return unit * std::min<std::int64_t>(length / unit + (length % unit > Duration{} ? 1 : 0), most);
}

TEST(HollerProperties, ARequestDecodesToWhatWasEncoded) {
  EXPECT_TRUE(always("requests", [] {
    const AnyRequest request;
    const ByteVector datagram = request.encoded();
    const RequestView view = holler_codec().decode_request(datagram);
    const RequestStamp& stamp = request.stamp;
    RC_ASSERT(!view.drop.has_value());
    RC_ASSERT(view.identified);
    RC_ASSERT(view.conversation == stamp.conversation);
    RC_ASSERT(view.number == stamp.number);
    RC_ASSERT(view.done_below == stamp.done_below);
    RC_ASSERT(view.id == stamp.id);
    RC_ASSERT(view.attempt == stamp.attempt);
    RC_ASSERT(view.life == stamp.life);
    RC_ASSERT(same_bytes(view.payload, request.payload));
    RC_ASSERT(same_bytes(view.cookie, request.cookie));
    const Duration left =
        stamp.time_left == kForever ? kForever : rounded_up<milliseconds>(stamp.time_left, 0xfffffffe);
    RC_ASSERT(view.time_left.count() == left.count());
  }));
}

TEST(HollerProperties, AnAnswerDecodesToWhatWasEncoded) {
  EXPECT_TRUE(always("answers", [] {
    const AnyReply reply;
    const ByteVector datagram = reply.encoded();
    const ReplyView view = holler_codec().decode_reply(datagram);
    const ReplyStamp& stamp = reply.stamp;
    RC_ASSERT((view.kind == stamp.kind));
    RC_ASSERT(view.number == stamp.number);
    RC_ASSERT(view.id == stamp.id);
    RC_ASSERT(view.attempt == stamp.attempt);
    RC_ASSERT(view.life == stamp.life);
    RC_ASSERT(view.reason == (stamp.kind == ReplyKind::reply ? 0 : stamp.reason));
    RC_ASSERT(same_bytes(view.payload, reply.payload));
    RC_ASSERT(same_bytes(view.cookie, stamp.kind == ReplyKind::verify ? reply.cookie : ByteVector{}));
    RC_ASSERT(view.hold.count() == rounded_up<microseconds>(stamp.hold, 0xffffffff).count());
    const bool waits = stamp.kind == ReplyKind::working || stamp.kind == ReplyKind::busy;
    const Duration retry = waits ? rounded_up<milliseconds>(stamp.retry_after, 0xffffffff) : Duration{};
    RC_ASSERT(view.retry_after.count() == retry.count());
    // An age is rounded down: never more than the truth.
    const Duration age =
        waits ? Duration{} : milliseconds{std::min<std::int64_t>(stamp.age / milliseconds{1}, 0xffffffff)};
    RC_ASSERT(view.age.count() == age.count());
  }));
}

TEST(HollerProperties, WhatDecodesAsARequestEncodesToTheSameBytesButForWhatMeansNothing) {
  EXPECT_TRUE(always("damaged requests", [] {
    ByteVector datagram = properties::damaged(AnyRequest{}.encoded());
    const RequestView view = holler_codec().decode_request(datagram);
    if (view.drop) return;
    const RequestStamp stamp = testing::stamp_of(view);
    datagram.resize(datagram.size() - view.rest.size());
    ByteVector out(datagram.size());
    RC_ASSERT(holler_codec().encode_request(stamp, view.payload, out) == datagram.size());
    datagram[5] &= std::byte{0x03};  // docs/protocol.md: flag bits 2 and 3 are ignored
    RC_ASSERT(same_bytes(out, datagram));
  }));
}

TEST(HollerProperties, WhatDecodesAsAnAnswerEncodesToTheSameBytesButForWhatMeansNothing) {
  EXPECT_TRUE(always("damaged answers", [] {
    ByteVector datagram = properties::damaged(AnyReply{}.encoded());
    const ReplyView view = holler_codec().decode_reply(datagram);
    if (view.kind == ReplyKind::dropped) return;
    const ReplyStamp stamp = testing::stamp_of(view);
    datagram.resize(datagram.size() - view.rest.size());
    ByteVector out(datagram.size());
    const auto header = holler_codec().encode_reply_header(stamp, out);
    RC_ASSERT(header.has_value());
    RC_ASSERT(*header + view.payload.size() == datagram.size());
    std::ranges::copy(view.payload, out.begin() + static_cast<std::ptrdiff_t>(*header));
    datagram[5] &= std::byte{0x02};  // docs/protocol.md: no other flag means anything in an answer
    RC_ASSERT(same_bytes(out, datagram));
  }));
}

TEST(PlainProperties, ADatagramIsItsPayloadBothWays) {
  EXPECT_TRUE(always("plain datagrams", [] {
    const ByteVector payload = any_bytes(200);
    ByteVector out(payload.size());
    RC_ASSERT(plain_codec().encode_request({}, payload, out) == payload.size());
    RC_ASSERT(same_bytes(out, payload));
    RC_ASSERT(same_bytes(plain_codec().decode_request(out).payload, payload));
    const ReplyView reply = plain_codec().decode_reply(out);
    RC_ASSERT((reply.kind == ReplyKind::reply));
    RC_ASSERT(same_bytes(reply.payload, payload));
  }));
}

}  // namespace
}  // namespace holler
