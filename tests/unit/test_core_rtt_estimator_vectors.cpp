#include <gtest/gtest.h>

#include "core/rtt_estimator.hpp"

namespace holler {
namespace {

using namespace std::chrono_literals;

struct Step {
  Duration sample;
  Duration smoothed;
  Duration variation;
  Duration timeout;
};

void expect_steps(std::initializer_list<Step> steps) {
  RttEstimator rtt;
  for (const Step& step : steps) {
    rtt.on_sample(step.sample);
    EXPECT_EQ(rtt.smoothed(), step.smoothed);
    EXPECT_EQ(rtt.variation(), step.variation);
    EXPECT_EQ(rtt.unbounded_timeout(), step.timeout);
  }
}

// RFC 6298 §2.2 and §2.3, computed by hand.
TEST(RttEstimatorVectors, FirstSampleGivesThreeTimesItAndAnEqualSecondOneLess) {
  expect_steps({{200ms, 200ms, 100ms, 600ms}, {200ms, 200ms, 75ms, 500ms}});
}

TEST(RttEstimatorVectors, UpdatesTheVariationBeforeTheSmoothedTime) {
  expect_steps(
      {{100ms, 100ms, 50ms, 300ms}, {300ms, 125ms, 87'500us, 475ms}, {50ms, 115'625us, 84'375us, 453'125us}});
}

TEST(RttEstimatorVectors, KeepsTheGranularityAboveASteadyPath) {
  RttEstimator rtt;
  for (int i = 0; i < 200; ++i) rtt.on_sample(80ms);
  EXPECT_EQ(rtt.unbounded_timeout(), 80ms + RttEstimator::kGranularity);
}

TEST(RttEstimatorVectors, StaysBetweenGranularityAndCeiling) {
  RttEstimator quick;
  for (int i = 0; i < 200; ++i) quick.on_sample(1us);
  EXPECT_EQ(quick.timeout(1s), 1us + RttEstimator::kGranularity);
  RttEstimator slow;
  slow.on_sample(100s);
  EXPECT_EQ(slow.timeout(1s), RttEstimator::kCeiling);
}

TEST(RttEstimatorVectors, ASampleBelowZeroCountsAsZero) {
  RttEstimator rtt;
  rtt.on_sample(-5s);
  EXPECT_EQ(rtt.smoothed(), Duration::zero());
  EXPECT_EQ(rtt.timeout(1s), RttEstimator::kGranularity);
}

TEST(RttEstimatorVectors, AnEnormousSampleGivesTheCeilingAndNoOverflow) {
  for (const Duration sample : {kForever, kForever / 2, kForever / 4 + 1s}) {
    RttEstimator rtt;
    rtt.on_sample(sample);
    EXPECT_EQ(rtt.timeout(1s), RttEstimator::kCeiling);
    rtt.on_sample(sample);
    EXPECT_EQ(rtt.timeout(1s), RttEstimator::kCeiling);
  }
}

TEST(RttEstimatorVectors, WhatIsRememberedOfAPeerMayBeNonsense) {
  RttEstimator rtt;
  rtt.seed(kForever, kForever);
  EXPECT_EQ(rtt.timeout(1s), RttEstimator::kCeiling);
  rtt.seed(-1s, -1s);
  EXPECT_EQ(rtt.timeout(1s), RttEstimator::kGranularity);
  rtt.seed(100ms, 10ms);
  EXPECT_EQ(rtt.timeout(1s), 140ms);
}

TEST(RttEstimatorVectors, RecoversFromOneSpikeWithinThirtySamples) {
  RttEstimator rtt;
  rtt.on_sample(20ms);
  rtt.on_sample(5s);
  for (int i = 0; i < 30; ++i) rtt.on_sample(20ms);
  EXPECT_LT(rtt.timeout(1s), 200ms);
}

TEST(RttEstimatorVectors, ALateSampleIsBelievedAtOnce) {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) rtt.on_sample(100ms);
  rtt.on_late_sample(400ms);  // RFC 4015 §3.5: as if nothing else were known
  EXPECT_EQ(rtt.smoothed(), Duration{400ms});
  EXPECT_EQ(rtt.timeout(1s), Duration{1200ms});
  rtt.on_late_sample(200ms);
  EXPECT_EQ(rtt.timeout(1s), Duration{1200ms});
}

}  // namespace
}  // namespace holler
