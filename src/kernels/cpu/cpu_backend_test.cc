#include "kernels/cpu/cpu_backend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/cpu/isa.h"
#include "kernels/testing/kernels_under_test.h"
#include "tensor/rounding.h"
#include "tensor/testing/normal_numbers.h"

namespace dear::cpu {
namespace {

using dear::testing::NormalNumbers;

// A matrix that can only be copied out, as block-quantised ones are.
class CopiedMatrix : public Matrix {
 public:
  CopiedMatrix(int64_t rows, int64_t cols, std::vector<float> values)
      : Matrix(rows, cols), values_(std::move(values)) {}
  std::string form() const override { return "copied"; }
  uint64_t bytes() const override { return values_.size() * sizeof(float); }
  void CopyRows(int64_t row, int64_t count, float* dst) const override {
    std::memcpy(dst, values_.data() + row * cols(),
                static_cast<size_t>(count * cols()) * sizeof(float));
  }

 private:
  std::vector<float> values_;
};

// A table that counts its calls before the scalar one answers.
int counted_calls = 0;
KernelTable CountingTable() {
  KernelTable table = ScalarKernels();
  table.name = "counting";
  table.dot_rows = [](const float* x, int64_t rows, int64_t x_stride, const float* w, int64_t outs,
                      int64_t k, const float* bias, float* y, int64_t y_stride) noexcept {
    ++counted_calls;
    ScalarKernels().dot_rows(x, rows, x_stride, w, outs, k, bias, y, y_stride);
  };
  return table;
}

TEST(CpuBackendTest, TheTableGivenIsTheOneThatRuns) {
  const KernelTable table = CountingTable();
  CpuBackend backend(std::make_shared<ThreadPool>(1), table);
  EXPECT_EQ(backend.name(), "cpu/counting");
  const float x[2] = {2, 3};
  const CopiedMatrix w(1, 2, {10, 100});
  float y = 0;
  counted_calls = 0;
  backend.MatMul(x, 1, w, nullptr, &y);
  EXPECT_EQ(y, 320);
  EXPECT_EQ(counted_calls, 1);
}

class CpuBackendIsaTest : public ::testing::TestWithParam<const KernelTable*> {};

TEST_P(CpuBackendIsaTest, MatMulGivesTheSameBitsWithAnyThreadsAndRows) {
  std::mt19937 random(7);
  constexpr int64_t kRows = 19;
  constexpr int64_t kIn = 100;
  constexpr int64_t kOut = 333;
  const auto x = NormalNumbers(random, kRows * kIn);
  const auto bias = NormalNumbers(random, kOut);
  const CopiedMatrix w(kOut, kIn, NormalNumbers(random, kOut * kIn));
  CpuBackend one(std::make_shared<ThreadPool>(1), *GetParam());
  std::vector<float> expected(kRows * kOut);
  one.MatMul(x.data(), kRows, w, bias.data(), expected.data());
  for (const int threads : {1, 2, 3, 4}) {
    CpuBackend backend(std::make_shared<ThreadPool>(threads), *GetParam());
    for (int64_t rows = 1; rows <= kRows; rows += 3) {
      std::vector<float> y(static_cast<size_t>(rows * kOut));
      const int64_t first = kRows - rows;
      backend.MatMul(x.data() + first * kIn, rows, w, bias.data(), y.data());
      ASSERT_EQ(std::memcmp(y.data(), expected.data() + first * kOut, y.size() * sizeof(float)), 0)
          << threads << " threads, " << rows << " rows";
    }
  }
}

// Attention of one sequence, and what it has to be.
struct AttentionCase {
  static constexpr int64_t kTokens = 75;
  static constexpr int64_t kHeads = 6;
  static constexpr int64_t kKvHeads = 2;

  AttentionCase(std::mt19937& random, int64_t head_dim, int64_t window, bool may_round)
      : shape{.kv = {.num_layers = 2, .num_kv_heads = kKvHeads, .head_dim = head_dim},
              .num_heads = kHeads,
              .window = window,
              .scale = 0.3F,
              .may_round = may_round},
        q(NormalNumbers(random, kTokens * kHeads * head_dim)),
        k(NormalNumbers(random, kTokens * kKvHeads * head_dim)),
        v(NormalNumbers(random, kTokens * kKvHeads * head_dim)) {}

  // Of all tokens, in steps of so many.
  std::vector<float> Run(CpuBackend& backend, const std::vector<int64_t>& steps) const {
    const KvLayout& kv = shape.kv;
    std::vector<std::vector<float>> memory(
        static_cast<size_t>(KvLayout::BlocksFor(kTokens)),
        std::vector<float>(static_cast<size_t>(kv.block_floats()), 0.0F));
    std::vector<float*> blocks;
    blocks.reserve(memory.size());
    for (auto& block : memory) blocks.push_back(block.data());
    std::vector<float> y(q.size());
    int64_t position = 0;
    for (const int64_t rows : steps) {
      const SequenceRows sequence{0, rows, position, blocks.data()};
      const int64_t kv_first = position * kKvHeads * kv.head_dim;
      const int64_t first = position * kHeads * kv.head_dim;
      backend.StoreKeysValues(kv, 1, k.data() + kv_first, v.data() + kv_first, {&sequence, 1});
      backend.Attention(shape, 1, q.data() + first, {&sequence, 1}, y.data() + first);
      position += rows;
    }
    return y;
  }

  // Each number of y against a plain loop in double, over the numbers that are multiplied.
  void ExpectFrom(const std::vector<float>& y) const {
    const int64_t head_dim = shape.kv.head_dim;
    const auto number = [&](float value) {
      return double{shape.may_round ? BF16ToF32(F32ToBF16(value)) : value};
    };
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t head = 0; head < kHeads; ++head) {
        const float* query = q.data() + (t * kHeads + head) * head_dim;
        const int64_t kv_head = head / (kHeads / kKvHeads);
        std::vector<double> sums(static_cast<size_t>(head_dim), 0);
        std::vector<double> magnitudes(static_cast<size_t>(head_dim), 0);
        double total = 0;
        for (int64_t j = shape.window == 0 ? 0 : std::max<int64_t>(0, t - shape.window + 1); j <= t;
             ++j) {
          const int64_t at = (j * kKvHeads + kv_head) * head_dim;
          double score = 0;
          for (int64_t d = 0; d < head_dim; ++d) {
            score += number(query[d] * shape.scale) * number(k[static_cast<size_t>(at + d)]);
          }
          const double weight = std::exp(score);
          total += weight;
          for (int64_t d = 0; d < head_dim; ++d) {
            const double weighted = weight * number(v[static_cast<size_t>(at + d)]);
            sums[static_cast<size_t>(d)] += weighted;
            magnitudes[static_cast<size_t>(d)] += std::abs(weighted);
          }
        }
        for (size_t d = 0; d < sums.size(); ++d) {
          // A weight that is rounded is off by half a unit in the last of bf16's 8 bits.
          const double rounding = shape.may_round ? 0x1p-8 * magnitudes[d] / total : 0;
          ASSERT_NEAR(y[static_cast<size_t>((t * kHeads + head) * head_dim) + d], sums[d] / total,
                      5e-6 + rounding)
              << "window " << shape.window << " token " << t;
        }
      }
    }
  }

  AttentionShape shape;
  std::vector<float> q, k, v;
};

TEST_P(CpuBackendIsaTest, AttentionAgreesWithAPlainLoop) {
  std::mt19937 random(11);
  // Every set's products of pairs, whether it would take them for attention or not.
  KernelTable table = *GetParam();
  table.pairs.attend = true;
  CpuBackend backend(std::make_shared<ThreadPool>(2), table);
  for (const bool may_round : {false, true}) {
    for (const int64_t window : {0, 1, 5, 40}) {
      for (const int64_t head_dim : {8, 64, 80}) {
        const AttentionCase test(random, head_dim, window, may_round);
        const auto whole = test.Run(backend, {AttentionCase::kTokens});
        const auto split = test.Run(backend, {1, 30, 1, 1, 2, 17, 23});
        ASSERT_EQ(std::memcmp(whole.data(), split.data(), whole.size() * sizeof(float)), 0);
        test.ExpectFrom(whole);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(CpuBackendTest, AttentionIsRoundedWhereItMayBeAndIsFaster) {
  std::mt19937 random(12);
  for (const bool attend : {false, true}) {
    KernelTable table = ScalarKernels();
    table.pairs.attend = attend;
    CpuBackend backend(std::make_shared<ThreadPool>(1), table);
    AttentionCase test(random, 8, 0, false);
    const auto exact = test.Run(backend, {AttentionCase::kTokens});
    test.shape.may_round = true;
    EXPECT_EQ(test.Run(backend, {AttentionCase::kTokens}) != exact, attend);
  }
}

TEST_P(CpuBackendIsaTest, AddLowRankGivesTheBitsOfItsSteps) {
  std::mt19937 random(13);
  constexpr int64_t kWidth = 80;
  const std::vector<int32_t> places = {14, 0, 3, 4, 9, 8, 7, 1, 2, 11, 13};
  const auto y = NormalNumbers(random, 15 * kWidth);
  CpuBackend backend(std::make_shared<ThreadPool>(2), *GetParam());
  for (const int64_t k : {3, 4, 8, 16, 32}) {
    for (const int64_t n : {int64_t{7}, int64_t{64}, kWidth}) {
      for (const size_t count : {size_t{2}, places.size()}) {
        const auto rows = std::span(places).first(count);
        const auto num_rows = static_cast<int64_t>(count);
        const auto x = NormalNumbers(random, num_rows * k);
        const auto b = NormalNumbers(random, n * k);
        std::vector<float> product(count * static_cast<size_t>(n));
        std::vector<float> expected = y;
        backend.MatMul(x.data(), num_rows, k, b.data(), n, nullptr, product.data());
        backend.AddAdapter(product.data(), rows, n, 0.3F, nullptr, nullptr, kWidth,
                           expected.data());
        std::vector<float> sum = y;
        backend.AddLowRank(x.data(), rows, k, b.data(), n, 0.3F, kWidth, sum.data());
        ASSERT_EQ(std::memcmp(sum.data(), expected.data(), sum.size() * sizeof(float)), 0)
            << k << " inputs, " << n << " outputs, " << count << " rows";
        ASSERT_NE(std::memcmp(sum.data(), y.data(), sum.size() * sizeof(float)), 0);
      }
    }
  }
}

TEST_P(CpuBackendIsaTest, RopeTurnsHalves) {
  CpuBackend backend(std::make_shared<ThreadPool>(1), *GetParam());
  std::vector<float> x = {1, 2, 3, 4};
  const std::vector<float> cos = {0, 1};
  const std::vector<float> sin = {1, 0};
  backend.Rope(x.data(), 1, 1, 4, cos.data(), sin.data());
  EXPECT_EQ(x, (std::vector<float>{-3, 2, 1, 4}));
}

TEST_P(CpuBackendIsaTest, GeluEmbedAndAddScaled) {
  CpuBackend backend(std::make_shared<ThreadPool>(2), *GetParam());
  std::vector<float> gate = {-1, 0, 2};
  const std::vector<float> up = {1, 1, 3};
  backend.Gate(GateActivation::kGelu, gate.data(), up.data(), 1, 3, gate.data());
  EXPECT_NEAR(gate[0], -0.15865525, 1e-7);
  EXPECT_EQ(gate[1], 0);
  EXPECT_NEAR(gate[2], 5.86349922, 1e-6);

  const CopiedMatrix table(3, 2, {1, 2, 3, 4, 5, 6});
  const int32_t ids[] = {2, 0};
  std::vector<float> y(4);
  backend.Embed(table, ids, 2.0F, y.data());
  EXPECT_EQ(y, (std::vector<float>{10, 12, 2, 4}));
  backend.AddScaled(up.data(), 0.5F, 3, y.data());
  EXPECT_EQ(y, (std::vector<float>{10.5, 12.5, 3.5, 4}));
}

INSTANTIATE_TEST_SUITE_P(Machine, CpuBackendIsaTest,
                         ::testing::ValuesIn(dear::testing::KernelsUnderTest()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
