#include "train/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

using Values = std::map<std::string, std::vector<float>>;

// Made by tools/make_train_goldens.py with torch.
const Json& AdamWGolden() {
  static const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/train/adamw.json");
  return golden;
}

// Relative to the largest of each tensor.
void ExpectClose(const Values& actual, const Values& expected, const std::string& what) {
  for (const auto& [name, values] : expected) {
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(actual.at(name)[i], values[i], 1e-6F * largest)
          << what << " " << name << " " << i;
    }
  }
}

std::vector<OptimizedTensor> Tensors(const Json& groups, Values& values, Values& gradients) {
  std::vector<OptimizedTensor> out;
  for (auto& [name, data] : values) {
    gradients[name].resize(data.size());
    out.push_back({.name = name,
                   .values = data,
                   .gradient = gradients[name],
                   .learning_rate_factor = groups[name][0],
                   .decays = groups[name][1]});
  }
  return out;
}

TEST(AdamWTest, EqualsTorchOverTwentySteps) {
  ThreadPool pool(2);
  for (const Json& c : AdamWGolden()["cases"]) {
    auto values = c["start"].get<Values>();
    Values gradients;
    AdamWOptions options;
    options.beta1 = c["betas"][0];
    options.beta2 = c["betas"][1];
    options.epsilon = c["epsilon"];
    options.weight_decay = c["weight_decay"];
    AdamW optimizer(Tensors(c["groups"], values, gradients), options);
    for (size_t step = 0; step < c["rates"].size(); ++step) {
      for (const auto& [name, gradient] : c["gradients"][step].get<Values>()) {
        std::ranges::copy(gradient, gradients[name].begin());
      }
      const double norm = ClipGradientNorm(optimizer.tensors(), c["max_norm"], pool);
      if (!c["norms"][step].is_null()) {
        const double expected = c["norms"][step];
        EXPECT_NEAR(norm, expected, 1e-6 * expected);
      }
      optimizer.Step(c["rates"][step], pool);
      const std::string after = "after_" + std::to_string(step + 1);
      if (c.contains(after)) ExpectClose(values, c[after].get<Values>(), after);
    }
    EXPECT_EQ(optimizer.num_steps(), 20);
    for (const AdamW::Moments& moments : optimizer.moments()) {
      const Json& expected = c["moments"][moments.name];
      ExpectClose({{"m", {moments.first.begin(), moments.first.end()}}},
                  {{"m", expected["first"].get<std::vector<float>>()}}, "first moment");
      ExpectClose({{"m", {moments.second.begin(), moments.second.end()}}},
                  {{"m", expected["second"].get<std::vector<float>>()}}, "second moment");
    }
  }
}

// A tensor of several pieces and one of none.
struct Problem {
  explicit Problem(size_t size) : values(size), gradient(size) {
    std::mt19937 random(5);  // NOLINT: seeded, so that runs repeat
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(random);
    for (float& value : gradient) value = normal(random);
  }

  std::vector<OptimizedTensor> Tensors() {
    return {{.name = "large", .values = values, .gradient = gradient},
            {.name = "empty", .values = {}, .gradient = {}}};
  }

  std::vector<float> values;
  std::vector<float> gradient;
};

TEST(AdamWTest, ThreadsDoNotChangeABit) {
  std::vector<float> first;
  double first_norm = 0;
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    Problem problem(200001);
    AdamW optimizer(problem.Tensors(), {.weight_decay = 0.1});
    double norm = 0;
    for (int step = 0; step < 3; ++step) {
      norm = ClipGradientNorm(optimizer.tensors(), 1.0, pool);
      optimizer.Step(1e-2, pool);
    }
    if (threads == 1) {
      first = problem.values;
      first_norm = norm;
    }
    EXPECT_EQ(problem.values, first) << threads;
    EXPECT_EQ(norm, first_norm) << threads;
  }
}

TEST(AdamWTest, GoesOnFromSavedMoments) {
  ThreadPool pool(1);
  Problem whole(100);
  AdamW straight(whole.Tensors(), {});
  for (int step = 0; step < 4; ++step) straight.Step(1e-2, pool);

  Problem halves(100);
  AdamW before(halves.Tensors(), {});
  for (int step = 0; step < 2; ++step) before.Step(1e-2, pool);
  AdamW after(halves.Tensors(), {});
  after.set_num_steps(before.num_steps());
  const auto from = before.moments();
  const auto to = after.moments();
  for (size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].name, to[i].name);
    std::ranges::copy(from[i].first, to[i].first.begin());
    std::ranges::copy(from[i].second, to[i].second.begin());
  }
  for (int step = 0; step < 2; ++step) after.Step(1e-2, pool);
  EXPECT_EQ(whole.values, halves.values);
}

TEST(ClipGradientNormTest, LeavesSmallAndNonFiniteGradientsAlone) {
  ThreadPool pool(1);
  Problem problem(50);
  const std::vector<float> before = problem.gradient;
  const double norm = ClipGradientNorm(problem.Tensors(), 1e6, pool);
  EXPECT_GT(norm, 1.0);
  EXPECT_EQ(problem.gradient, before);
  EXPECT_EQ(ClipGradientNorm(problem.Tensors(), 0, pool), norm);
  EXPECT_EQ(problem.gradient, before);

  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    problem.gradient[17] = bad;
    EXPECT_FALSE(std::isfinite(ClipGradientNorm(problem.Tensors(), 1.0, pool)));
    EXPECT_EQ(problem.gradient[0], before[0]);
  }
  problem.gradient[17] = std::numeric_limits<float>::max();
  EXPECT_TRUE(std::isfinite(ClipGradientNorm(problem.Tensors(), 1.0, pool)));
  EXPECT_THROW(ClipGradientNorm(problem.Tensors(), -1, pool), Error);
}

// Where the norm is as small as torch's 1e-6, that counts.
TEST(ClipGradientNormTest, AddsTorchsEpsilon) {
  ThreadPool pool(1);
  std::vector<float> values(1);
  std::vector<float> gradient = {2e-6F};
  const OptimizedTensor tensor{.name = "t", .values = values, .gradient = gradient};
  EXPECT_FLOAT_EQ(ClipGradientNorm({&tensor, 1}, 1.5e-6, pool), 2e-6);
  EXPECT_FLOAT_EQ(gradient[0], 1e-6F);
}

TEST(AdamWTest, RefusesWhatMakesNoSense) {
  ThreadPool pool(1);
  Problem problem(4);
  EXPECT_THROW(AdamW(problem.Tensors(), {.beta1 = 1}), Error);
  EXPECT_THROW(AdamW(problem.Tensors(), {.epsilon = -1}), Error);
  EXPECT_THROW(AdamW(problem.Tensors(), {.weight_decay = std::nan("")}), Error);
  auto twice = problem.Tensors();
  twice[1].name = "large";
  EXPECT_THROW(AdamW(twice, {}), Error);
  auto uneven = problem.Tensors();
  uneven[0].gradient = uneven[0].gradient.first(3);
  EXPECT_THROW(AdamW(uneven, {}), Error);
  AdamW optimizer(problem.Tensors(), {});
  EXPECT_THROW(optimizer.Step(-1, pool), Error);
  EXPECT_THROW(optimizer.set_num_steps(-1), Error);
  EXPECT_EQ(optimizer.num_steps(), 0);
}

}  // namespace
}  // namespace dear
