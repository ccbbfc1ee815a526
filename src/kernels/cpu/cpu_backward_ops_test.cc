#include "kernels/cpu/cpu_backward_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "kernels/cpu/isa.h"
#include "kernels/testing/coded_forms.h"
#include "kernels/testing/kernels_under_test.h"
#include "tensor/packed_matrix.h"
#include "tensor/rounding.h"
#include "tensor/testing/normal_numbers.h"

namespace dear::cpu {
namespace {

using dear::testing::NormalNumbers;

CpuBackwardOps Ops(int threads, const KernelTable& kernels) {
  return {std::make_shared<ThreadPool>(threads), kernels};
}

// In every form the input's gradient has the bits of the dense matrix of the same numbers.
TEST(CpuBackwardOpsTest, ReadsWeightsInTheFormInWhichTheyAreHeld) {
  constexpr int64_t kRows = 37;
  constexpr int64_t kOut = 1030;  // more than one block of weights
  constexpr int64_t kIn = 256;
  std::mt19937 random(3);
  const auto dense = MakeMatrix(MakeTensor("w", {kOut, kIn}, NormalNumbers(random, kOut * kIn)));
  const std::vector<float> dy = NormalNumbers(random, kRows * kOut);
  const std::vector<float> start = NormalNumbers(random, kRows * kIn);
  for (const WeightForm form :
       {WeightForm::kF32, WeightForm::kBF16, WeightForm::kInt8, WeightForm::kNf4, WeightForm::kFp4,
        WeightForm::kQ8_0, WeightForm::kQ4_0}) {
    const auto held = ConvertMatrix(dense, {.form = form});
    std::vector<float> numbers(static_cast<size_t>(kOut * kIn));
    held->CopyRows(0, kOut, numbers.data());
    for (const KernelTable* kernels : dear::testing::KernelsUnderTest()) {
      std::vector<float> expected = start;
      Ops(1, *kernels).MatMulInput(dy.data(), kRows, kOut, numbers.data(), kIn, expected.data());
      for (const int threads : {1, 3}) {
        std::vector<float> dx = start;
        Ops(threads, *kernels).MatMulInput(dy.data(), kRows, *held, dx.data());
        EXPECT_EQ(std::memcmp(dx.data(), expected.data(), dx.size() * sizeof(float)), 0)
            << held->form() << " " << kernels->name << " " << threads;
      }
      // And they are the numbers that they should be.
      for (const int64_t i : {int64_t{0}, kRows * kIn - 1}) {
        double sum = start[static_cast<size_t>(i)];
        for (int64_t o = 0; o < kOut; ++o) {
          sum += double{dy[static_cast<size_t>(i / kIn * kOut + o)]} *
                 numbers[static_cast<size_t>(o * kIn + i % kIn)];
        }
        EXPECT_NEAR(expected[static_cast<size_t>(i)], sum, 1e-3);
      }
    }
  }
}

// Packed weights meet gradients rounded to bf16: products of the forward kernel with the turned
// weights, in the same bits whatever the threads.
TEST(CpuBackwardOpsTest, PackedWeightsMeetRoundedGradients) {
  constexpr int64_t kRows = 197;  // more than one task
  constexpr int64_t kOut = 1030;  // more than one block of weights, and no whole panel
  constexpr int64_t kIn = 576;    // more than one block of inputs
  std::mt19937 random(7);
  const std::vector<float> dy = NormalNumbers(random, kRows * kOut);
  const std::vector<float> start = NormalNumbers(random, kRows * kIn);
  for (const auto& form : dear::testing::MatricesOfEveryForm(random, kOut, kIn)) {
    const auto packed = PackMatrix(*form);
    std::vector<float> numbers(static_cast<size_t>(kOut * kIn));
    packed->CopyRows(0, kOut, numbers.data());
    struct Sum {
      size_t at;
      double value;
      double magnitude;
    };
    std::vector<Sum> sums;
    for (const int64_t row : {int64_t{0}, int64_t{95}, kRows - 1}) {
      for (int64_t in = 0; in < kIn; ++in) {
        const auto at = static_cast<size_t>(row * kIn + in);
        Sum sum{at, start[at], std::abs(double{start[at]})};
        for (int64_t out = 0; out < kOut; ++out) {
          const double term = double{RoundThroughBF16(dy[static_cast<size_t>(row * kOut + out)])} *
                              numbers[static_cast<size_t>(out * kIn + in)];
          sum.value += term;
          sum.magnitude += std::abs(term);
        }
        sums.push_back(sum);
      }
    }
    for (const KernelTable* kernels : dear::testing::KernelsUnderTest()) {
      std::vector<float> dx = start;
      Ops(1, *kernels).MatMulInput(dy.data(), kRows, *packed, dx.data());
      std::vector<float> shared = start;
      Ops(3, *kernels).MatMulInput(dy.data(), kRows, *packed, shared.data());
      EXPECT_EQ(std::memcmp(dx.data(), shared.data(), dx.size() * sizeof(float)), 0)
          << packed->form() << " " << kernels->name;
      for (const Sum& sum : sums) {
        ASSERT_NEAR(dx[sum.at], sum.value, sum.magnitude * (kOut + 1) * 0x1p-24)
            << packed->form() << " " << kernels->name << " at " << sum.at / kIn << ", "
            << sum.at % kIn;
      }
    }
  }
}

TEST(CpuBackwardOpsTest, WeightGradientsAreSumsOverRows) {
  constexpr int64_t kRows = 901;  // more than one block of rows
  constexpr int64_t kOut = 19;
  constexpr int64_t kIn = 300;
  std::mt19937 random(4);
  const std::vector<float> dy = NormalNumbers(random, kRows * kOut);
  const std::vector<float> x = NormalNumbers(random, kRows * kIn);
  for (const KernelTable* kernels : dear::testing::KernelsUnderTest()) {
    std::vector<float> one(static_cast<size_t>(kOut * kIn), 1.0F);
    std::vector<float> three = one;
    Ops(1, *kernels).MatMulWeight(dy.data(), x.data(), kRows, kOut, kIn, one.data());
    Ops(3, *kernels).MatMulWeight(dy.data(), x.data(), kRows, kOut, kIn, three.data());
    EXPECT_EQ(one, three) << kernels->name;
    for (int64_t i = 0; i < kOut * kIn; i += 97) {
      double sum = 1;
      for (int64_t row = 0; row < kRows; ++row) {
        sum += double{dy[static_cast<size_t>(row * kOut + i / kIn)]} *
               x[static_cast<size_t>(row * kIn + i % kIn)];
      }
      EXPECT_NEAR(one[static_cast<size_t>(i)], sum, 2e-3);
    }
  }
}

TEST(CpuBackwardOpsTest, CrossEntropy) {
  constexpr int64_t kWidth = 131;  // no whole number of vectors
  std::mt19937 random(5);
  std::vector<float> logits = NormalNumbers(random, 3 * kWidth);
  // A target so unlikely that its exponential is 0, and logits that would overflow as they are.
  logits[kWidth + 7] = -400;
  for (int64_t i = 2 * kWidth; i < 3 * kWidth; ++i) logits[static_cast<size_t>(i)] += 1000;
  const std::vector<int32_t> targets = {130, 7, 0};
  const std::vector<float> scales = {0.25F, -2, 1};
  for (const KernelTable* kernels : dear::testing::KernelsUnderTest()) {
    std::vector<float> gradient = logits;
    std::vector<double> losses(3);
    Ops(2, *kernels)
        .CrossEntropyGradient(gradient.data(), 3, kWidth, targets.data(), scales.data(),
                              losses.data());
    std::vector<double> losses_alone(3);
    Ops(1, *kernels).CrossEntropy(logits.data(), 3, kWidth, targets.data(), losses_alone.data());
    EXPECT_EQ(losses_alone, losses);
    for (size_t row = 0; row < 3; ++row) {
      const float* y = logits.data() + row * kWidth;
      const double max = *std::max_element(y, y + kWidth);
      double total = 0;
      for (int64_t i = 0; i < kWidth; ++i) total += std::exp(y[i] - max);
      const auto target = static_cast<int64_t>(targets[row]);
      EXPECT_NEAR(losses[row], max + std::log(total) - y[target], 1e-5);
      for (int64_t i = 0; i < kWidth; ++i) {
        const double expected =
            scales[row] * (std::exp(y[i] - max) / total - (i == target ? 1 : 0));
        EXPECT_NEAR(gradient[row * kWidth + static_cast<size_t>(i)], expected,
                    3e-7 * std::abs(scales[row]));
      }
    }
  }
}

TEST(CpuBackwardOpsTest, ALossOfNoNumberIsNone) {
  std::vector<float> logits(40, 1.0F);
  logits[3] = std::numeric_limits<float>::quiet_NaN();
  const int32_t target = 5;
  double loss = 0;
  Ops(1, *RunnableKernels().front()).CrossEntropy(logits.data(), 1, 40, &target, &loss);
  EXPECT_TRUE(std::isnan(loss));
}

// Gradients of attention over two sequences, of which the second one ends in a slot of padding.
struct AttentionGradients {
  static constexpr int64_t kHeads = 6;
  static constexpr int64_t kKvHeads = 2;
  static constexpr int64_t kRows = 75 + 34;

  AttentionGradients(std::mt19937& random, int64_t head_dim, int64_t window)
      : shape{.kv = {.num_layers = 1, .num_kv_heads = kKvHeads, .head_dim = head_dim},
              .num_heads = kHeads,
              .window = window,
              .scale = 0.3F},
        q(NormalNumbers(random, kRows * kHeads * head_dim)),
        k(NormalNumbers(random, kRows * kKvHeads * head_dim)),
        v(NormalNumbers(random, kRows * kKvHeads * head_dim)),
        dy(NormalNumbers(random, kRows * kHeads * head_dim)) {}

  // dq, dk and dv behind each other.
  std::vector<float> Run(CpuBackwardOps ops, std::span<const WholeSequence> of) const {
    std::vector<float> out(q.size() + k.size() + v.size());
    ops.Attention(shape, q.data(), k.data(), v.data(), dy.data(), of, out.data(),
                  out.data() + q.size(), out.data() + q.size() + k.size());
    return out;
  }

  // By the definition, key by key.
  std::vector<double> Expected() const {
    const int64_t dim = shape.kv.head_dim;
    std::vector<double> out(q.size() + k.size() + v.size());
    double* const dq = out.data();
    double* const dk = dq + q.size();
    double* const dv = dk + k.size();
    for (const WholeSequence& sequence : sequences) {
      for (int64_t position = 0; position < sequence.rows; ++position) {
        const bool is_padding = sequence.padded_last && position + 1 == sequence.rows;
        const int64_t begin =
            shape.window > 0 ? std::max<int64_t>(0, position + 1 - shape.window) : 0;
        const int64_t end = position + (is_padding ? 0 : 1);
        for (int64_t head = 0; head < kHeads; ++head) {
          const int64_t at = ((sequence.first_row + position) * kHeads + head) * dim;
          const auto key_at = [&](int64_t key) {
            return ((sequence.first_row + key) * kKvHeads + head / (kHeads / kKvHeads)) * dim;
          };
          const auto dot = [&](const std::vector<float>& rows, const std::vector<float>& keys,
                               int64_t key) {
            double sum = 0;
            for (int64_t d = 0; d < dim; ++d) {
              sum += double{rows[static_cast<size_t>(at + d)]} *
                     keys[static_cast<size_t>(key_at(key) + d)];
            }
            return sum;
          };
          std::vector<double> weights;
          double total = 0;
          for (int64_t key = begin; key < end; ++key) {
            weights.push_back(std::exp(shape.scale * dot(q, k, key)));
            total += weights.back();
          }
          double mean = 0;
          for (int64_t key = begin; key < end; ++key) {
            double& weight = weights[static_cast<size_t>(key - begin)];
            weight /= total;
            mean += weight * dot(dy, v, key);
          }
          for (int64_t key = begin; key < end; ++key) {
            const double weight = weights[static_cast<size_t>(key - begin)];
            const double dscore = shape.scale * weight * (dot(dy, v, key) - mean);
            for (int64_t d = 0; d < dim; ++d) {
              dq[at + d] += dscore * k[static_cast<size_t>(key_at(key) + d)];
              dk[key_at(key) + d] += dscore * q[static_cast<size_t>(at + d)];
              dv[key_at(key) + d] += weight * dy[static_cast<size_t>(at + d)];
            }
          }
        }
      }
    }
    return out;
  }

  AttentionShape shape;
  std::vector<float> q, k, v, dy;
  std::vector<WholeSequence> sequences = {{.first_row = 0, .rows = 75},
                                          {.first_row = 75, .rows = 34, .padded_last = true}};
};

TEST(CpuBackwardOpsTest, AttentionIsTheGradientOfItsDefinition) {
  std::mt19937 random(11);
  for (const int64_t head_dim : {40, 64, 80}) {
    for (const int64_t window : {0, 21}) {
      const AttentionGradients test(random, head_dim, window);
      const std::vector<double> expected = test.Expected();
      for (const KernelTable* kernels : dear::testing::KernelsUnderTest()) {
        for (const bool as_pairs : {false, true}) {
          AttentionGradients of = test;
          of.shape.may_round = as_pairs;
          KernelTable table = *kernels;
          table.pairs.attend = true;
          const std::vector<float> out = of.Run(Ops(1, table), of.sequences);
          double largest = 0;
          double error = 0;
          for (size_t i = 0; i < out.size(); ++i) {
            largest = std::max(largest, std::fabs(expected[i]));
            error = std::max(error, std::fabs(out[i] - expected[i]));
          }
          // bf16 keeps eight bits of each factor.
          EXPECT_LT(error, largest * (as_pairs ? 0x1p-7 : 1e-6))
              << kernels->name << " " << head_dim << " " << window << " " << as_pairs;
          if (as_pairs) {
            EXPECT_GT(error, largest * 1e-5) << "what may be rounded was not";
          }

          // Neither threads nor another sequence change a bit.
          EXPECT_EQ(of.Run(Ops(3, table), of.sequences), out) << kernels->name;
          std::vector<float> apart = of.Run(Ops(1, table), {of.sequences.data(), 1});
          const std::vector<float> second = of.Run(Ops(1, table), {of.sequences.data() + 1, 1});
          for (size_t i = 0; i < apart.size(); ++i) {
            if (second[i] != 0) apart[i] = second[i];
          }
          EXPECT_EQ(apart, out) << kernels->name;
        }
      }
    }
  }
}

// A backend that has no faster way keeps its exact one, whatever may be rounded.
TEST(CpuBackwardOpsTest, AttentionRoundsOnlyWhereThatIsFaster) {
  std::mt19937 random(12);
  AttentionGradients test(random, 64, 0);
  for (const bool attend : {false, true}) {
    KernelTable table = *RunnableKernels().front();
    table.pairs.attend = attend;
    test.shape.may_round = false;
    const std::vector<float> exact = test.Run(Ops(1, table), test.sequences);
    test.shape.may_round = true;
    EXPECT_EQ(test.Run(Ops(1, table), test.sequences) != exact, attend);
  }
}

}  // namespace
}  // namespace dear::cpu
