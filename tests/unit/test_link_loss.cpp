#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "holler/link.hpp"

/// What a link loses: by chance, in bursts, to a checksum, to a wall. With fixed seeds; the bounds are four
/// standard deviations, and a seed that is within them stays within them.
namespace holler {
namespace {

constexpr int kMany = 100'000;
constexpr Timestamp kStart{Duration{1}};

std::vector<Loss> fates(const LinkSettings& settings, int datagrams = kMany, std::uint64_t seed = 1) {
  SeededRandom random{seed};
  Link link{settings};
  std::vector<Loss> result;
  for (int i = 0; i < datagrams; ++i) result.push_back(link.carry(kStart, 60, random).loss);
  return result;
}

double share(const std::vector<Loss>& fates, Loss wanted) {
  return static_cast<double>(std::count(fates.begin(), fates.end(), wanted)) /
         static_cast<double>(fates.size());
}

/// Four standard deviations of the share of `kMany` independent trials.
double tolerance(double probability) { return 4 * std::sqrt(probability * (1 - probability) / kMany); }

/// The mean length of unbroken runs of `wanted`.
double mean_run(const std::vector<Loss>& fates, Loss wanted) {
  double runs = 0;
  double inside = 0;
  Loss before = Loss::none;
  for (const Loss fate : fates) {
    if (fate == wanted) {
      ++inside;
      if (before != wanted) ++runs;
    }
    before = fate;
  }
  return inside / runs;
}

TEST(LinkLoss, LosesNothingByDefault) { EXPECT_EQ(share(fates({}), Loss::none), 1.0); }

TEST(LinkLoss, LosesTheAskedShareByChanceAndIndependently) {
  const auto lost = fates({.loss = percent(20)});
  EXPECT_NEAR(share(lost, Loss::chance), 0.2, tolerance(0.2));
  // Runs of independent losses have a mean length of 1 / (1 - p).
  EXPECT_NEAR(mean_run(lost, Loss::chance), 1.25, 0.02);
}

TEST(LinkLoss, LosesEverythingAtAHundredPercent) {
  EXPECT_EQ(share(fates({.loss = percent(100)}), Loss::chance), 1.0);
}

// The stationary share of bad times is p / (p + r), their mean length 1 / r (Gilbert 1960).
TEST(LinkLoss, LosesInBurstsOfTheMeanLengthAndShareThatGilbertGives) {
  const auto lost = fates({.burst = {.begin = percent(2), .end = percent(25)}});
  const double expected = 2.0 / 27;
  // Neighbours depend on each other: the variance is (2 - p - r) / (p + r) times that of independent trials.
  const double correlation = std::sqrt((2 - 0.27) / 0.27);
  EXPECT_NEAR(share(lost, Loss::burst), expected, tolerance(expected) * correlation);
  EXPECT_NEAR(mean_run(lost, Loss::burst), 4.0, 0.3);
  EXPECT_EQ(share(lost, Loss::chance), 0.0);
}

TEST(LinkLoss, LosesAShareInTheBadStateAndAnotherInTheGoodOneAsElliottHasIt) {
  const auto lost =
      fates({.loss = percent(1), .burst = {.begin = percent(10), .end = percent(10), .loss = percent(50)}});
  EXPECT_NEAR(share(lost, Loss::burst), 0.25, 0.02);
  EXPECT_NEAR(share(lost, Loss::chance), 0.005, 0.002);
}

TEST(LinkLoss, EndsABurstWhenBurstsAreTurnedOff) {
  SeededRandom random{1};
  Link link{{.burst = {.begin = percent(100), .end = percent(0)}}};
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::none);  // good, and bad from now on
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::burst);
  EXPECT_TRUE(link.in_burst());
  link.settings.burst = {};
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::none);
  EXPECT_FALSE(link.in_burst());
}

TEST(LinkLoss, GivesWhatAChecksumWouldCatchToNobody) {
  const auto lost = fates({.checksum_errors = percent(3)});
  EXPECT_NEAR(share(lost, Loss::checksum), 0.03, tolerance(0.03));
}

TEST(LinkLoss, PassesNothingWhileBlockedAndEverythingAfterwards) {
  SeededRandom random{1};
  Link link{{.blocked = true}};
  const Passage passage = link.carry(kStart, 60, random);
  EXPECT_EQ(passage.loss, Loss::blocked);
  EXPECT_TRUE(passage.arrivals().empty());
  link.settings.blocked = false;
  EXPECT_EQ(link.carry(kStart, 60, random).count, 1U);
}

TEST(LinkLoss, ChangesInTheMiddleOfARun) {
  SeededRandom random{1};
  Link link;
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::none);
  link.settings.loss = percent(100);
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::chance);
  link.settings.loss = {};
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::none);
}

TEST(LinkLoss, GivesTheSameFatesForTheSameSeedAndOthersForAnother) {
  const LinkSettings settings{.loss = percent(20), .burst = {.begin = percent(5), .end = percent(25)}};
  EXPECT_EQ(fates(settings, 1000, 7), fates(settings, 1000, 7));
  EXPECT_NE(fates(settings, 1000, 7), fates(settings, 1000, 8));
}

// Written down once: a compiler, a library or a change of the order of draws that gives others is found out.
TEST(LinkLoss, GivesTheFatesThatItAlwaysGave) {
  std::string story;
  for (const Loss loss :
       fates({.loss = percent(20), .burst = {.begin = percent(10), .end = percent(40)}}, 40, 7)) {
    story += loss == Loss::none ? '.' : loss == Loss::burst ? 'b' : 'c';
  }
  EXPECT_EQ(story, "...ccc...c.....c.c.....bbbbbbbbb..c.c..c");
}

/// Counts what is drawn.
class CountingRandom final : public RandomSource {
 public:
  std::uint64_t next() override {
    ++drawn;
    return inner_.next();
  }
  int drawn = 0;

 private:
  SeededRandom inner_{1};
};

TEST(LinkLoss, DrawsNoNumberForWhatCannotHappen) {
  CountingRandom random;
  Link link{{.delay = Duration{5}, .rate = 1'000'000, .mtu_bytes = 1500}};
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::none);
  EXPECT_EQ(link.carry(kStart, 1501, random).loss, Loss::too_big);
  link.settings.blocked = true;
  link.settings.loss = percent(50);
  EXPECT_EQ(link.carry(kStart, 60, random).loss, Loss::blocked);
  EXPECT_EQ(random.drawn, 0);
}

TEST(LinkLoss, NamesEveryReason) {
  for (std::size_t i = 0; i < kLossKinds; ++i) {
    EXPECT_FALSE(name_of(static_cast<Loss>(i)).empty());
    EXPECT_NE(name_of(static_cast<Loss>(i)), "unknown");
  }
  EXPECT_EQ(name_of(static_cast<Loss>(kLossKinds)), "unknown");
}

}  // namespace
}  // namespace holler
