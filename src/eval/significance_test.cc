#include "eval/significance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"

namespace dear::eval {
namespace {

// Made by tools/make_significance_goldens.py with scipy.
const Json& Golden() {
  static const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/eval/significance.json");
  return golden;
}

// p-values may be tiny: what counts is the ratio.
void ExpectNear(double actual, double expected, const std::string& what) {
  EXPECT_NEAR(actual, expected, 1e-10 * expected + 1e-300) << what;
}

TEST(SignificanceTest, EqualsScipy) {
  for (const Json& c : Golden()["cases"]) {
    const auto d = c["differences"].get<std::vector<double>>();
    const std::string what = c["kind"].get<std::string>() + " " + std::to_string(d.size());
    ExpectNear(PairedTTest(d), c["t"], "t " + what);
    ExpectNear(WilcoxonTest(d), c["wilcoxon"], "wilcoxon " + what);
    if (c.contains("randomisation"))
      ExpectNear(RandomisationTest(d, 10000, 1), c["randomisation"], "randomisation " + what);
  }
}

TEST(SignificanceTest, IncompleteBetaEqualsScipy) {
  for (const Json& c : Golden()["beta"])
    EXPECT_NEAR(IncompleteBeta(c[0], c[1], c[2]), c[3].get<double>(), 1e-11) << c;
}

TEST(SignificanceTest, HolmEqualsReference) {
  const auto p = Golden()["holm"]["p"].get<std::vector<double>>();
  const auto corrected = HolmCorrection(p);
  for (size_t i = 0; i < p.size(); ++i)
    ExpectNear(corrected[i], Golden()["holm"]["corrected"][i], std::to_string(i));
  const std::vector<double> with_nan = {0.01, std::nan(""), 0.04};
  EXPECT_DOUBLE_EQ(HolmCorrection(with_nan)[0], 0.02);
  EXPECT_TRUE(std::isnan(HolmCorrection(with_nan)[1]));
  EXPECT_DOUBLE_EQ(HolmCorrection(with_nan)[2], 0.04);
}

TEST(SignificanceTest, RandomisationIsSeededAndNearTheTTest) {
  std::vector<double> d;
  for (int i = 0; i < 100; ++i) d.push_back(std::sin(i * 1.7) + 0.12);
  const double p = RandomisationTest(d, 20000, 7);
  EXPECT_EQ(p, RandomisationTest(d, 20000, 7));
  EXPECT_NE(p, RandomisationTest(d, 20000, 8));
  EXPECT_NEAR(p, PairedTTest(d), 0.02);
}

TEST(SignificanceTest, NothingToTestIsNotSignificant) {
  const std::vector<double> zeros(10, 0.0);
  for (const auto& d : {std::vector<double>{}, zeros}) {
    EXPECT_EQ(PairedTTest(d), 1.0);
    EXPECT_EQ(WilcoxonTest(d), 1.0);
    EXPECT_EQ(RandomisationTest(d, 100, 1), 1.0);
  }
  EXPECT_EQ(PairedTTest(std::vector<double>{0.3}), 1.0);
  EXPECT_EQ(PairedTTest(std::vector<double>{0.5, 0.5}), 0.0);
  const std::vector<double> bad = {0.1, std::nan("")};
  EXPECT_TRUE(std::isnan(PairedTTest(bad)));
  EXPECT_TRUE(std::isnan(WilcoxonTest(bad)));
  EXPECT_TRUE(std::isnan(RandomisationTest(bad, 100, 1)));
}

}  // namespace
}  // namespace dear::eval
