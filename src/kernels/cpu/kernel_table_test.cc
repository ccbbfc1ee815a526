// Every table that this machine runs, swept over lengths around the vector widths and over
// misaligned pointers, against plain loops in double precision.
#include "kernels/cpu/kernel_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/cpu/isa.h"
#include "kernels/testing/lengths.h"
#include "kernels/testing/misaligned.h"

namespace dear::cpu {
namespace {

using MisalignedFloats = testing::Misaligned<float>;

using dear::testing::kLengths;

// Whether `got` is within `tolerance` of `expected`, both relative to `scale`. False for NaN.
bool Near(double got, double expected, double scale, double tolerance) {
  return std::abs(got - expected) <= tolerance * scale;
}

class KernelTableTest : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& kernels() const { return *GetParam(); }
  std::mt19937 random_{20261123};
};

TEST(ComparatorTest, RefusesWhatIsWrong) {
  EXPECT_TRUE(Near(1.0000001, 1, 1, 1e-6));
  EXPECT_FALSE(Near(-1, 1, 1, 1e-6));
  EXPECT_FALSE(Near(1, -1, 1, 1e-6));
  EXPECT_FALSE(Near(std::nan(""), 1, 1, 1e-6));
  EXPECT_FALSE(Near(1, std::nan(""), 1, 1e-6));
  EXPECT_FALSE(Near(std::numeric_limits<double>::infinity(), 1, 1, 1e-6));
  EXPECT_FALSE(Near(1.00001, 1, 1, 1e-6));
}

TEST_P(KernelTableTest, RunsInItsOwnVectors) {
  const std::string name = kernels().name;
  const std::map<std::string, std::tuple<int, std::string, std::string>> proofs = {
      {"scalar", {128, "fma", "plain"}},       {"avx2", {256, "fma", "maddubs"}},
      {"avxvnni", {256, "fma", "vnni256"}},    {"avx512", {512, "fma", "maddubs"}},
      {"avx512vnni", {512, "fma", "vnni512"}}, {"avx512bf16", {512, "bf16", "vnni512"}},
      {"amx", {512, "amx", "vnni512"}}};
  const auto& [bits, pair_unit, byte_unit] = proofs.at(name);
  EXPECT_EQ(kernels().vector_bits(), bits);
  EXPECT_EQ(kernels().pairs.unit(), pair_unit);
  EXPECT_EQ(kernels().bytes.unit(), byte_unit);
}

TEST_P(KernelTableTest, DotRows) {
  std::vector<int64_t> lengths(std::begin(kLengths), std::end(kLengths));
  lengths.push_back(1300);  // several blocks of inputs
  lengths.push_back(2048);  // and rows of weights that share their places in the cache
  for (const int64_t k : lengths) {
    for (const int64_t rows : {1, 2, 3, 5, 6, 7, 13}) {
      for (const int64_t outs : {1, 3, 4, 5, 9}) {
        const int64_t x_stride = k + 3;
        const int64_t y_stride = outs + 2;
        MisalignedFloats x(rows * x_stride);
        MisalignedFloats w(outs * k);
        MisalignedFloats bias(outs);
        MisalignedFloats y(rows * y_stride);
        x.Fill(random_);
        w.Fill(random_);
        bias.Fill(random_);
        for (const bool with_bias : {false, true}) {
          kernels().dot_rows(x.data(), rows, x_stride, w.data(), outs, k,
                             with_bias ? bias.data() : nullptr, y.data(), y_stride);
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t o = 0; o < outs; ++o) {
              double sum = with_bias ? bias[o] : 0;
              double scale = std::abs(sum);
              for (int64_t i = 0; i < k; ++i) {
                const double term = double{x[r * x_stride + i]} * w[o * k + i];
                sum += term;
                scale += std::abs(term);
              }
              ASSERT_TRUE(Near(y[r * y_stride + o], sum, scale, 5e-7))
                  << "k " << k << " rows " << rows << " outs " << outs << " at " << r << ", " << o;
            }
          }
        }
        ASSERT_TRUE(y.GuardsIntact());
      }
    }
  }
}

// The heart of batch invariance: alone or in company, in any tile or block, at any address.
TEST_P(KernelTableTest, DotRowsGivesARowTheSameBitsInAnyCompany) {
  for (const int64_t k : {4, 5, 8, 16, 33, 576, 1301, 2048}) {
    constexpr int64_t kRows = 61;
    constexpr int64_t kOuts = 19;
    MisalignedFloats x(kRows * k);
    MisalignedFloats w(kOuts * k);
    MisalignedFloats together(kRows * kOuts);
    x.Fill(random_);
    w.Fill(random_);
    kernels().dot_rows(x.data(), kRows, k, w.data(), kOuts, k, nullptr, together.data(), kOuts);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t o = 0; o < kOuts; ++o) {
        const std::vector<float> row(x.data() + r * k, x.data() + (r + 1) * k);
        float alone = 0;
        kernels().dot_rows(row.data(), 1, k, w.data() + o * k, 1, k, nullptr, &alone, 1);
        ASSERT_EQ(std::memcmp(&alone, &together[r * kOuts + o], sizeof(float)), 0);
      }
    }
  }
}

TEST_P(KernelTableTest, RmsNorm) {
  for (const int64_t n : kLengths) {
    for (const float offset : {0.0F, 1.0F}) {
      MisalignedFloats x(n);
      MisalignedFloats w(n);
      MisalignedFloats y(n);
      x.Fill(random_, 3);
      w.Fill(random_);
      kernels().rms_norm(x.data(), w.data(), offset, n, 1e-5F, y.data());
      double squares = 0;
      for (int64_t i = 0; i < n; ++i) squares += double{x[i]} * x[i];
      const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      for (int64_t i = 0; i < n; ++i) {
        const double expected = x[i] * factor * (double{w[i]} + offset);
        ASSERT_TRUE(Near(y[i], expected, std::abs(expected) + 1e-30, 1e-6)) << n << " at " << i;
      }
      ASSERT_TRUE(y.GuardsIntact());
    }
  }
}

TEST_P(KernelTableTest, Gate) {
  for (const int64_t n : kLengths) {
    MisalignedFloats gate(n);
    MisalignedFloats up(n);
    MisalignedFloats y(n);
    gate.Fill(random_, 4);
    up.Fill(random_);
    gate[0] = -120;  // beyond the range of exp
    for (const GateKind kind : {GateKind::kSilu, GateKind::kGeluTanh}) {
      kernels().gate(kind, gate.data(), up.data(), n, y.data());
      for (int64_t i = 0; i < n; ++i) {
        const double g = gate[i];
        const double u = std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
        const double active =
            kind == GateKind::kSilu ? g / (1 + std::exp(-g)) : 0.5 * g * (1 + std::tanh(u));
        // The reference computes 1 + tanh(u) in f32: below zero its own error is that of 1.
        ASSERT_TRUE(Near(y[i], active * up[i], std::abs(active * up[i]) + 1e-2, 1e-6))
            << n << " at " << i << " gate " << g;
      }
    }
    ASSERT_TRUE(y.GuardsIntact());
  }
}

TEST_P(KernelTableTest, SoftmaxIsExactlyZeroOutsideItsRange) {
  for (const int64_t end : kLengths) {
    for (const int64_t begin : {int64_t{0}, end / 2, end - 1}) {
      const int64_t n = (end + kKeysPerBlock - 1) / kKeysPerBlock * kKeysPerBlock;
      MisalignedFloats s(n);
      s.Fill(random_, 10);
      for (int64_t i = end; i < n; ++i) s[i] = 1e30F;  // what hidden keys may hold
      for (int64_t i = 0; i < begin; ++i) s[i] = std::nanf("");
      std::vector<double> expected(static_cast<size_t>(n), 0);
      double max = -1e300;
      for (int64_t i = begin; i < end; ++i) max = std::max(max, double{s[i]});
      double total = 0;
      for (int64_t i = begin; i < end; ++i) {
        expected[static_cast<size_t>(i)] = std::exp(s[i] - max);
        total += expected[static_cast<size_t>(i)];
      }
      const float sum = kernels().softmax(s.data(), begin, end, n);
      ASSERT_TRUE(Near(sum, total, total, 1e-6));
      for (int64_t i = 0; i < n; ++i) {
        const double e = expected[static_cast<size_t>(i)];
        // s - max is rounded to f32 before exp: an error of exp by up to 2^-24 of its argument.
        ASSERT_TRUE(Near(s[i], e, e, 4e-6)) << i << " of " << begin << ".." << end;
      }
      ASSERT_TRUE(s.GuardsIntact());
    }
  }
}

TEST_P(KernelTableTest, ExpIsWithinTwoUnits) {
  // softmax of {0, x, …} gives exp(x) of exact arguments.
  double worst = 0;
  for (float x = 0; x > -87; x -= 0.0137F) {
    std::vector<float> s(static_cast<size_t>(kKeysPerBlock), x);
    s[0] = 0;
    kernels().softmax(s.data(), 0, kKeysPerBlock, kKeysPerBlock);
    const double exact = std::exp(double{x});
    worst = std::max(worst, std::abs(s[1] - exact) / (exact * std::ldexp(1.0, -23)));
  }
  EXPECT_LT(worst, 2.0);
}

TEST_P(KernelTableTest, NanIsNotSwallowed) {
  std::vector<float> s(static_cast<size_t>(kKeysPerBlock), 1);
  s[3] = std::nanf("");
  EXPECT_TRUE(std::isnan(kernels().softmax(s.data(), 0, kKeysPerBlock, kKeysPerBlock)));
  float gate = std::nanf("");
  const float up = 1;
  kernels().gate(GateKind::kSilu, &gate, &up, 1, &gate);
  EXPECT_TRUE(std::isnan(gate));
}

TEST_P(KernelTableTest, ScoreKeysAndWeighValues) {
  for (const int64_t head_dim : {1, 8, 15, 64, 96, 128}) {
    for (const int64_t rows : {1, 2, 5, 6, 7, 9, 17}) {
      const int64_t dim = (head_dim + kLanes - 1) / kLanes * kLanes;
      MisalignedFloats q(rows * head_dim);
      MisalignedFloats keys(head_dim * kKeysPerBlock);
      MisalignedFloats s(rows * (kKeysPerBlock + 5));
      MisalignedFloats values(kKeysPerBlock * dim);
      MisalignedFloats acc(rows * dim);
      q.Fill(random_);
      keys.Fill(random_);
      values.Fill(random_);
      acc.Fill(random_);
      const int64_t stride = kKeysPerBlock + 5;
      kernels().score_keys(q.data(), rows, head_dim, keys.data(), head_dim, 0.125F, s.data(),
                           stride);
      std::vector<float> before(acc.data(), acc.data() + rows * dim);
      kernels().weigh_values(s.data(), rows, stride, values.data(), dim, acc.data());
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < kKeysPerBlock; ++j) {
          double sum = 0;
          double scale = 0;
          for (int64_t d = 0; d < head_dim; ++d) {
            const double term = 0.125 * q[r * head_dim + d] * keys[d * kKeysPerBlock + j];
            sum += term;
            scale += std::abs(term);
          }
          ASSERT_TRUE(Near(s[r * stride + j], sum, scale, 1e-6));
        }
        for (int64_t d = 0; d < dim; ++d) {
          double sum = before[static_cast<size_t>(r * dim + d)];
          double scale = std::abs(sum);
          for (int64_t j = 0; j < kKeysPerBlock; ++j) {
            const double term = double{s[r * stride + j]} * values[j * dim + d];
            sum += term;
            scale += std::abs(term);
          }
          ASSERT_TRUE(Near(acc[r * dim + d], sum, scale, 1e-6));
        }
      }
      ASSERT_TRUE(s.GuardsIntact());
      ASSERT_TRUE(acc.GuardsIntact());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machine, KernelTableTest, ::testing::ValuesIn(RunnableKernels()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
