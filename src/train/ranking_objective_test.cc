#include "train/ranking_objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <utility>

#include "formats/checkpoint.h"
#include "formats/peft_adapter.h"
#include "kernels/backward_ops.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

const fs::path kModelGoldens = fs::path(DEAR_SOURCE_DIR) / "tests/golden/model";

// Two queries of three passages under a likelihood recipe.
RankingObjective Likelihoods() {
  const auto encode = [](size_t item, int64_t /*epoch*/) {
    EncodedRanking ranking{.labels = {0, 1, 0}};
    const auto shift = static_cast<TokenId>(item);
    for (TokenId passage = 0; passage < 3; ++passage) {
      ranking.passages.push_back({.ids = {3, 20 + passage + shift, 40, 5, 6, 7},
                                  .score_rows = {2, 3, 4, 5},
                                  .targets = {5, 6, 7, 8 + shift}});
    }
    return ranking;
  };
  RankingLossOptions options;
  options.score_scale = 20;
  Recipe recipe;
  recipe.kind = RecipeKind::kQueryLikelihood;
  return {2, encode, MakeRankingLoss(options), MakeScoreReader(recipe, testing::FakeTokenizer())};
}

struct Outcome {
  double step_loss = 0;
  double loss = 0;
  std::vector<float> gradients;
};

Outcome RunWith(int64_t loss_floats, int threads) {
  const auto model = Model::Load(OpenCheckpoint(kModelGoldens / "bases/llama"));
  TrainableAdapter adapter(*model, OpenPeftAdapter(kModelGoldens / "adapters/lora_qv"), "a");
  const auto pool = std::make_shared<ThreadPool>(threads);
  const auto backend = MakeCpuBackend(pool);
  const auto backward = MakeCpuBackwardOps(pool);
  TrainingPass pass(*model, adapter, *backend, *backward, {.loss_floats = loss_floats});
  const RankingObjective objective = Likelihoods();
  const std::vector<size_t> items = {0, 1};
  const auto batch = objective.Prepare(items, 0);
  EXPECT_EQ(batch->weight(), 2);
  EXPECT_EQ(batch->tokens(), 36);
  Outcome outcome;
  outcome.step_loss = batch->Step(pass, 0.5);
  outcome.loss = batch->Evaluate(pass);
  for (const TrainedTensor& tensor : adapter.tensors()) {
    outcome.gradients.insert(outcome.gradients.end(), tensor.gradient.begin(),
                             tensor.gradient.end());
  }
  return outcome;
}

// All scores of a query are needed before the first gradient, however few outputs are there at
// once: here all, three rows of 131, and less than one.
TEST(RankingObjectiveTest, PartsOfTheHeadChangeNoBit) {
  const Outcome whole = RunWith(int64_t{1} << 20, 1);
  EXPECT_GT(whole.loss, 0);
  EXPECT_EQ(whole.step_loss, whole.loss);
  EXPECT_THAT(whole.gradients, ::testing::Contains(::testing::Ne(0)));
  for (const int64_t loss_floats : {3 * 131, 1}) {
    const Outcome parts = RunWith(loss_floats, 2);
    EXPECT_EQ(parts.step_loss, whole.loss);
    EXPECT_EQ(parts.loss, whole.loss);
    EXPECT_EQ(parts.gradients, whole.gradients);
  }
}

}  // namespace
}  // namespace dear
