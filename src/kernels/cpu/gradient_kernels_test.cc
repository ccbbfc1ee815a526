#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/isa.h"

namespace dear::cpu {
namespace {

class GradientKernelsTest : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& kernels() const { return *GetParam(); }
  std::vector<float> Normal(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random_);
    return values;
  }
  std::mt19937 random_{7};
};

TEST_P(GradientKernelsTest, SumsOfOuterProducts) {
  for (const int64_t m : {1, 2, 5, 6, 7, 11, 12, 13, 25}) {
    for (const int64_t n : {1, 15, 16, 17, 31, 32, 33, 49}) {
      for (const int64_t k : {0, 1, 7}) {
        for (const bool transposed : {false, true}) {
          const std::vector<float> a = Normal(m * k + 1);
          const std::vector<float> b = Normal(k * (n + 3) + 1);
          std::vector<float> y = Normal(m * (n + 2));
          const std::vector<float> before = y;
          const OuterSum sum{.a = a.data(),
                             .a_row = transposed ? 1 : k,
                             .a_step = transposed ? m : 1,
                             .b = b.data(),
                             .b_stride = n + 3,
                             .m = m,
                             .n = n,
                             .k = k,
                             .y = y.data(),
                             .y_stride = n + 2};
          kernels().add_outer(sum);
          for (int64_t r = 0; r < m; ++r) {
            for (int64_t c = 0; c < n + 2; ++c) {
              const auto at = static_cast<size_t>(r * (n + 2) + c);
              double expected = before[at];
              for (int64_t i = 0; i < k && c < n; ++i) {
                expected += double{a[static_cast<size_t>(r * sum.a_row + i * sum.a_step)]} *
                            b[static_cast<size_t>(i * (n + 3) + c)];
              }
              ASSERT_NEAR(y[at], expected, c < n ? 1e-5 : 0) << m << " " << n << " " << k;
            }
          }
        }
      }
    }
  }
}

TEST_P(GradientKernelsTest, SumsOfOuterProductsGoOnWhereTheyStopped) {
  constexpr int64_t kM = 13;
  constexpr int64_t kN = 37;
  constexpr int64_t kSteps = 50;
  const std::vector<float> a = Normal(kM * kSteps);
  const std::vector<float> b = Normal(kSteps * kN);
  const std::vector<float> start = Normal(kM * kN);
  const auto sum_in_parts_of = [&](int64_t part) {
    std::vector<float> y = start;
    for (int64_t first = 0; first < kSteps; first += part) {
      kernels().add_outer({.a = a.data() + first,
                           .a_row = kSteps,
                           .a_step = 1,
                           .b = b.data() + first * kN,
                           .b_stride = kN,
                           .m = kM,
                           .n = kN,
                           .k = std::min(part, kSteps - first),
                           .y = y.data(),
                           .y_stride = kN});
    }
    return y;
  };
  const std::vector<float> whole = sum_in_parts_of(kSteps);
  for (const int64_t part : {1, 7, 16}) {
    const std::vector<float> parts = sum_in_parts_of(part);
    EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)), 0) << part;
  }
}

// However few columns there are, each is summed as among many.
TEST_P(GradientKernelsTest, AColumnHasTheSameBitsInAnyCompany) {
  constexpr int64_t kSteps = 50;
  constexpr int64_t kAll = 37;
  for (const int64_t m : {13, 16, 35}) {
    const std::vector<float> a = Normal(kSteps * m);
    const std::vector<float> b = Normal(kSteps * kAll);
    const std::vector<float> start = Normal(m * kAll);
    const auto sum_of_first = [&](int64_t n) {
      std::vector<float> y = start;
      kernels().add_outer({.a = a.data(),
                           .a_row = 1,
                           .a_step = m,
                           .b = b.data(),
                           .b_stride = kAll,
                           .m = m,
                           .n = n,
                           .k = kSteps,
                           .y = y.data(),
                           .y_stride = kAll});
      return y;
    };
    const std::vector<float> all = sum_of_first(kAll);
    for (const int64_t n : {1, 4, 8, 12, 16}) {
      const std::vector<float> first = sum_of_first(n);
      for (int64_t r = 0; r < m; ++r) {
        for (int64_t c = 0; c < kAll; ++c) {
          const auto at = static_cast<size_t>(r * kAll + c);
          ASSERT_EQ(first[at], c < n ? all[at] : start[at]) << m << " " << n;
        }
      }
    }
  }
}

// The slope of f at x along each axis, in double by differences.
std::vector<double> Slopes(std::vector<double> x,
                           const std::function<double(const std::vector<double>&)>& f) {
  std::vector<double> slopes;
  for (double& value : x) {
    const double middle = value;
    constexpr double kStep = 1e-5;
    value = middle + kStep;
    const double above = f(x);
    value = middle - kStep;
    slopes.push_back((above - f(x)) / (2 * kStep));
    value = middle;
  }
  return slopes;
}

TEST_P(GradientKernelsTest, RmsNorm) {
  for (const int64_t n : {1, 5, 16, 33, 64}) {
    for (const float offset : {0.0F, 1.0F}) {
      const std::vector<float> x = Normal(n);
      const std::vector<float> w = Normal(n);
      const std::vector<float> dy = Normal(n);
      std::vector<float> dx(static_cast<size_t>(n) + 1, 2.0F);
      constexpr float kEps = 1e-3F;
      kernels().rms_norm_gradient(x.data(), w.data(), offset, dy.data(), n, kEps, dx.data());
      const auto weighted_norm = [&](const std::vector<double>& at) {
        double squares = 0;
        for (const double v : at) squares += v * v;
        const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + kEps);
        double sum = 0;
        for (size_t i = 0; i < at.size(); ++i) sum += dy[i] * (w[i] + offset) * at[i] * scale;
        return sum;
      };
      const std::vector<double> slopes = Slopes({x.begin(), x.end()}, weighted_norm);
      for (size_t i = 0; i < slopes.size(); ++i) EXPECT_NEAR(dx[i], 2 + slopes[i], 2e-5);
      EXPECT_EQ(dx.back(), 2.0F);
    }
  }
}

TEST_P(GradientKernelsTest, Gate) {
  const auto activate = [](GateKind kind, double g) {
    if (kind == GateKind::kSilu) return g / (1 + std::exp(-g));
    return 0.5 * g * (1 + std::tanh(0.7978845608028654 * (g + 0.044715 * g * g * g)));
  };
  for (const GateKind kind : {GateKind::kSilu, GateKind::kGeluTanh}) {
    constexpr int64_t kCount = 37;
    std::vector<float> gate = Normal(kCount);
    gate[0] = 30;  // where the slope is 1, and where it is 0
    gate[1] = -30;
    const std::vector<float> up = Normal(kCount);
    const std::vector<float> dy = Normal(kCount);
    std::vector<float> dgate = gate;  // in place, as the backward pass may do it
    std::vector<float> dup = dy;
    kernels().gate_gradient(kind, dgate.data(), up.data(), dup.data(), kCount, dgate.data(),
                            dup.data());
    for (size_t i = 0; i < gate.size(); ++i) {
      const double slope = Slopes({gate[i]}, [&](const std::vector<double>& g) {
        return activate(kind, g[0]) * up[i] * dy[i];
      })[0];
      EXPECT_NEAR(dgate[i], slope, 1e-5) << i;
      EXPECT_NEAR(dup[i], activate(kind, gate[i]) * dy[i], 1e-5 * (1 + std::fabs(gate[i])));
    }
  }
}

TEST_P(GradientKernelsTest, Softmax) {
  constexpr size_t kCount = 64;
  constexpr float kTotal = 7;
  constexpr float kScale = 0.3F;
  std::vector<float> p = Normal(kCount);
  std::vector<float> dp = Normal(kCount);
  double mean = 0;
  for (size_t i = 0; i < kCount; ++i) mean += double{p[i]} / kTotal * dp[i];
  const std::vector<float> weights = p;
  const std::vector<float> gradient = dp;
  kernels().softmax_gradient(kTotal, kScale, kCount, p.data(), dp.data());
  for (size_t i = 0; i < kCount; ++i) {
    const double weight = double{weights[i]} / kTotal;
    EXPECT_NEAR(p[i], weight, 1e-6);
    EXPECT_NEAR(dp[i], kScale * weight * (gradient[i] - mean), 1e-6) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Machine, GradientKernelsTest, ::testing::ValuesIn(RunnableKernels()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
