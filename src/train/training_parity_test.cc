// 50 steps beside transformers' Trainer, peft and torch: tests/golden/train/parity, made by
// tools/make_training_parity_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "base/json.h"
#include "formats/safetensors.h"
#include "kernels/backward_ops.h"
#include "rank/testing/fakes.h"
#include "train/ranking_objective.h"
#include "train/sft_objective.h"
#include "train/trainer.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

fs::path CaseFolder(const std::string& name) {
  return fs::path(DEAR_SOURCE_DIR) / "tests/golden/train/parity" / name;
}

// A head of one output, or the log-probabilities of a query's tokens.
std::shared_ptr<const ScoreReader> ReaderOf(bool likelihood) {
  Recipe recipe;
  recipe.kind = likelihood ? RecipeKind::kQueryLikelihood : RecipeKind::kPointwise;
  recipe.score.head = ScoreHead::kLinear;
  return MakeScoreReader(recipe, testing::FakeTokenizer());
}

// Where there is a query, its tokens follow the passage's, and their probabilities are the score;
// otherwise the last row's output is.
EncodedRanking::Passage PassageOf(std::vector<TokenId> ids, const Json& example) {
  EncodedRanking::Passage passage;
  if (!example.contains("query")) {
    passage.score_rows = {static_cast<int32_t>(ids.size()) - 1};
    passage.ids = std::move(ids);
    return passage;
  }
  passage.targets = example["query"].get<std::vector<TokenId>>();
  for (const TokenId token : passage.targets) {
    passage.score_rows.push_back(static_cast<int32_t>(ids.size()) - 1);
    ids.push_back(token);
  }
  ids.pop_back();
  passage.ids = std::move(ids);
  return passage;
}

std::unique_ptr<Objective> SftOf(const Json& examples) {
  return std::make_unique<SftObjective>(examples.size(), [examples](size_t item) {
    return SftTokens{.ids = examples[item]["ids"], .trained = examples[item]["trained"]};
  });
}

std::unique_ptr<Objective> RankingOf(const Json& examples, const Json& settings) {
  RankingLossOptions options;
  options.losses.clear();
  for (const Json& loss : settings["loss"]) {
    options.losses.push_back({.name = loss["name"], .weight = loss["weight"]});
  }
  options.kl_weight = settings["kl_weight"];
  options.temperature = settings["temperature"];
  options.score_scale = settings.value("score_scale", 1.0);
  const auto encode = [examples](size_t item, int64_t /*epoch*/) {
    const Json& example = examples[item];
    EncodedRanking ranking{.labels = example["labels"],
                           .teacher_scores = example["teacher_scores"]};
    for (const Json& ids : example["passages"]) {
      ranking.passages.push_back(PassageOf(ids, example));
    }
    return ranking;
  };
  return std::make_unique<RankingObjective>(examples.size(), encode, MakeRankingLoss(options),
                                            ReaderOf(settings["stage"] == "likelihood"));
}

TrainerOptions OptionsOf(const Json& settings, const std::string& name) {
  TrainerOptions options;
  options.batches = {.batch_size = settings["per_device_train_batch_size"],
                     .accumulation_steps = settings["gradient_accumulation_steps"],
                     .epochs = settings.value("num_train_epochs", 1.0),
                     .max_steps = settings.value("max_steps", int64_t{-1}),
                     .shuffle = !settings["disable_shuffling"].get<bool>()};
  options.learning_rate = settings["learning_rate"];
  options.adamw = {.beta1 = settings["adam_beta1"],
                   .beta2 = settings["adam_beta2"],
                   .epsilon = settings["adam_epsilon"],
                   .weight_decay = settings["weight_decay"]};
  options.max_grad_norm = settings["max_grad_norm"];
  options.schedule.name = settings["lr_scheduler_type"];
  options.warmup_ratio = settings["warmup_ratio"];
  options.output = fs::path(::testing::TempDir()) / ("dear_parity_" + name);
  return options;
}

class TrainingParityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TrainingParityTest, FiftyStepsFollowTransformersAndPeft) {
  const fs::path folder = CaseFolder(GetParam());
  const Json test = ReadJsonFile(folder / "case.json");
  const Json& settings = test["settings"];
  const bool pointwise = settings["stage"] == "pointwise";
  const bool sft = settings["stage"] == "sft";
  Checkpoint checkpoint =
      OpenCheckpoint(fs::path(DEAR_SOURCE_DIR) / settings["model_name_or_path"].get<std::string>());
  if (pointwise) {
    checkpoint.config.head = HeadKind::kSequenceClassification;
    checkpoint.config.num_labels = 1;
  }
  LoadOptions options;
  if (settings.contains("quantization_type")) {
    options.weights = {
        .form = settings["quantization_type"] == "nf4" ? WeightForm::kNf4 : WeightForm::kFp4,
        .double_quant = settings["double_quantization"]};
  }
  const auto model = Model::Load(checkpoint, options);
  const bool whole = settings["finetuning_type"] == "full";
  const auto trained = whole ? TrainableAdapter::Whole(*model, checkpoint, 1)
                             : std::make_unique<TrainableAdapter>(
                                   *model, OpenPeftAdapter(folder / "initial"), GetParam());
  TrainableAdapter& adapter = *trained;
  const auto pool = std::make_shared<ThreadPool>(2);
  const auto backend = MakeCpuBackend(pool);
  const auto backward = MakeCpuBackwardOps(pool);
  TrainingPass pass(*model, adapter, *backend, *backward, {.kept_layers = 1});
  const auto objective = sft ? SftOf(test["examples"]) : RankingOf(test["examples"], settings);
  Trainer trainer(*objective, adapter, pass, pool, OptionsOf(settings, GetParam()));

  const Json& steps = test["steps"];
  ASSERT_EQ(trainer.total_steps(), static_cast<int64_t>(steps.size()));
  double worst_loss = 0;
  double worst_norm = 0;
  trainer.Run({.on_step = [&](const TrainStepReport& report) {
    const Json& expected = steps[static_cast<size_t>(report.step - 1)];
    const double loss = expected["loss"];
    const double norm = expected["grad_norm"];
    worst_loss = std::max(worst_loss, std::fabs(report.loss - loss) / std::fabs(loss));
    worst_norm = std::max(worst_norm, std::fabs(report.grad_norm - norm) / norm);
    EXPECT_NEAR(report.learning_rate, expected["lr"].get<double>(), 1e-12) << report.step;
  }});
  EXPECT_LE(worst_loss, 1e-4);
  EXPECT_LE(worst_norm, 1e-3);
  EXPECT_LT(steps.back()["loss"].get<double>(), 0.9 * steps.front()["loss"].get<double>());

  // The final adapter: relative to the largest number of each tensor.
  const std::string weights = whole ? "model.safetensors" : "adapter_model.safetensors";
  const std::string prefix = whole ? "" : "base_model.model.";
  const auto final_tensors = SafetensorsFile::Open(folder / "final" / weights);
  ASSERT_EQ(final_tensors->Names().size(), adapter.tensors().size());
  double worst_weight = 0;
  for (const TrainedTensor& tensor : adapter.tensors()) {
    const std::vector<float> expected = ToF32(final_tensors->Get(prefix + tensor.name));
    ASSERT_EQ(expected.size(), tensor.values.size());
    double largest = 0;
    double off = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::fabs(double{expected[i]}));
      off = std::max(off, std::fabs(double{expected[i]} - tensor.values[i]));
    }
    worst_weight = std::max(worst_weight, off / largest);
  }
  EXPECT_LE(worst_weight, 1e-3);
  std::printf("parity %s: loss within %.1e, norm of the gradients %.1e, final adapter %.1e\n",
              GetParam().c_str(), worst_loss, worst_norm, worst_weight);

  // What dear writes, dear and peft read: the same names and shapes as peft's own file.
  const fs::path saved = fs::path(::testing::TempDir()) / ("dear_parity_saved_" + GetParam());
  adapter.Save(saved);
  const auto ours = SafetensorsFile::Open(saved / weights);
  ASSERT_EQ(ours->Names(), final_tensors->Names());
  for (const std::string& name : ours->Names()) {
    EXPECT_EQ(ours->Get(name).shape, final_tensors->Get(name).shape) << name;
  }
  if (whole) return;
  const auto again = Adapter::Bind(*model, OpenPeftAdapter(saved), "again");
  EXPECT_EQ(again->bytes(), adapter.adapter()->bytes());
}

INSTANTIATE_TEST_SUITE_P(Golden, TrainingParityTest,
                         ::testing::Values("sft_llama", "sft_qwen3", "sft_gemma", "sft_llama_dora",
                                           "sft_llama_whole", "sft_llama_nf4", "sft_llama_fp4",
                                           "sft_gguf", "pointwise_binary", "pointwise_teacher",
                                           "likelihood"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace dear
