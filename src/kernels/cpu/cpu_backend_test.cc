#include "kernels/cpu/cpu_backend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/cpu/isa.h"
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

TEST_P(CpuBackendIsaTest, AttentionAgreesWithAPlainLoop) {
  std::mt19937 random(11);
  for (const int64_t window : {0, 1, 5, 40}) {
    for (const int64_t head_dim : {8, 64}) {
      constexpr int64_t kTokens = 75;
      constexpr int64_t kHeads = 6;
      const KvLayout kv{.num_layers = 2, .num_kv_heads = 2, .head_dim = head_dim};
      const AttentionShape shape{.kv = kv, .num_heads = kHeads, .window = window, .scale = 0.25F};
      const auto q = NormalNumbers(random, kTokens * kHeads * head_dim);
      const auto k = NormalNumbers(random, kTokens * 2 * head_dim);
      const auto v = NormalNumbers(random, kTokens * 2 * head_dim);
      CpuBackend backend(std::make_shared<ThreadPool>(2), *GetParam());

      // All tokens at once, then again in uneven steps: the same bits.
      const auto run = [&](const std::vector<int64_t>& steps) {
        std::vector<std::vector<float>> memory(
            static_cast<size_t>(KvLayout::BlocksFor(kTokens)),
            std::vector<float>(static_cast<size_t>(kv.block_floats()), 0.0F));
        std::vector<float*> blocks;
        for (auto& block : memory) blocks.push_back(block.data());
        std::vector<float> y(q.size());
        int64_t position = 0;
        for (const int64_t rows : steps) {
          const SequenceRows sequence{0, rows, position, blocks.data()};
          backend.StoreKeysValues(kv, 1, k.data() + position * 2 * head_dim,
                                  v.data() + position * 2 * head_dim, {&sequence, 1});
          backend.Attention(shape, 1, q.data() + position * kHeads * head_dim, {&sequence, 1},
                            y.data() + position * kHeads * head_dim);
          position += rows;
        }
        return y;
      };
      const auto whole = run({kTokens});
      const auto split = run({1, 30, 1, 1, 2, 17, 23});
      ASSERT_EQ(std::memcmp(whole.data(), split.data(), whole.size() * sizeof(float)), 0);

      for (int64_t t = 0; t < kTokens; ++t) {
        for (int64_t head = 0; head < kHeads; ++head) {
          const int64_t kv_head = head / 3;
          const int64_t begin = window == 0 ? 0 : std::max<int64_t>(0, t - window + 1);
          std::vector<double> out(static_cast<size_t>(head_dim), 0);
          double total = 0;
          for (int64_t j = begin; j <= t; ++j) {
            double score = 0;
            for (int64_t d = 0; d < head_dim; ++d) {
              score += double{q[static_cast<size_t>((t * kHeads + head) * head_dim + d)]} *
                       k[static_cast<size_t>((j * 2 + kv_head) * head_dim + d)];
            }
            const double weight = std::exp(score * 0.25);
            total += weight;
            for (int64_t d = 0; d < head_dim; ++d) {
              out[static_cast<size_t>(d)] +=
                  weight * v[static_cast<size_t>((j * 2 + kv_head) * head_dim + d)];
            }
          }
          for (int64_t d = 0; d < head_dim; ++d) {
            ASSERT_NEAR(whole[static_cast<size_t>((t * kHeads + head) * head_dim + d)],
                        out[static_cast<size_t>(d)] / total, 5e-6)
                << "window " << window << " token " << t;
          }
        }
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

INSTANTIATE_TEST_SUITE_P(Machine, CpuBackendIsaTest, ::testing::ValuesIn(RunnableKernels()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
