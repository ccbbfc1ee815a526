#include "train/ranking_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::ExpectError;
using ::testing::HasSubstr;

class RankingDatasetTest : public ::testing::Test {
 protected:
  RankingDatasetTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RankingDatasetTest() override { fs::remove_all(folder_); }

  RankingSource Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return {.name = name, .files = {folder_ / name}, .qrels = {}};
  }

  fs::path folder_ =
      fs::path(::testing::TempDir()) /
      (std::string("dear_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

constexpr const char* kTwoForms = R"({"query": "one", "pos": "a", "neg": ["b", "c"]}

{"query": "", "pos": "a", "neg": "b"}
{"query": "two", "passages": ["d", "e"], "labels": [0, 1]}
{"query": "three"}
)";

std::vector<std::string> Queries(const RankingDataset& data) {
  std::vector<std::string> out;
  for (size_t i = 0; i < data.size(); ++i) out.push_back(data.Example(i).query);
  return out;
}

TEST_F(RankingDatasetTest, SourcesOneAfterTheOther) {
  const RankingSource first = Write("first.jsonl", kTwoForms);
  const RankingSource second =
      Write("second.json", R"([{"query": "four", "pos": "a", "neg": "b"}])");
  const RankingDataset data({first, second}, {.needs = {.labels = true}});
  EXPECT_THAT(Queries(data), ElementsAre("one", "two", "four"));
  EXPECT_EQ(data.Place(1), (folder_ / "first.jsonl").string() + ":4");
  EXPECT_EQ(data.report().rows, 5);
  EXPECT_EQ(data.report().dropped, 2);
  EXPECT_EQ(data.report().small_groups, 0);
  EXPECT_THAT(data.report().first_dropped,
              ElementsAre(HasSubstr("first.jsonl:3: field 'query': is empty"),
                          HasSubstr("first.jsonl:5: row: expected positive and negatives")));
}

TEST_F(RankingDatasetTest, GroupsOfAnEpoch) {
  const RankingSource source = Write("data.jsonl", kTwoForms);
  const RankingDataset data(
      {source}, {.needs = {.labels = true}, .choice = {.passages_per_query = 3, .seed = 5}});
  EXPECT_EQ(data.report().small_groups, 1);
  const RankingDataset again(
      {source}, {.needs = {.labels = true}, .choice = {.passages_per_query = 3, .seed = 5}});
  for (int64_t epoch = 3; epoch >= 0; --epoch) {
    const RankingExample group = data.Chosen(0, epoch);
    const RankingExample same = again.Chosen(0, epoch);
    ASSERT_EQ(group.passages.size(), 3u);
    EXPECT_EQ(group.passages[0].text, "a");
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(group.passages[i].text, same.passages[i].text);
  }
}

TEST_F(RankingDatasetTest, OnlyTheFirstRowsOfEachSource) {
  const RankingSource source = Write("data.jsonl", kTwoForms);
  const RankingDataset data({source, source}, {.needs = {}, .choice = {}, .max_samples = 2});
  EXPECT_EQ(data.report().rows, 4);
  EXPECT_THAT(Queries(data), ElementsAre("one", "one"));
}

TEST_F(RankingDatasetTest, AtMostFiveDroppedRowsAreNamed) {
  std::string text = kTwoForms;
  for (int i = 0; i < 20; ++i) text += "[]\n";
  const RankingDataset data({Write("data.jsonl", text)}, {});
  EXPECT_EQ(data.report().dropped, 22);
  EXPECT_EQ(data.report().first_dropped.size(), RankingReport::kMaxNamed);
}

TEST_F(RankingDatasetTest, BrokenFilesAreRefused) {
  ExpectError(ErrorCode::kInvalidFormat, "broken.jsonl:2: ", [&] {
    RankingDataset({Write("broken.jsonl", "{\"query\": \"q\"}\n{\"query\": \n")}, {});
  });
  ExpectError(ErrorCode::kInvalidFormat,
              "dataset sft.jsonl: none of its 1 rows is a ranking to learn from; ", [&] {
                RankingDataset({Write("sft.jsonl", R"({"instruction": "i", "output": "o"})")}, {});
              });
  ExpectError(ErrorCode::kInvalidFormat, "none of its 0 rows",
              [&] { RankingDataset({Write("empty.jsonl", "")}, {}); });
  ExpectError(ErrorCode::kNotFound, "absent.jsonl", [&] {
    RankingDataset({{.name = "absent", .files = {folder_ / "absent.jsonl"}, .qrels = {}}}, {});
  });
  const RankingSource good = Write("data.jsonl", kTwoForms);
  ExpectError(ErrorCode::kInvalidArgument, "max_samples: expected at least 1, found 0",
              [&] { RankingDataset({good}, {.needs = {}, .choice = {}, .max_samples = 0}); });
  ExpectError(ErrorCode::kInvalidArgument, "passages_per_query: expected at least 2",
              [&] { RankingDataset({good}, {.needs = {}, .choice = {.passages_per_query = 1}}); });
}

TEST_F(RankingDatasetTest, NamesAreFoundInDatasetInfo) {
  Write("data.jsonl", kTwoForms);
  Write("requests.jsonl", R"({"query": {"qid": "7", "text": "q"}, "candidates": [)"
                          R"({"docid": "a", "doc": "x"}, {"docid": "b", "doc": "y"}]})");
  Write("judged.qrels", "7 0 b 2\n");
  Write("dataset_info.json", R"({
    "plain": {"file_name": "data.jsonl"},
    "judged": {"file_name": "requests.jsonl", "qrels": "judged.qrels"},
    "columns": {"file_name": "data.jsonl", "columns": {"response": "x"}},
    "part": {"file_name": "data.jsonl", "num_samples": 3},
    "odd": {"file_name": "data.csv", "qrels": "judged.qrels"},
    "wrong": {"file_name": "data.jsonl", "qrels": 3},
    "typo": {"file_name": "data.jsonl", "qrel": "judged.qrels"}})");
  const auto sources = FindRankingSources({"plain", "judged", "data.jsonl"}, folder_);
  ASSERT_EQ(sources.size(), 3u);
  EXPECT_EQ(sources[0].files, std::vector<fs::path>{folder_ / "data.jsonl"});
  EXPECT_EQ(sources[1].qrels, folder_ / "judged.qrels");
  EXPECT_EQ(sources[2].name, "data.jsonl");

  const RankingDataset judged({sources[1]}, {.needs = {.labels = true}});
  EXPECT_EQ(judged.Example(0).passages[1].label, 2);

  const auto refuse = [&](const char* name, ErrorCode code, const char* words) {
    ExpectError(code, words, [&] { FindRankingSources({name}, folder_); });
  };
  refuse("columns", ErrorCode::kUnsupported, "dataset 'columns': field 'columns' does not apply");
  refuse("part", ErrorCode::kUnsupported, "use max_samples");
  refuse("odd", ErrorCode::kUnsupported, "data.csv: expected .json or .jsonl");
  refuse("wrong", ErrorCode::kInvalidFormat, "field 'qrels'");
  refuse("typo", ErrorCode::kInvalidFormat, "field 'qrel' is unknown");
  refuse("none", ErrorCode::kNotFound, "it names no dataset 'none'");
  refuse("none.jsonl", ErrorCode::kNotFound, "none.jsonl");
  ExpectError(ErrorCode::kInvalidArgument, "dataset", [&] { FindRankingSources({}, folder_); });
}

}  // namespace
}  // namespace dear
