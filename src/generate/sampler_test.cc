#include "generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"

namespace dear {
namespace {

TEST(ArgMax, TakesTheLowestIdAmongEquals) {
  EXPECT_EQ(ArgMax(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(ArgMax(std::vector<float>{-1}), 0);
}

TEST(PortableExp, AgreesWithLibm) {
  for (double x = 0; x > -700; x -= 0.37) EXPECT_NEAR(PortableExp(x) / std::exp(x), 1, 1e-15) << x;
  EXPECT_EQ(PortableExp(0), 1);
  EXPECT_EQ(PortableExp(-std::numeric_limits<double>::infinity()), 0);
}

// The first numbers of xoshiro256** after splitmix64(0), from the authors' definitions; a change
// here would change every sampled text.
TEST(Random, IsTheDocumentedGenerator) {
  Random random(0);
  EXPECT_EQ(random.Next(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(random.Next(), 0xbf6e1f784956452aU);
  for (int i = 0; i < 1000; ++i) {
    const double u = random.NextDouble();
    EXPECT_GE(u, 0);
    EXPECT_LT(u, 1);
  }
}

std::map<TokenId, int> Counts(const SamplingOptions& options, const std::vector<float>& logits,
                              int draws) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.Next(logits, {})];
  return counts;
}

TEST(Sampler, DrawsBySoftmaxOfTheTemperature) {
  // Probabilities .5, .25, .25 at temperature 1; 2/3, 1/6, 1/6 at temperature 1/2.
  const std::vector<float> logits = {std::log(2.0F), 0, 0};
  auto counts = Counts({.temperature = 1, .seed = 7}, logits, 20000);
  EXPECT_NEAR(counts[0] / 20000.0, .5, .015);
  EXPECT_NEAR(counts[1] / 20000.0, .25, .015);
  counts = Counts({.temperature = .5, .seed = 7}, logits, 20000);
  EXPECT_NEAR(counts[0] / 20000.0, 2.0 / 3, .015);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits = {std::log(.2F), std::log(.5F), std::log(.25F), std::log(.05F)};
  auto counts = Counts({.temperature = 1, .top_p = .7, .seed = 3}, logits, 20000);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts[1] / 20000.0, 2.0 / 3, .015);
  counts = Counts({.temperature = 1, .top_p = 1e-9, .seed = 3}, logits, 100);
  EXPECT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts.begin()->first, 1);
}

TEST(Sampler, TopKComesBeforeTopP) {
  const std::vector<float> logits = {std::log(.2F), std::log(.4F), std::log(.3F), std::log(.1F)};
  auto counts = Counts({.temperature = 1, .top_k = 2, .seed = 3}, logits, 20000);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts[1] / 20000.0, 4.0 / 7, .015);
  // Of the two likeliest alone the first has 4/7, so it reaches .5; of all four it does not.
  counts = Counts({.temperature = 1, .top_k = 2, .top_p = .5, .seed = 3}, logits, 100);
  EXPECT_EQ(counts.size(), 1U);
  EXPECT_EQ(Counts({.temperature = 1, .top_p = .5, .seed = 3}, logits, 1000).size(), 2U);
  EXPECT_EQ(Counts({.temperature = 1, .top_k = 9, .seed = 3}, logits, 1000).size(), 4U);
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 37) * .1F;
  Sampler a({.temperature = .8, .top_p = .9, .seed = 11});
  Sampler b({.temperature = .8, .top_p = .9, .seed = 11});
  Sampler c({.temperature = .8, .top_p = .9, .seed = 12});
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const TokenId token = a.Next(logits, {});
    EXPECT_EQ(token, b.Next(logits, {}));
    differ += token != c.Next(logits, {});
  }
  EXPECT_GT(differ, 0);
}

TEST(Sampler, RepetitionPenaltyPushesSeenTokensDownOnce) {
  Sampler sampler({.repetition_penalty = 2});
  const std::vector<float> logits = {3, 2, -1, -3};
  EXPECT_EQ(sampler.Next(logits, {}), 0);
  EXPECT_EQ(sampler.Next(logits, std::vector<TokenId>{0, 0}), 1);
  EXPECT_EQ(sampler.Next(std::vector<float>{-2, -1.5}, std::vector<TokenId>{1}), 0);
}

TEST(Sampler, RefusesBadOptions) {
  EXPECT_THROW(Sampler({.temperature = -1}), Error);
  EXPECT_THROW(Sampler({.temperature = std::nan("")}), Error);
  EXPECT_THROW(Sampler({.top_k = -1}), Error);
  EXPECT_THROW(Sampler({.top_p = 0}), Error);
  EXPECT_THROW(Sampler({.top_p = 1.5}), Error);
  EXPECT_THROW(Sampler({.repetition_penalty = 0}), Error);
}

}  // namespace
}  // namespace dear
