#include "train/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

LogEntry TrainingEntry(int64_t step, double loss) {
  LogEntry entry{.step = step, .total_steps = 40, .epoch = static_cast<double>(step) / 20};
  entry.loss = loss;
  entry.learning_rate = 1e-5;
  entry.grad_norm = 1.25;
  entry.elapsed_seconds = 3723.9;
  entry.remaining_seconds = 90000;
  entry.total_tokens = 1000 * step;
  entry.throughput = 1.5;
  return entry;
}

LogEntry Evaluation(int64_t step) {
  LogEntry entry{.step = step, .total_steps = 40, .epoch = 1};
  entry.eval_loss = .5;
  entry.evaluations = {{"eval_ndcg", .75}};
  return entry;
}

std::vector<int64_t> Steps(const TrainingLog& log) {
  std::vector<int64_t> steps;
  for (const LogEntry& entry : log.entries()) steps.push_back(entry.step);
  return steps;
}

TEST(LogLineTest, HasLlamaFactorysKeys) {
  EXPECT_EQ(LogLine(TrainingEntry(10, .1)),
            R"({"current_steps": 10, "total_steps": 40, "loss": 0.1, "lr": 1e-05, )"
            R"("grad_norm": 1.25, "epoch": 0.5, "percentage": 25.0, "elapsed_time": "1:02:03", )"
            R"("remaining_time": "1 day, 1:00:00", "throughput": 1.5, "total_tokens": 10000})");
  EXPECT_EQ(LogLine(Evaluation(20)),
            R"({"current_steps": 20, "total_steps": 40, "eval_loss": 0.5, "eval_ndcg": 0.75, )"
            R"("epoch": 1.0, "percentage": 50.0, "elapsed_time": "0:00:00", )"
            R"("remaining_time": "0:00:00"})");
}

TEST(LogLineTest, ReadsBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.0,
                             9007199254740993.0, std::nextafter(2.0, 3.0)}) {
    const LogEntry entry = ParseLogLine(LogLine(TrainingEntry(1, value)), "x");
    EXPECT_EQ(std::bit_cast<uint64_t>(*entry.loss), std::bit_cast<uint64_t>(value)) << value;
  }
  const LogEntry entry = ParseLogLine(LogLine(TrainingEntry(10, .1)), "x");
  EXPECT_EQ(entry.step, 10);
  EXPECT_EQ(entry.total_steps, 40);
  EXPECT_EQ(entry.epoch, .5);
  EXPECT_EQ(entry.learning_rate, 1e-5);
  EXPECT_EQ(entry.grad_norm, 1.25);
  EXPECT_EQ(entry.eval_loss, std::nullopt);
  EXPECT_EQ(entry.elapsed_seconds, 3723);
  EXPECT_EQ(entry.remaining_seconds, 90000);
  EXPECT_EQ(entry.total_tokens, 10000);
  EXPECT_EQ(entry.throughput, 1.5);
  EXPECT_EQ(ParseLogLine(LogLine(Evaluation(20)), "x").evaluations, Evaluation(20).evaluations);
}

TEST(LogLineTest, WhatIsNoNumberIsNull) {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const std::string line = LogLine(TrainingEntry(10, value));
    EXPECT_THAT(line, HasSubstr(R"("loss": null)"));
    EXPECT_TRUE(std::isnan(*ParseLogLine(line, "x").loss));
  }
}

TEST(LogLineTest, RefusesWhatDoesNotFit) {
  for (const char* line :
       {"", "[]", "{}", R"({"current_steps": 1})", R"({"current_steps": -1, "total_steps": 2})",
        R"({"current_steps": 1, "total_steps": 2, "loss": "low"})",
        R"({"current_steps": 1, "total_steps": 2, "elapsed_time": "soon"})",
        R"({"current_steps": 1, "total_steps": 2, "elapsed_time": "0:00:01x"})",
        R"({"current_steps": 1, "total_steps": 2, "elapsed_time": "two days, 0:00:01"})",
        R"({"current_steps": 1, "total_steps": 2, "eval_ndcg": "high"})"}) {
    EXPECT_THROW(ParseLogLine(line, "x"), Error) << line;
  }
  LogEntry entry = TrainingEntry(1, 1);
  entry.evaluations = {{"ndcg", 1}};
  EXPECT_THROW(LogLine(entry), Error);
  entry.evaluations = {{"eval_loss", 1}};
  EXPECT_THROW(LogLine(entry), Error);
}

TEST(DurationTextTest, IsPythons) {
  EXPECT_EQ(DurationText(0), "0:00:00");
  EXPECT_EQ(DurationText(59.999), "0:00:59");
  EXPECT_EQ(DurationText(86399), "23:59:59");
  EXPECT_EQ(DurationText(86400), "1 day, 0:00:00");
  EXPECT_EQ(DurationText(2 * 86400 + 36061), "2 days, 10:01:01");
  EXPECT_EQ(DurationText(-5), "0:00:00");
  EXPECT_EQ(DurationText(std::nan("")), "0:00:00");
}

class TrainingLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / "dear_training_log_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "trainer_log.jsonl";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  std::string Read() const { return ReadFile(path_); }

  fs::path folder_;
  fs::path path_;
};

TEST_F(TrainingLogTest, EachLineIsThereAtOnce) {
  Write("of an older run\n");
  TrainingLog log(path_, 0);
  EXPECT_EQ(Read(), "");
  log.Append(TrainingEntry(10, 2));
  EXPECT_EQ(Read(), LogLine(TrainingEntry(10, 2)) + "\n");
  log.Append(Evaluation(10));
  EXPECT_EQ(Read(), LogLine(TrainingEntry(10, 2)) + "\n" + LogLine(Evaluation(10)) + "\n");
  EXPECT_THAT(Steps(log), ElementsAre(10, 10));
}

TEST_F(TrainingLogTest, GoesOnAfterTheResumedStep) {
  // A key of another program's stays.
  const std::string first = R"({"current_steps": 10, "total_steps": 40, "reward": 1.50})"
                            "\n";
  Write(first + LogLine(TrainingEntry(20, 1)) + "\n" + LogLine(Evaluation(20)) + "\n" +
        LogLine(TrainingEntry(30, .5)) + "\n" + R"({"current_steps": 40, "tot)");
  {
    TrainingLog log(path_, 20);
    EXPECT_THAT(Steps(log), ElementsAre(10, 20, 20));
    log.Append(TrainingEntry(30, .25));
  }
  const std::string expected = first + LogLine(TrainingEntry(20, 1)) + "\n" +
                               LogLine(Evaluation(20)) + "\n" + LogLine(TrainingEntry(30, .25)) +
                               "\n";
  EXPECT_EQ(Read(), expected);
  const TrainingLog again(path_, 30);
  EXPECT_EQ(Read(), expected);
  EXPECT_EQ(again.entries().back().loss, .25);
}

TEST_F(TrainingLogTest, DropsALastLineThatWasCut) {
  const std::string line = LogLine(TrainingEntry(10, 2));
  for (size_t size = 0; size <= line.size(); ++size) {
    Write(line + "\n" + line.substr(0, size));
    const TrainingLog log(path_, 10);
    EXPECT_THAT(Steps(log), ElementsAre(10));
    EXPECT_EQ(Read(), line + "\n");
  }
}

TEST_F(TrainingLogTest, ResumesWithoutAFile) {
  TrainingLog log(path_, 10);
  EXPECT_TRUE(log.entries().empty());
  log.Append(TrainingEntry(20, 1));
  EXPECT_EQ(Read(), LogLine(TrainingEntry(20, 1)) + "\n");
}

TEST_F(TrainingLogTest, NamesTheLineThatIsBroken) {
  Write(LogLine(TrainingEntry(10, 2)) + "\nrubbish\n" + LogLine(TrainingEntry(30, 2)) + "\n");
  try {
    const TrainingLog log(path_, 30);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
    EXPECT_EQ(error.context(), path_.string() + ": line 2");
  }
  EXPECT_THROW(TrainingLog(path_, -1), Error);
  EXPECT_THROW(TrainingLog(folder_ / "none" / "log", 0), Error);
}

TEST_F(TrainingLogTest, MetricsAreTransformers) {
  const TrainResults results{.epoch = 2,
                             .train_loss = .5,
                             .seconds = 8,
                             .num_samples = 32,
                             .num_steps = 4,
                             .num_tokens = 800};
  const Json expected = {{"epoch", 2.0},
                         {"train_loss", .5},
                         {"train_runtime", 8.0},
                         {"train_samples_per_second", 4.0},
                         {"train_steps_per_second", .5},
                         {"train_tokens_per_second", 100.0},
                         {"num_input_tokens_seen", 800}};
  EXPECT_EQ(TrainMetrics(results), expected);
  EXPECT_FALSE(TrainMetrics({}).contains("train_steps_per_second"));
}

TEST_F(TrainingLogTest, SavesMetricsOfSplitsTogether) {
  SaveMetrics(folder_, "train", {{"train_loss", .5}, {"epoch", 2.0}});
  SaveMetrics(folder_, "eval", {{"eval_loss", .25}, {"epoch", 3.0}});
  EXPECT_EQ(ReadFile(folder_ / "train_results.json"),
            "{\n    \"epoch\": 2.0,\n    \"train_loss\": 0.5\n}\n");
  EXPECT_EQ(ReadJsonFile(folder_ / "eval_results.json"),
            Json({{"eval_loss", .25}, {"epoch", 3.0}}));
  EXPECT_EQ(ReadJsonFile(folder_ / "all_results.json"),
            Json({{"train_loss", .5}, {"eval_loss", .25}, {"epoch", 3.0}}));
  std::ofstream(folder_ / "all_results.json") << "[]";
  EXPECT_THROW(SaveMetrics(folder_, "eval", Json::object()), Error);
}

TEST_F(TrainingLogTest, StateHoldsTheHistoryUpToItsStep) {
  const std::vector<LogEntry> entries = {TrainingEntry(10, 2), Evaluation(10),
                                         TrainingEntry(20, 1)};
  WriteTrainerState(folder_ / "trainer_state.json",
                    {.global_step = 15, .max_steps = 40, .num_train_epochs = 2, .epoch = .75},
                    entries);
  const Json state = ReadJsonFile(folder_ / "trainer_state.json");
  EXPECT_EQ(state["global_step"], 15);
  EXPECT_EQ(state["max_steps"], 40);
  EXPECT_EQ(state["num_train_epochs"], 2);
  EXPECT_EQ(state["num_input_tokens_seen"], 10000);
  EXPECT_EQ(state["log_history"],
            Json::parse(R"([{"epoch": 0.5, "grad_norm": 1.25, "learning_rate": 1e-5, "loss": 2.0,
                             "step": 10},
                            {"epoch": 1.0, "eval_loss": 0.5, "eval_ndcg": 0.75, "step": 10}])"));
}

}  // namespace
}  // namespace dear
