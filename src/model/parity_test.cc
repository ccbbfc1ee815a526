// Every family, feature, adapter and weight form against transformers and peft in f32, on the tiny
// models of tools/make_model_goldens.py.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>

#include "base/json.h"
#include "formats/safetensors.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/isa.h"
#include "kernels/testing/pair_sum.h"
#include "model/session.h"
#include "model/testing/golden_case.h"
#include "model/testing/parity.h"
#include "tensor/rounding.h"

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

// The fastest kernels whose order of sums is defined: within a tile of AMX it is the processor's.
const cpu::KernelTable& OrderedKernels() {
  for (const cpu::KernelTable* table : cpu::RunnableKernels()) {
    if (std::string_view(table->name) != "amx") return *table;
  }
  return cpu::ScalarKernels();
}

// Products with packed weights by their definition in place of the kernels': both factors rounded
// to bf16, one f32 sum, the odd number of a pair first.
class DefinedProducts final : public cpu::CpuBackend {
 public:
  DefinedProducts() : CpuBackend(std::make_shared<ThreadPool>(1), OrderedKernels()) {}
  int64_t products() const { return products_; }

  void MatMul(const float* x, int64_t rows, const Matrix& w, const float* bias, float* y) override {
    if (w.Packed() == nullptr) return CpuBackend::MatMul(x, rows, w, bias, y);
    ++products_;
    std::vector<float> weights(static_cast<size_t>(w.rows() * w.cols()));
    w.CopyRows(0, w.rows(), weights.data());
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t out = 0; out < w.rows(); ++out) {
        const float sum = Dot(x + row * w.cols(), weights.data() + out * w.cols(), w.cols());
        y[row * w.rows() + out] = bias == nullptr ? sum : sum + bias[out];
      }
    }
  }

 private:
  static float Dot(const float* x, const float* w, int64_t n) {
    const auto depth = static_cast<size_t>((n + 31) / 32 * 32);
    std::vector<float> activations(depth, 0.0F);
    std::vector<float> weights(depth, 0.0F);
    for (int64_t k = 0; k < n; ++k) {
      activations[static_cast<size_t>(k)] = RoundThroughBF16(x[k]);
      weights[static_cast<size_t>(k)] = w[k];
    }
    return testing::PairSum(OrderedKernels().name, activations.data(), weights.data(),
                            static_cast<int64_t>(depth), 0.0F);
  }

  int64_t products_ = 0;
};

TEST_P(ParityTest, FastComputeGivesTheBitsOfItsDefinition) {
  const GoldenCase& test = GetParam();
  const auto expected = SafetensorsFile::Open(testing::GoldenFolder() / test.expected);
  const std::vector<int32_t> ids = testing::Int32s(expected->Get("ids"));
  const auto model = testing::LoadGolden(test, Compute::kFast);
  ASSERT_EQ(model->compute(), Compute::kFast);
  const auto adapter = testing::BindGolden(test, *model);
  const auto run = [&](Session& session) {
    const Step prompt{.sequence = session.Add(adapter), .tokens = ids, .logits_from = 0};
    return session.Forward({&prompt, 1}).values;
  };
  auto backend = std::make_unique<DefinedProducts>();
  const DefinedProducts& defined = *backend;
  Session by_definition(model, std::move(backend));
  Session fast(
      model, std::make_unique<cpu::CpuBackend>(std::make_shared<ThreadPool>(2), OrderedKernels()));
  const auto want = run(by_definition);
  const auto got = run(fast);
  ASSERT_EQ(got.size(), want.size());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
  EXPECT_GT(defined.products(), 0);
}

INSTANTIATE_TEST_SUITE_P(Golden, ParityTest, ::testing::ValuesIn(testing::GoldenCases()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace dear
