#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/json.h"
#include "kernels/backward_ops.h"
#include "model/new_lora.h"
#include "train/sft_objective.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path GoldenModel(const std::string& name) {
  return fs::path(DEAR_SOURCE_DIR) / "tests/golden/model/bases" / name;
}

// A folder of this test's own.
fs::path FreshFolder(const std::string& name) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("dear_trainer_" + name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

// Answers that repeat their prompt: something to be learned.
SftTokens Example(size_t item) {
  std::mt19937 random(static_cast<uint32_t>(item));
  SftTokens tokens;
  const size_t half = 3 + item % 5;
  for (size_t i = 0; i < half; ++i) tokens.ids.push_back(static_cast<TokenId>(3 + random() % 20));
  for (size_t i = 0; i < half; ++i) tokens.ids.push_back(tokens.ids[i]);
  tokens.trained.assign(2 * half, 0);
  std::fill(tokens.trained.begin() + static_cast<int64_t>(half), tokens.trained.end(), uint8_t{1});
  return tokens;
}

// One training, from the model to the result.
struct Training {
  std::shared_ptr<ThreadPool> pool;
  std::shared_ptr<const Model> model = Model::Load(OpenCheckpoint(GoldenModel("llama")));
  TrainableAdapter adapter;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<BackwardOps> backward;
  TrainingPass pass;
  SftObjective objective{22, Example};
  Trainer trainer;

  static LoraConfig Lora() {
    LoraConfig config;
    config.r = 4;
    config.lora_dropout = 0.1;
    config.target_modules = {"q_proj", "v_proj", "down_proj"};
    return config;
  }

  explicit Training(const TrainerOptions& options, int threads = 1)
      : pool(std::make_shared<ThreadPool>(threads)),
        adapter(*model, NewLora(*model, Lora(), 1), "new"),
        backend(MakeCpuBackend(pool)),
        backward(MakeCpuBackwardOps(pool)),
        pass(*model, adapter, *backend, *backward, {.kept_layers = threads % 2}),
        trainer(objective, adapter, pass, pool, options) {}

  std::vector<float> Values() const {
    std::vector<float> all;
    for (const TrainedTensor& tensor : adapter.tensors()) {
      all.insert(all.end(), tensor.values.begin(), tensor.values.end());
    }
    return all;
  }
};

TrainerOptions Options(const fs::path& output) {
  TrainerOptions options;
  options.batches = {.batch_size = 2, .accumulation_steps = 2, .epochs = 5};
  options.learning_rate = 1e-2;
  options.dropout = 0.1;
  options.output = output;
  options.save_steps = 7;
  options.schedule.name = "cosine";
  options.warmup_ratio = 0.1;
  return options;
}

TEST(TrainerTest, LearnsAndReportsEachStep) {
  const fs::path folder = FreshFolder("learns");
  Training training(Options(folder));
  std::vector<TrainStepReport> reports;
  const TrainResult result =
      training.trainer.Run({.on_step = [&](const auto& report) { reports.push_back(report); }});
  ASSERT_EQ(result.steps, 30);
  ASSERT_EQ(reports.size(), 30U);
  EXPECT_LT(reports.back().loss, 0.85 * reports.front().loss);
  EXPECT_EQ(reports[0].learning_rate, 0);  // warm-up begins at 0
  EXPECT_DOUBLE_EQ(reports[3].learning_rate, 1e-2);
  EXPECT_TRUE(reports[9].logs);
  double mean = 0;
  for (size_t i = 10; i < 20; ++i) mean += reports[i].loss / 10;
  EXPECT_NEAR(reports[19].mean_loss, mean, 1e-12);
  EXPECT_THAT(FindCheckpoints(folder), ::testing::SizeIs(5));  // 7, 14, 21, 28 and the last
}

TEST(TrainerTest, GoingOnFromACheckpointGivesTheSameBitsOnAnyNumberOfThreads) {
  const fs::path folder = FreshFolder("whole");
  Training whole(Options(folder));
  std::vector<double> losses;
  whole.trainer.Run({.on_step = [&](const auto& report) { losses.push_back(report.mean_loss); }});
  for (const int threads : {1, 2, 3}) {
    TrainerOptions options = Options(FreshFolder("rest"));
    options.resume_from = folder / "checkpoint-14";
    Training rest(options, threads);
    EXPECT_EQ(rest.trainer.steps_done(), 14);
    std::vector<double> more;
    rest.trainer.Run({.on_step = [&](const auto& report) { more.push_back(report.mean_loss); }});
    EXPECT_EQ(more, std::vector(losses.begin() + 14, losses.end()));
    EXPECT_EQ(rest.Values(), whole.Values());
  }
}

TEST(TrainerTest, ACancelledRunLeavesACheckpointToGoOnFrom) {
  const fs::path folder = FreshFolder("cancelled");
  Training training(Options(folder));
  int steps = 0;
  TrainerEvents events{.on_step = [&](const auto&) { ++steps; },
                       .cancel = [&] { return steps == 10; }};
  try {
    training.trainer.Run(events);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_TRUE(fs::exists(folder / "checkpoint-10" / "training_state.json"));
}

TEST(TrainerTest, ALossThatIsNoNumberStopsTheRunAndKeepsTheCheckpoint) {
  const fs::path folder = FreshFolder("nan");
  Training training(Options(folder));
  // What a training that has run away looks like.
  const auto spoil = [&](const TrainStepReport& report) {
    if (report.step == 8) training.adapter.tensors()[0].values[0] = std::nanf("");
  };
  try {
    training.trainer.Run({.on_step = spoil});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("step 9"));
    EXPECT_THAT(error.what(), HasSubstr("overflow"));
    EXPECT_THAT(error.what(), HasSubstr("checkpoint-7"));
  }
  EXPECT_TRUE(fs::exists(folder / "checkpoint-7" / "adapter_model.safetensors"));
}

TEST(TrainerTest, AnotherRunIsNotGoneOnWith) {
  const fs::path folder = FreshFolder("identity");
  TrainerOptions options = Options(folder);
  options.batches.max_steps = 7;
  options.identity = {{"base model", "one"}};
  Training(options).trainer.Run();
  options.resume_from = folder / "checkpoint-7";
  options.identity = {{"base model", "another"}};
  try {
    Training again(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("base model one"));
  }
  // A file that was cut off is named, whichever it is.
  options.identity = {{"base model", "one"}};
  for (const char* file :
       {"optimizer.safetensors", "adapter_model.safetensors", "training_state.json"}) {
    const fs::path path = folder / "checkpoint-7" / file;
    const auto size = fs::file_size(path);
    fs::copy_file(path, folder / "kept", fs::copy_options::overwrite_existing);
    fs::resize_file(path, size / 2);
    try {
      Training again(options);
      FAIL() << file;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file));
    }
    fs::copy_file(folder / "kept", path, fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(Training(options).trainer.steps_done(), 7);
}

TEST(TrainerTest, KeepsAsManyCheckpointsAsAskedAndNoneThatWasCutOff) {
  const fs::path folder = FreshFolder("limit");
  fs::create_directories(folder / "checkpoint-3.unfinished");
  TrainerOptions options = Options(folder);
  options.save_total_limit = 2;
  Training(options).trainer.Run();
  EXPECT_THAT(FindCheckpoints(folder),
              ::testing::ElementsAre(folder / "checkpoint-28", folder / "checkpoint-30"));
  EXPECT_FALSE(fs::exists(folder / "checkpoint-3.unfinished"));
}

TEST(TrainerTest, EvaluatesWithoutLearningOrDropout) {
  TrainerOptions options = Options(FreshFolder("eval"));
  options.eval_steps = 10;
  const SftObjective held_out(5, [](size_t item) { return Example(100 + item); });
  Training with(options);
  with.trainer.SetEvaluation(&held_out);
  std::vector<double> losses;
  with.trainer.Run({.on_eval = [&](const auto& report) { losses.push_back(report.loss); }});
  ASSERT_EQ(losses.size(), 3U);
  EXPECT_LT(losses.back(), losses.front());
  Training without(Options(FreshFolder("no_eval")));
  without.trainer.Run();
  EXPECT_EQ(with.Values(), without.Values());
}

}  // namespace
}  // namespace dear
