// Products with packed weights, of every table that this machine runs, against their definition:
// the same bits, whatever the tile and the address.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/packed_blocks.h"
#include "kernels/testing/coded_forms.h"
#include "kernels/testing/kernels_under_test.h"
#include "kernels/testing/lengths.h"
#include "kernels/testing/misaligned.h"
#include "kernels/testing/pair_sum.h"
#include "kernels/testing/same_bits.h"

namespace dear::cpu {
namespace {

using Floats = dear::testing::Misaligned<float>;
using Halves = dear::testing::Misaligned<uint16_t>;

using dear::testing::kLengths;

bool SameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

TEST(SameBitsTest, RefusesWhatIsWrong) {
  EXPECT_TRUE(SameBits(1.5F, 1.5F));
  EXPECT_FALSE(SameBits(0.0F, -0.0F));
  EXPECT_FALSE(SameBits(1.0F, std::nextafter(1.0F, 2.0F)));
  EXPECT_FALSE(SameBits(1.0F, -1.0F));
}

class PairKernelsTest : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const PairKernels& pairs() const { return GetParam()->pairs; }
  std::mt19937 random_{20261125};
};

TEST_P(PairKernelsTest, RoundRow) {
  for (const int64_t n : kLengths) {
    const int64_t depth = (n + 31) / 32 * 32;
    Floats x(n);
    Halves y(depth);
    x.Fill(random_);
    const float special[] = {0.0F,          -0.0F,         std::numeric_limits<float>::infinity(),
                             3.4e38F,       1.00390625F,   1.01171875F,
                             std::nanf(""), -std::nanf("")};
    for (int64_t i = 0; i < std::min<int64_t>(n, 8); ++i) x[i] = special[i];
    pairs().round_row(x.data(), n, depth, y.data());
    for (int64_t i = 0; i < depth; ++i) {
      if (i < n && std::isnan(x[i])) {
        EXPECT_TRUE(std::isnan(BF16ToF32(y[i])));
        continue;
      }
      ASSERT_EQ(y[i], i < n ? F32ToBF16(x[i]) : 0) << n << " at " << i;
    }
    ASSERT_TRUE(y.GuardsIntact());
  }
}

// One product of random numbers, checked bit by bit.
struct PairShape {
  int64_t rows, outs, depth;
  bool bias, add;
};

TEST_P(PairKernelsTest, DotGivesTheBitsOfItsDefinition) {
  std::vector<PairShape> shapes;
  for (const int64_t outs : kLengths) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      shapes.push_back({rows, outs, 32 * (1 + (rows + outs) % 3), rows % 2 == 0, outs % 2 == 0});
    }
  }
  shapes.push_back({15, 65, 1536, true, true});
  for (const PairShape& shape : shapes) {
    const int64_t panels = (shape.outs + 15) / 16;
    const int64_t x_stride = shape.depth + 6;
    const int64_t panel_stride = shape.depth * 16 + 2;
    const int64_t y_stride = shape.outs + 3;
    Halves x(shape.rows * x_stride);
    Halves w(panels * panel_stride);
    Floats bias(shape.outs);
    Floats y(shape.rows * y_stride);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < shape.rows * x_stride; ++i) x[i] = F32ToBF16(normal(random_));
    for (int64_t i = 0; i < panels * panel_stride; ++i) w[i] = F32ToBF16(normal(random_));
    bias.Fill(random_);
    y.Fill(random_);
    std::vector<float> before(y.data(), y.data() + shape.rows * y_stride);
    pairs().dot({.x = x.data(),
                 .rows = shape.rows,
                 .x_stride = x_stride,
                 .w = w.data(),
                 .panel_stride = panel_stride,
                 .depth = shape.depth,
                 .outs = shape.outs,
                 .add = shape.add,
                 .bias = shape.bias ? bias.data() : nullptr,
                 .y = y.data(),
                 .y_stride = y_stride});
    std::vector<float> x_row(static_cast<size_t>(shape.depth));
    std::vector<float> w_row(static_cast<size_t>(shape.depth));
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t o = 0; o < y_stride; ++o) {
        float sum = before[static_cast<size_t>(r * y_stride + o)];
        double magnitude = 0;
        if (o < shape.outs) {
          const uint16_t* panel = w.data() + o / 16 * panel_stride;
          for (int64_t k = 0; k < shape.depth; ++k) {
            x_row[static_cast<size_t>(k)] = BF16ToF32(x[r * x_stride + k]);
            w_row[static_cast<size_t>(k)] = BF16ToF32(panel[(k / 2 * 16 + o % 16) * 2 + k % 2]);
          }
          magnitude = std::abs(sum);
          for (int64_t k = 0; k < shape.depth; ++k) {
            magnitude += std::abs(x_row[static_cast<size_t>(k)] * w_row[static_cast<size_t>(k)]);
          }
          sum = dear::testing::PairSum(GetParam()->name, x_row.data(), w_row.data(), shape.depth,
                                       shape.add ? sum : 0.0F);
          if (shape.bias) {
            sum += bias[o];
            magnitude += std::abs(bias[o]);
          }
        }
        const float got = y[r * y_stride + o];
        // The manual does not fix the order within a tile: there the sums agree to rounding.
        const bool in_order = std::strcmp(GetParam()->name, "amx") != 0 || o >= shape.outs;
        const double rounding = in_order ? 0 : static_cast<double>(shape.depth + 2) * 0x1p-24;
        ASSERT_TRUE(in_order ? SameBits(got, sum) : std::abs(got - sum) <= rounding * magnitude)
            << shape.rows << " rows, " << shape.outs << " outs, depth " << shape.depth << " at "
            << r << ", " << o << ": " << got << " for " << sum;
      }
    }
    ASSERT_TRUE(y.GuardsIntact());
  }
}

std::vector<std::shared_ptr<const Matrix>> PairForms(std::mt19937& random, int64_t rows,
                                                     int64_t cols) {
  auto forms = dear::testing::MatricesOfEveryForm(random, rows, cols);
  for (auto& form : forms) form = PackMatrix(*form);
  return forms;
}

TEST_P(PairKernelsTest, InterleaveMakesAPanelOfRows) {
  constexpr int64_t kStride = 19;
  for (const int64_t count : {1, 2, 7, 16, 31, 32}) {
    for (const int64_t depth : {32, 64}) {
      Floats rows((count - 1) * kStride + 16);
      Halves panel(depth * 16);
      rows.Fill(random_);
      pairs().interleave(rows.data(), kStride, count, depth, panel.data());
      for (int64_t i = 0; i < depth; ++i) {
        for (int64_t j = 0; j < 16; ++j) {
          ASSERT_EQ(panel[(i / 2 * 16 + j) * 2 + i % 2],
                    i < count ? F32ToBF16(rows[i * kStride + j]) : 0)
              << count << " rows, at " << i << ", " << j;
        }
      }
      ASSERT_TRUE(panel.GuardsIntact());
    }
  }
}

TEST_P(PairKernelsTest, UnpackGivesTheNumbersOfTheMatrix) {
  constexpr int64_t kCols = 192;
  for (const auto& matrix : PairForms(random_, 33, kCols)) {
    const PackedWeights& weights = *matrix->Packed();
    if (weights.kind == PackedWeights::Kind::kPairs) continue;
    std::vector<float> expected(33 * kCols);
    matrix->CopyRows(0, 33, expected.data());
    for (int64_t panel = 0; panel < weights.panels; ++panel) {
      for (const auto& [first, depth] :
           {std::pair<int64_t, int64_t>{0, kCols}, {32, 64}, {160, 32}}) {
        Halves pairs(depth * 16);
        GetParam()->pairs.unpack(CodesOf(weights, panel, first, depth), pairs.data());
        for (int64_t k = 0; k < depth; ++k) {
          for (int64_t out = 0; out < 16; ++out) {
            const int64_t row = panel * 16 + out;
            const float value = BF16ToF32(pairs[(k / 2 * 16 + out) * 2 + k % 2]);
            const float want =
                row < 33 ? expected[static_cast<size_t>(row * kCols + first + k)] : 0.0F;
            ASSERT_EQ(value, want) << matrix->form() << " row " << row << " col " << first + k;
          }
        }
        ASSERT_TRUE(pairs.GuardsIntact());
      }
    }
  }
}

// Every kind through the backend: with any threads and rows the same bits, and these within what
// rounding the activations and adding in f32 can change.
TEST_P(PairKernelsTest, MatMulGivesTheSameBitsWithAnyThreadsAndRows) {
  constexpr int64_t kRows = dear::testing::LargeProduct::kRows;
  constexpr int64_t kIn = dear::testing::LargeProduct::kIn;
  constexpr int64_t kOut = dear::testing::LargeProduct::kOut;
  const dear::testing::LargeProduct product(random_);
  const std::vector<float>& x = product.x;
  const std::vector<float>& bias = product.bias;
  for (const auto& matrix : PairForms(random_, kOut, kIn)) {
    const auto expected = dear::testing::RequireSameBits(*GetParam(), product, *matrix);
    std::vector<float> weights(kOut * kIn);
    matrix->CopyRows(0, kOut, weights.data());
    for (int64_t r = 0; r < kRows; r += 70) {
      for (int64_t o = 0; o < kOut; ++o) {
        double sum = bias[static_cast<size_t>(o)];
        double scale = std::abs(sum);
        for (int64_t k = 0; k < kIn; ++k) {
          const double term = double{x[static_cast<size_t>(r * kIn + k)]} *
                              weights[static_cast<size_t>(o * kIn + k)];
          sum += term;
          scale += std::abs(term);
        }
        // Half a unit of bf16 for each activation, half a unit of f32 for each step.
        ASSERT_NEAR(expected[static_cast<size_t>(r * kOut + o)], sum,
                    scale * (0x1p-9 * 2 + (kIn + 1) * 0x1p-24))
            << matrix->form();
      }
    }
  }
}

// A table that counts its calls before the scalar one answers.
int counted_dots = 0;
TEST(PackedBackendTest, TheTableGivenIsTheOneThatRuns) {
  KernelTable table = ScalarKernels();
  table.pairs.dot = [](const PairProduct& product) noexcept {
    ++counted_dots;
    ScalarKernels().pairs.dot(product);
  };
  CpuBackend backend(std::make_shared<ThreadPool>(1), table);
  const float x[2] = {2, 3};
  const auto w = PackMatrix(*MakeMatrix(MakeTensor("w", {1, 2}, {10, 100})));
  float y = 0;
  backend.MatMul(x, 1, *w, nullptr, &y);
  EXPECT_EQ(y, 320);
  EXPECT_EQ(counted_dots, 1);
}

INSTANTIATE_TEST_SUITE_P(Machine, PairKernelsTest,
                         ::testing::ValuesIn(dear::testing::KernelsUnderTest()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
