#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kIds = 100'000;
constexpr Endpoint kServer{Address::v4(10, 0, 0, 1), 1060};

/// The IDs of the first `count` requests of a requester that draws from `random`.
std::vector<std::uint64_t> ids_from(RandomSource& random, std::size_t count = kIds) {
  Requester requester{holler_codec(), random, {.uncontrolled = true}};
  std::vector<std::uint64_t> ids;
  ByteVector buffer(65'507);
  for (std::size_t i = 0; i < count; ++i) {
    const auto started = requester.start(Timestamp{1h}, kServer, {}, {.jitter = percent(0)});
    const auto sent = requester.poll_transmit(Timestamp{1h}, buffer);
    if (!sent) break;
    ids.push_back(holler_codec().decode_request(Bytes{buffer}.first(sent->bytes)).id);
    requester.cancel(Timestamp{1h}, started.handle);
    while (requester.poll_event()) {
    }
  }
  return ids;
}

/// Counts up: whatever order or hash an engine put on top would show.
class Counter final : public RandomSource {
 public:
  [[nodiscard]] std::uint64_t next() override { return ++count_; }

 private:
  std::uint64_t count_ = 0;
};

TEST(RequestIds, AreTheRandomSourcesOwnNumbersWholeAndOnceEach) {
  Counter counter;
  const auto ids = ids_from(counter, 1000);
  ASSERT_EQ(ids.size(), 1000U);
  for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_GT(ids[i], ids[i - 1]) << "drawn once, for one request";
}

TEST(RequestIds, HaveSixtyFourBitsEachAsOftenSetAsNot) {
  SeededRandom random{11};
  const auto ids = ids_from(random);
  ASSERT_EQ(ids.size(), kIds);
  // 100,000 throws: a standard deviation of 158. Five of them, for 64 bits, are passed once in 27,000 runs.
  const double bound = 5 * std::sqrt(double{kIds} / 4);
  for (unsigned bit = 0; bit < 64; ++bit) {
    std::size_t set = 0;
    std::size_t changed = 0;
    for (std::size_t i = 0; i < kIds; ++i) {
      set += ids[i] >> bit & 1U;
      changed += i > 0 ? (ids[i] ^ ids[i - 1]) >> bit & 1U : 0;
    }
    EXPECT_NEAR(double(set), double{kIds} / 2, bound) << "bit " << bit;
    EXPECT_NEAR(double(changed), double{kIds} / 2, bound) << "bit " << bit << " from one ID to the next";
  }
}

TEST(RequestIds, FillEveryByteEvenlyAndNeverRepeat) {
  SeededRandom random{12};
  auto ids = ids_from(random);
  for (unsigned byte = 0; byte < 8; ++byte) {
    std::array<std::size_t, 256> counts{};
    for (const std::uint64_t id : ids) ++counts[id >> (8 * byte) & 255U];
    double chi = 0;
    const double expected = double{kIds} / 256;
    for (const std::size_t count : counts)
      chi += (double(count) - expected) * (double(count) - expected) / expected;
    // Chi-squared with 255 degrees of freedom: 153 to 381 has all but 1 in 100,000 on either side.
    EXPECT_GT(chi, 153) << "byte " << byte;
    EXPECT_LT(chi, 381) << "byte " << byte;
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(RequestIds, DifferForTheSameRequestOfAnotherRequester) {
  SeededRandom one{1};
  SeededRandom other{2};
  const auto left = ids_from(one, 1000);
  const auto right = ids_from(other, 1000);
  std::size_t same = 0;
  for (std::size_t i = 0; i < 1000; ++i) same += left[i] == right[i] ? 1U : 0U;
  EXPECT_EQ(same, 0U);
}

TEST(RequestIds, RepeatsOfOneRequestKeepTheirId) {
  SeededRandom random{3};
  Requester requester{holler_codec(), random};
  ByteVector buffer(65'507);
  Timestamp now{1h};
  ASSERT_EQ(requester.start(now, kServer, bytes_of("x")).status, StartStatus::started);
  std::vector<RequestView> sent;
  while (requester.outstanding() != 0) {
    while (const auto transmit = requester.poll_transmit(now, buffer)) {
      sent.push_back(holler_codec().decode_request(Bytes{buffer}.first(transmit->bytes)));
    }
    now = requester.next_timeout();
    requester.handle_timeout(now);
  }
  ASSERT_GE(sent.size(), 3U);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].id, sent[0].id);
    EXPECT_EQ(sent[i].number, sent[0].number);
    EXPECT_EQ(sent[i].conversation, sent[0].conversation);
    EXPECT_EQ(sent[i].attempt, i + 1);
  }
}

}  // namespace
}  // namespace holler
