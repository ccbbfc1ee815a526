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
#include "formats/testing/expect_error.h"
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
SftTokens Repetition(size_t item) {
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
  SftObjective objective{22, Repetition};
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

// What results and is evaluated is the average of the values after each step.
TEST(TrainerTest, AMovingAverageIsTheResultAndIsGoneOnWith) {
  const fs::path folder = FreshFolder("average");
  TrainerOptions options = Options(folder);
  options.ema_decay = 0.8;
  options.eval_steps = 10;
  Training training(options);
  std::vector<float> expected;
  std::vector<std::vector<float>> measured;
  training.trainer.SetEvaluation(nullptr, [&](const CancelFn&) {
    measured.push_back(training.Values());
    return std::map<std::string, double>{};
  });
  std::vector<std::vector<float>> averages;
  training.trainer.Run({.on_step = [&](const TrainStepReport& report) {
    const std::vector<float> values = training.Values();
    if (report.step == 1) expected = values;
    for (size_t i = 0; i < values.size(); ++i) {
      expected[i] += static_cast<float>(1 - 0.8) * (values[i] - expected[i]);
    }
    if (report.step % 10 == 0) averages.push_back(expected);
  }});
  EXPECT_EQ(training.Values(), expected);
  EXPECT_EQ(measured, averages);

  Training plain(Options(FreshFolder("no_average")));
  plain.trainer.Run();
  EXPECT_NE(plain.Values(), expected);

  for (const int threads : {1, 3}) {
    TrainerOptions more = options;
    more.output = FreshFolder("average_rest");
    more.resume_from = folder / "checkpoint-14";
    Training rest(more, threads);
    rest.trainer.Run();
    EXPECT_EQ(rest.Values(), expected);
    more.ema_decay = 0.9;
    EXPECT_THROW(Training(more, threads), Error);
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
  const SftObjective held_out(5, [](size_t item) { return Repetition(100 + item); });
  Training with(options);
  with.trainer.SetEvaluation(&held_out);
  std::vector<double> losses;
  with.trainer.Run({.on_eval = [&](const auto& report) { losses.push_back(*report.loss); }});
  ASSERT_EQ(losses.size(), 3U);
  EXPECT_LT(losses.back(), losses.front());
  Training without(Options(FreshFolder("no_eval")));
  without.trainer.Run();
  EXPECT_EQ(with.Values(), without.Values());
}

// Evaluations that come out as they are told to, by the step.
MeasureFn Figures(const std::vector<double>& figures, size_t* asked) {
  return [figures, asked](const CancelFn&) {
    return std::map<std::string, double>{{"eval_ndcg_cut_10", figures.at((*asked)++)}};
  };
}

TrainerOptions BestOptions(const std::string& name) {
  TrainerOptions options = Options(FreshFolder(name));
  options.eval_steps = 5;
  options.best_figure = "eval_ndcg_cut_10";
  options.greater_is_better = true;
  return options;
}

TEST(TrainerTest, TheBestAdapterIsKeptAndMayBeTheResult) {
  TrainerOptions options = BestOptions("best");
  options.load_best = true;
  size_t asked = 0;
  Training training(options);
  // Equal to the best so far is not better, and neither is what is no number.
  training.trainer.SetEvaluation(nullptr, Figures({.2, .5, std::nan(""), .5, .4, .3}, &asked));
  std::vector<float> at_best;
  std::vector<bool> best;
  const TrainResult result = training.trainer.Run({.on_eval = [&](const TrainEvalReport& report) {
    best.push_back(report.is_best);
    EXPECT_FALSE(report.loss);
    if (report.is_best) at_best = training.Values();
  }});
  EXPECT_THAT(best, ::testing::ElementsAre(true, true, false, false, false, false));
  EXPECT_EQ(result.best.step, 10);
  EXPECT_EQ(result.best.value, .5);
  EXPECT_FALSE(result.stopped_early);
  EXPECT_EQ(training.Values(), at_best);
  EXPECT_TRUE(fs::exists(options.output / "best/adapter_model.safetensors"));
}

TEST(TrainerTest, PatienceEndsARun) {
  TrainerOptions options = BestOptions("patience");
  options.patience = 2;
  size_t asked = 0;
  Training training(options);
  training.trainer.SetEvaluation(nullptr, Figures({.2, .5, .4, .5, .9, .9}, &asked));
  const TrainResult result = training.trainer.Run();
  EXPECT_EQ(result.steps, 20);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.best.step, 10);

  options = BestOptions("patience_by_loss");
  options.best_figure = "eval_loss";
  options.greater_is_better = false;
  options.patience = 1;
  const SftObjective held_out(5, [](size_t item) { return Repetition(100 + item); });
  Training by_loss(options);
  by_loss.trainer.SetEvaluation(&held_out);
  std::vector<double> losses;
  const TrainResult ended = by_loss.trainer.Run(
      {.on_eval = [&](const TrainEvalReport& report) { losses.push_back(*report.loss); }});
  EXPECT_EQ(ended.best.value, *std::ranges::min_element(losses));

  options.best_figure = "eval_map";
  Training of_no_figure(options);
  of_no_figure.trainer.SetEvaluation(&held_out);
  testing::ExpectError(ErrorCode::kInvalidArgument, "no figure eval_map",
                       [&] { of_no_figure.trainer.Run(); });
}

// What is known of the best, and an evaluation that was cut off, outlive the process.
TEST(TrainerTest, EvaluationsGoOnFromACheckpoint) {
  const std::vector<double> figures = {.2, .5, .4, .6, .1, .3};
  size_t asked = 0;
  Training whole(BestOptions("best_whole"));
  whole.trainer.SetEvaluation(nullptr, Figures(figures, &asked));
  const TrainResult expected = whole.trainer.Run();

  const TrainerOptions options = BestOptions("best_resumed");
  asked = 0;
  Training first(options);
  first.trainer.SetEvaluation(nullptr, [&](const CancelFn& cancel) {
    if (asked == 2) throw Error(ErrorCode::kCancelled, "evaluation", "cancelled");
    return Figures(figures, &asked)(cancel);
  });
  EXPECT_THROW(first.trainer.Run(), Error);
  TrainerOptions again = options;
  again.resume_from = options.output / "checkpoint-15";
  Training second(again);
  second.trainer.SetEvaluation(nullptr, Figures(figures, &asked));
  std::vector<int64_t> steps;
  const TrainResult result = second.trainer.Run(
      {.on_eval = [&](const TrainEvalReport& report) { steps.push_back(report.step); }});
  EXPECT_THAT(steps, ::testing::ElementsAre(15, 20, 25, 30));
  EXPECT_EQ(result.best.step, expected.best.step);
  EXPECT_EQ(result.best.value, .6);
  EXPECT_EQ(second.Values(), whole.Values());
}

}  // namespace
}  // namespace dear
