#include "train/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Made by tools/make_tensorboard_golden.py with tensorboard's writer.
const Json& EventsGolden() {
  static const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/train/tensorboard.json");
  return golden;
}

std::string GoldenEvents() {
  return ReadFile(DEAR_SOURCE_DIR "/tests/golden/train/tensorboard.events");
}

double Value(const Json& value) {
  if (value.is_number()) return value.get<double>();
  return std::strtod(value.get<std::string>().c_str(), nullptr);  // nan, inf, -inf
}

TEST(TensorboardTest, EventsEqualTensorboards) {
  std::string file = EventRecord(FileVersionEvent(EventsGolden()["wall_time"]));
  for (const Json& scalar : EventsGolden()["scalars"]) {
    file += EventRecord(ScalarEvent(scalar["wall_time"], scalar["step"],
                                    scalar["tag"].get<std::string>(), Value(scalar["value"])));
  }
  EXPECT_EQ(file, GoldenEvents());
}

TEST(TensorboardTest, ChecksumsEqualTensorboards) {
  for (const Json& c : EventsGolden()["masked_crcs"]) {
    const std::string record = EventRecord(c["text"].get<std::string>());
    uint32_t crc = 0;
    for (size_t i = 0; i < 4; ++i) {
      crc |= static_cast<uint32_t>(static_cast<uint8_t>(record[record.size() - 4 + i])) << (8 * i);
    }
    EXPECT_EQ(crc, c["crc"].get<uint32_t>()) << c;
  }
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283);  // the check value of every table of CRCs
}

class TensorboardFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / "dear_tensorboard_test";
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(TensorboardFileTest, FileHoldsEachEventAtOnce) {
  TensorboardWriter writer(folder_ / "runs", EventsGolden()["wall_time"]);
  std::string expected = EventRecord(FileVersionEvent(EventsGolden()["wall_time"]));
  EXPECT_EQ(ReadFile(writer.path()), expected);
  writer.Scalar("train/loss", 3, .5, 12);
  expected += EventRecord(ScalarEvent(12, 3, "train/loss", .5));
  EXPECT_EQ(ReadFile(writer.path()), expected);
  EXPECT_EQ(writer.path().parent_path(), folder_ / "runs");
  EXPECT_THAT(writer.path().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.1786000000\\..+\\.[0-9]+\\.[0-9]+"));
}

TEST_F(TensorboardFileTest, TwoWritersOfOneMomentHaveTwoFiles) {
  const TensorboardWriter a(folder_, 7);
  const TensorboardWriter b(folder_, 7);
  EXPECT_NE(a.path(), b.path());
}

TEST_F(TensorboardFileTest, EntriesComeUnderTransformersTags) {
  TensorboardWriter writer(folder_, 1);
  LogEntry entry{.step = 20, .total_steps = 40, .epoch = 1.5};
  entry.loss = 2;
  entry.grad_norm = 3;
  entry.learning_rate = 1e-4;
  writer.Append(entry, 5);
  LogEntry evaluation{.step = 20, .total_steps = 40, .epoch = 1.5};
  evaluation.eval_loss = std::numeric_limits<double>::quiet_NaN();
  evaluation.evaluations["eval_ndcg"] = .75;
  writer.Append(evaluation, 6);
  writer.AppendMetrics({{"train_loss", 2.5}, {"note", "text"}}, 40, 7);
  std::string expected = EventRecord(FileVersionEvent(1));
  const auto add = [&](double wall_time, int64_t step, const char* tag, double value) {
    expected += EventRecord(ScalarEvent(wall_time, step, tag, value));
  };
  add(5, 20, "train/loss", 2);
  add(5, 20, "train/grad_norm", 3);
  add(5, 20, "train/learning_rate", 1e-4);
  add(5, 20, "train/epoch", 1.5);
  add(6, 20, "eval/loss", std::numeric_limits<double>::quiet_NaN());
  add(6, 20, "eval/ndcg", .75);
  add(6, 20, "train/epoch", 1.5);
  add(7, 40, "train/train_loss", 2.5);
  EXPECT_EQ(ReadFile(writer.path()), expected);
}

TEST_F(TensorboardFileTest, FolderIsNamedAsTransformersDoes) {
  const fs::path folder = TensorboardFolder("out", EventsGolden()["wall_time"]);
  EXPECT_EQ(folder.parent_path(), fs::path("out/runs"));
  // The hour follows the time zone of who runs this.
  EXPECT_THAT(folder.filename().string(),
              MatchesRegex("Aug0[567]_[0-9][0-9]-[0-9][0-9]-[0-9][0-9]_.+"));
}

TEST_F(TensorboardFileTest, SaysWhichFolderCannotBeMade) {
  fs::create_directories(folder_);
  const TensorboardWriter writer(folder_, 1);
  try {
    const TensorboardWriter below(writer.path() / "runs", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.context(), HasSubstr("runs"));
  }
}

}  // namespace
}  // namespace dear
