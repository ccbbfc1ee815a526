// Products of int8 activations, of every table that this machine runs, against their definition:
// the same bits, whatever the tile and the address.
#include <gtest/gtest.h>

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
#include "kernels/testing/same_bits.h"

namespace dear::cpu {
namespace {

using Floats = dear::testing::Misaligned<float>;
using Bytes = dear::testing::Misaligned<uint8_t>;
using SignedBytes = dear::testing::Misaligned<int8_t>;

using dear::testing::kLengths;

// The largest byte of which eight times two products with +-127 fit 16 bits.
constexpr uint8_t kLargestPaired = 16;

class ByteKernelsTest : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const ByteKernels& bytes() const { return GetParam()->bytes; }
  // A step of a sum: fused but in the portable kernels.
  float Step(float a, float b, float sum) const {
    if (std::strcmp(GetParam()->name, "scalar") == 0) {
      const float product = a * b;
      return product + sum;
    }
    return std::fma(a, b, sum);
  }
  // What a sum starts from: AVX2 multiplies byte - 128 where bytes may be above kLargestPaired.
  int32_t Start(int32_t offset, int32_t sum, uint8_t largest) const {
    const bool shifted = std::strcmp(bytes().unit(), "maddubs") == 0 && largest > kLargestPaired;
    return ((shifted ? 128 : 0) - offset) * sum;
  }
  int32_t Whole(int32_t from, int32_t to) {
    return std::uniform_int_distribution<int32_t>(from, to)(random_);
  }
  std::mt19937 random_{20261126};
};

// By the words of kernel_table.h: 32 activations under one scale, ties to even.
void QuantizeByDefinition(const std::vector<float>& x, int64_t first, float* scale, int8_t* y) {
  std::vector<float> numbers(32, 0.0F);
  for (int64_t i = 0; i < 32 && first + i < static_cast<int64_t>(x.size()); ++i)
    numbers[static_cast<size_t>(i)] = x[static_cast<size_t>(first + i)];
  float largest = 0;
  bool finite = true;
  for (const float number : numbers) {
    finite = finite && std::isfinite(number);
    largest = std::max(largest, std::abs(number));
  }
  std::fill_n(y, 32, int8_t{0});
  *scale = finite ? 0.0F : std::nanf("");
  if (!finite || largest < kSmallestActivation) return;
  *scale = largest / 127.0F;
  const float inverse = 127.0F / largest;
  for (size_t i = 0; i < 32; ++i) y[i] = static_cast<int8_t>(std::nearbyint(numbers[i] * inverse));
}

TEST_P(ByteKernelsTest, QuantizeRowRoundsEach32UnderTheirOwnScale) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float special : {1.0F, 0.0F, 1e-35F, kInfinity, -kInfinity, std::nanf("")}) {
    for (const int64_t n : kLengths) {
      for (const int64_t segment : {16, 32}) {
        for (const bool nibbles : {false, true}) {
          const int64_t depth = (n + 31) / 32 * 32 + 32;
          Floats x(n);
          x.Fill(random_);
          if (special == 0.0F || special == 1e-35F) {
            for (int64_t i = 0; i < std::min<int64_t>(n, 32); ++i) x[i] = special;
          } else if (special != 1.0F) {
            x[Whole(0, static_cast<int32_t>(n) - 1)] = special;
          }
          SignedBytes y(depth);
          std::vector<ByteSegment> segments(static_cast<size_t>(depth / segment));
          bytes().quantize_row({.x = x.data(),
                                .n = n,
                                .depth = depth,
                                .segment = segment,
                                .nibbles = nibbles,
                                .offset = 7,
                                .unit = 0.37F,
                                .largest = nibbles ? kLargestPaired : uint8_t{255}},
                               y.data(), segments.data());
          const std::vector<float> numbers(x.data(), x.data() + n);
          for (int64_t first = 0; first < depth; first += 32) {
            float scale = 0;
            int8_t expected[32];
            QuantizeByDefinition(numbers, first, &scale, expected);
            for (int64_t i = 0; i < 32; ++i) {
              const int64_t eight = i / 8 * 8;
              const int64_t at = nibbles ? eight + i % 8 / 2 + i % 2 * 4 : i;
              ASSERT_EQ(y[first + at], expected[i]) << n << " at " << first + i;
            }
            for (int64_t begin = 0; begin < 32; begin += segment) {
              int32_t sum = 0;
              for (int64_t i = begin; i < begin + segment; ++i) sum += expected[i];
              const ByteSegment& got = segments[static_cast<size_t>((first + begin) / segment)];
              EXPECT_EQ(got.start, Start(7, sum, nibbles ? kLargestPaired : 255));
              if (std::isnan(scale)) {
                EXPECT_TRUE(std::isnan(got.scale) && std::isnan(got.sum));
              } else {
                EXPECT_EQ(got.scale, scale * 0.37F);
                EXPECT_EQ(got.sum, scale * static_cast<float>(sum));
              }
            }
          }
          ASSERT_TRUE(y.GuardsIntact());
        }
      }
    }
  }
}

struct ByteShape {
  int64_t rows, outs, depth, segment;
  bool minima, bias, add;
  uint8_t largest;
};

TEST_P(ByteKernelsTest, DotGivesTheBitsOfItsDefinition) {
  std::vector<ByteShape> shapes;
  for (const int64_t outs : kLengths) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      for (const uint8_t largest : {uint8_t{15}, kLargestPaired, uint8_t{17}, uint8_t{255}}) {
        shapes.push_back({rows, outs, 32 * (1 + (rows + outs) % 3), outs % 3 == 0 ? 16 : 32,
                          rows % 3 == 0, rows % 2 == 0, outs % 2 == 0, largest});
      }
    }
  }
  for (const ByteShape& shape : shapes) {
    const int64_t panels = (shape.outs + 15) / 16;
    const int64_t x_stride = shape.depth + 6;
    const int64_t panel_stride = shape.depth * 16 + 2;
    const int64_t y_stride = shape.outs + 3;
    const int64_t segments = shape.depth / shape.segment;
    const int32_t offset = Whole(0, 128);
    SignedBytes x(shape.rows * x_stride);
    Bytes w(panels * panel_stride);
    Floats scales(panels * segments * 16);
    Floats minima(panels * segments * 16);
    Floats bias(shape.outs);
    Floats y(shape.rows * y_stride);
    // Half of them at the ends, where narrower sums would overflow.
    for (int64_t i = 0; i < shape.rows * x_stride; ++i) {
      x[i] = static_cast<int8_t>(Whole(0, 1) == 0 ? Whole(-127, 127) : 127 * (2 * Whole(0, 1) - 1));
    }
    for (int64_t i = 0; i < panels * panel_stride; ++i) {
      w[i] = static_cast<uint8_t>(Whole(0, 1) == 0 ? Whole(0, shape.largest)
                                                   : shape.largest * Whole(0, 1));
    }
    scales.Fill(random_);
    minima.Fill(random_);
    bias.Fill(random_);
    y.Fill(random_);
    std::vector<ByteSegment> of_rows;
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t s = 0; s < segments; ++s) {
        int32_t sum = 0;
        for (int64_t k = s * shape.segment; k < (s + 1) * shape.segment; ++k)
          sum += x[r * x_stride + k];
        of_rows.push_back({std::normal_distribution<float>()(random_),
                           std::normal_distribution<float>()(random_),
                           Start(offset, sum, shape.largest)});
      }
    }
    const std::vector<float> before(y.data(), y.data() + shape.rows * y_stride);
    bytes().dot({.x = x.data(),
                 .rows = shape.rows,
                 .x_stride = x_stride,
                 .segments = of_rows.data(),
                 .segments_stride = segments,
                 .w = w.data(),
                 .panel_stride = panel_stride,
                 .scales = scales.data(),
                 .minima = shape.minima ? minima.data() : nullptr,
                 .segment = shape.segment,
                 .largest = shape.largest,
                 .depth = shape.depth,
                 .outs = shape.outs,
                 .add = shape.add,
                 .bias = shape.bias ? bias.data() : nullptr,
                 .y = y.data(),
                 .y_stride = y_stride});
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t o = 0; o < y_stride; ++o) {
        float expected = before[static_cast<size_t>(r * y_stride + o)];
        if (o < shape.outs) {
          if (!shape.add) expected = 0;
          for (int64_t s = 0; s < segments; ++s) {
            int32_t sum = 0;
            for (int64_t k = s * shape.segment; k < (s + 1) * shape.segment; ++k) {
              const uint8_t byte = w[o / 16 * panel_stride + (k / 4 * 16 + o % 16) * 4 + k % 4];
              sum += (byte - offset) * x[r * x_stride + k];
            }
            const ByteSegment& segment = of_rows[static_cast<size_t>(r * segments + s)];
            const int64_t at = (o / 16 * segments + s) * 16 + o % 16;
            expected = Step(static_cast<float>(sum), scales[at] * segment.scale, expected);
            if (shape.minima) expected = Step(minima[at], segment.sum, expected);
          }
          if (shape.bias) expected += bias[o];
        }
        ASSERT_EQ(std::memcmp(&y[r * y_stride + o], &expected, sizeof(expected)), 0)
            << shape.rows << " rows, " << shape.outs << " outs, depth " << shape.depth
            << ", bytes up to " << int{shape.largest} << " at " << r << ", " << o << ": "
            << y[r * y_stride + o] << " for " << expected;
      }
    }
    ASSERT_TRUE(y.GuardsIntact());
  }
}

std::vector<std::shared_ptr<const Matrix>> ByteForms(std::mt19937& random, int64_t rows,
                                                     int64_t cols) {
  std::vector<std::shared_ptr<const Matrix>> packed;
  for (const auto& form : dear::testing::MatricesOfEveryForm(random, rows, cols)) {
    if (form->Coded()) packed.push_back(PackMatrix(*form, nullptr, Activations::kInt8));
  }
  return packed;
}

// Of every form, all of a panel and parts of it: the numbers that the matrix says it holds.
TEST_P(ByteKernelsTest, UnpackGivesTheNumbersOfTheMatrix) {
  constexpr int64_t kCols = 192;
  const auto forms = ByteForms(random_, 33, kCols);
  ASSERT_GE(forms.size(), 8U);
  for (const auto& matrix : forms) {
    const PackedWeights& weights = *matrix->Packed();
    ASSERT_EQ(weights.activations, Activations::kInt8);
    const bool nibbles = weights.kind == PackedWeights::Kind::kCodes4;
    std::vector<float> expected(33 * kCols);
    matrix->CopyRows(0, 33, expected.data());
    for (int64_t panel = 0; panel < weights.panels; ++panel) {
      for (const auto& [first, depth] :
           {std::pair<int64_t, int64_t>{0, kCols}, {32, 64}, {160, 32}}) {
        for (const int64_t segment : {16, 32}) {
          Bytes out(depth * 16);
          Floats scales(depth / segment * 16);
          Floats minima(depth / segment * 16);
          bytes().unpack(CodesOf(weights, panel, first, depth), weights.byte_levels.data(), segment,
                         out.data(), scales.data(), minima.data());
          for (int64_t k = 0; k < depth; ++k) {
            for (int64_t o = 0; o < 16; ++o) {
              const int64_t row = panel * 16 + o;
              const int64_t place = nibbles ? k / 8 * 8 + k % 8 / 2 + k % 2 * 4 : k;
              const auto step = static_cast<float>(
                  int32_t{out[(place / 4 * 16 + o) * 4 + place % 4]} - weights.byte_offset);
              const int64_t block = k / segment * 16 + o;
              float value = step * (weights.byte_unit * scales[block]);
              if (weights.minima != nullptr) value += minima[block];
              const float want =
                  row < 33 ? expected[static_cast<size_t>(row * kCols + first + k)] : 0.0F;
              ASSERT_EQ(value, want) << matrix->form() << " row " << row << " col " << first + k;
            }
          }
          ASSERT_TRUE(out.GuardsIntact() && scales.GuardsIntact() && minima.GuardsIntact());
        }
      }
    }
  }
}

// Every kind through the backend: with any threads and rows the same bits, and these within what
// rounding the activations and adding in f32 can change.
TEST_P(ByteKernelsTest, MatMulGivesTheSameBitsWithAnyThreadsAndRows) {
  constexpr int64_t kRows = dear::testing::LargeProduct::kRows;
  constexpr int64_t kIn = dear::testing::LargeProduct::kIn;
  constexpr int64_t kOut = dear::testing::LargeProduct::kOut;
  const dear::testing::LargeProduct product(random_);
  const std::vector<float>& x = product.x;
  const std::vector<float>& bias = product.bias;
  for (const auto& matrix : ByteForms(random_, kOut, kIn)) {
    const auto expected = dear::testing::RequireSameBits(*GetParam(), product, *matrix);
    std::vector<float> weights(kOut * kIn);
    matrix->CopyRows(0, kOut, weights.data());
    for (int64_t r = 0; r < kRows; r += 70) {
      const float* row = x.data() + r * kIn;
      for (int64_t o = 0; o < kOut; ++o) {
        double sum = bias[static_cast<size_t>(o)];
        double scale = std::abs(sum);  // of rounding in f32
        double bound = 0;              // of rounding activations: half a step
        for (int64_t k = 0; k < kIn; ++k) {
          float largest = 0;
          for (int64_t i = k / 32 * 32; i < k / 32 * 32 + 32; ++i)
            largest = std::max(largest, std::abs(row[i]));
          const double weight = weights[static_cast<size_t>(o * kIn + k)];
          sum += row[k] * weight;
          // Minima and scaled codes are added apart, each as large as the levels reach.
          scale += 8 * std::abs(row[k] * weight) + 8 * std::abs(double{largest});
          bound += std::abs(weight) * largest / 127 / 2;
        }
        ASSERT_NEAR(expected[static_cast<size_t>(r * kOut + o)], sum,
                    bound * 1.0001 + scale * (kIn / 16 + 3) * 0x1p-24)
            << matrix->form();
      }
    }
  }
}

TEST_P(ByteKernelsTest, ANumberThatIsNoneSpoilsItsRowAlone) {
  std::vector<float> x(2 * 64, 1.0F);
  x[70] = std::nanf("");
  const auto forms = ByteForms(random_, 5, 64);
  for (const auto& matrix : forms) {
    CpuBackend backend(std::make_shared<ThreadPool>(1), *GetParam());
    std::vector<float> y(2 * 5);
    backend.MatMul(x.data(), 2, *matrix, nullptr, y.data());
    for (int64_t o = 0; o < 5; ++o) {
      EXPECT_TRUE(std::isfinite(y[static_cast<size_t>(o)])) << matrix->form();
      EXPECT_TRUE(std::isnan(y[static_cast<size_t>(5 + o)])) << matrix->form();
    }
  }
}

// A table that counts its calls before the scalar one answers.
int counted_byte_dots = 0;
TEST(ByteBackendTest, TheTableGivenIsTheOneThatRuns) {
  KernelTable table = ScalarKernels();
  table.bytes.dot = [](const ByteProduct& product) noexcept {
    ++counted_byte_dots;
    ScalarKernels().bytes.dot(product);
  };
  CpuBackend backend(std::make_shared<ThreadPool>(1), table);
  std::vector<float> x(32, 0.0F);
  x[0] = 127;
  x[1] = 3;
  std::vector<float> values(32, 0.0F);
  values[0] = 10;
  values[1] = 127;
  const auto source = MakeMatrix(MakeTensor("w", {1, 32}, values));
  const auto w =
      PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kQ8_0}), nullptr, Activations::kInt8);
  float y = 0;
  backend.MatMul(x.data(), 1, *w, nullptr, &y);
  EXPECT_EQ(y, 127 * 10 + 3 * 127);
  EXPECT_EQ(counted_byte_dots, 1);
}

INSTANTIATE_TEST_SUITE_P(Machine, ByteKernelsTest,
                         ::testing::ValuesIn(dear::testing::KernelsUnderTest()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
