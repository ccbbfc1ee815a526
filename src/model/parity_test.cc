// Every family, feature, adapter and weight form against transformers and peft in f32, on the tiny
// models of tools/make_model_goldens.py.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/json.h"
#include "formats/safetensors.h"
#include "model/session.h"
#include "model/testing/golden_case.h"
#include "model/testing/parity.h"

namespace dear {
namespace {

using testing::GoldenCase;

// The largest difference between two rows relative to the largest number of the expected one;
// infinity where anything is not a number or the widths differ.
double RelativeDifference(std::span<const float> got, std::span<const float> expected) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (got.size() != expected.size() || expected.empty()) return kWrong;
  double largest = 0;
  double difference = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i]) || !std::isfinite(expected[i])) return kWrong;
    largest = std::max(largest, std::abs(double{expected[i]}));
    difference = std::max(difference, std::abs(double{got[i]} - expected[i]));
  }
  return difference / largest;
}

TEST(RelativeDifferenceTest, SeesEveryMutation) {
  const std::vector<float> row = {1, -4, 2};
  EXPECT_EQ(RelativeDifference(row, row), 0);
  EXPECT_GT(RelativeDifference(std::vector<float>{1, 4, 2}, row), 1);  // a sign
  EXPECT_GT(RelativeDifference(std::vector<float>{-1, -4, 2}, row), 0.1);
  EXPECT_GT(RelativeDifference(std::vector<float>{-4, 1, 2}, row), 0.1);  // an order
  EXPECT_GT(RelativeDifference(std::vector<float>{1, -4}, row), 1);       // a shape
  EXPECT_GT(RelativeDifference(std::vector<float>{1, std::nanf(""), 2}, row), 1);
  EXPECT_GT(RelativeDifference(row, std::vector<float>{1, std::nanf(""), 2}), 1);
  EXPECT_NEAR(RelativeDifference(std::vector<float>{1, -4, 2.0002F}, row), 5e-5, 1e-6);
}

class ParityTest : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(ParityTest, LogitsAndGreedyTokensAreThoseOfTheReference) {
  const GoldenCase& test = GetParam();
  const auto expected = SafetensorsFile::Open(testing::GoldenFolder() / test.expected);
  const std::vector<int32_t> ids = testing::Int32s(expected->Get("ids"));
  const Tensor logits = expected->Get("logits");
  const std::vector<float> values = ToF32(logits);
  const auto width = static_cast<size_t>(logits.shape.at(1));

  const auto model = testing::LoadGolden(test);
  const auto adapter = testing::BindGolden(test, *model);
  Session session(model, std::make_shared<ThreadPool>(2));
  const SequenceId sequence = session.Add(adapter);
  const Step prompt{.sequence = sequence, .tokens = ids, .logits_from = 0};
  const HeadOutputs outputs = session.Forward({&prompt, 1});
  ASSERT_EQ(outputs.rows(), static_cast<int64_t>(ids.size()));
  // A classifier's row may hold one score near zero: its tolerance is absolute.
  const bool classifier = !expected->Contains("greedy");
  double worst = 0;
  for (int64_t row = 0; row < outputs.rows(); ++row) {
    const auto got = outputs.Row(row);
    const auto want = std::span(values).subspan(static_cast<size_t>(row) * width, width);
    const double relative = RelativeDifference(got, want);
    if (classifier) {
      for (size_t i = 0; i < width; ++i) {
        const double difference = std::abs(double{got[i]} - want[i]);
        EXPECT_LE(difference, 1e-5) << "row " << row;
        worst = std::max(worst, difference);
      }
      EXPECT_TRUE(std::isfinite(relative));
    } else {
      EXPECT_LE(relative, 2e-5) << "row " << row;
      worst = std::max(worst, relative);
    }
  }
  bool greedy_equal = true;
  if (!classifier) {
    const std::vector<int32_t> want = testing::Int32s(expected->Get("greedy"));
    const auto greedy =
        testing::ContinueGreedily(session, sequence, outputs.Row(outputs.rows() - 1), want.size());
    greedy_equal = greedy == want;
    EXPECT_EQ(greedy, want);
  }
  testing::ReportParity(classifier ? "model, classifiers" : "model", test.name, worst,
                        classifier ? 1e-5 : 2e-5, greedy_equal, classifier ? 0 : 64);
}

INSTANTIATE_TEST_SUITE_P(Golden, ParityTest, ::testing::ValuesIn(testing::GoldenCases()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace dear
