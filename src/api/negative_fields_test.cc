#include "api/negative_fields.h"

#include <gmock/gmock.h>

#include <vector>

#include "api/testing/temporary_files.h"
#include "train/ranking_rows.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

const std::vector<MinedNegative> kMined = {
    {.docid = "", .title = "", .text = "one", .score = 2.5F},
    {.docid = "d2", .title = "T", .text = "two", .score = std::nullopt}};

Json With(const std::string& row, const std::vector<MinedNegative>& negatives = kMined) {
  Json json = Json::parse(row);
  AddNegatives(negatives, &json);
  return json;
}

// What training sees of it: the texts, those that are positive in capitals.
std::vector<std::string> Trained(const Json& row) {
  const RankingRow read = ReadRankingRow(row, {.labels = true});
  EXPECT_TRUE(read.example) << read.dropped;
  std::vector<std::string> texts;
  if (!read.example) return texts;
  for (const RankingPassage& passage : read.example->passages)
    texts.push_back((passage.label > 0 ? "+" : "-") + passage.text);
  return texts;
}

TEST(AddNegatives, KeepsTheRowAndTheNameThatItUses) {
  const Json row = With(R"({"query": "q", "positive": "p", "topic": "t", "source": {"a": [1]}})");
  EXPECT_EQ(row["negatives"],
            Json::parse(R"(["one", {"docid": "d2", "text": "two", "title": "T"}])"));
  EXPECT_EQ(row[kMinedScores], Json::parse("[2.5, null]"));
  EXPECT_EQ(row["source"], Json::parse(R"({"a": [1]})"));
  EXPECT_EQ(row["topic"], "t");
  EXPECT_EQ(Trained(row), (std::vector<std::string>{"+p", "-one", "-two"}));
  for (const char* name : {"negatives", "negative", "neg", "negative_passages"}) {
    const std::vector<std::string> expected = {"+p", "-n", "-one", "-two"};
    EXPECT_EQ(
        Trained(With(R"({"query": "q", "pos": ["p"], ")" + std::string(name) + R"(": ["n"]})")),
        expected);
    EXPECT_EQ(Trained(With(R"({"query": "q", "pos": ["p"], ")" + std::string(name) + R"(": "n"})")),
              expected);
  }
}

TEST(AddNegatives, TevatronsRowsHoldObjects) {
  const Json row = With(R"({"query": "q", "positive_passages": [{"docid": "1", "text": "p"}]})");
  EXPECT_EQ(row["negative_passages"],
            Json::parse(
                R"([{"text": "one", "title": ""}, {"docid": "d2", "text": "two", "title": "T"}])"));
  EXPECT_EQ(Trained(row), (std::vector<std::string>{"+p", "-one", "-two"}));
}

TEST(AddNegatives, ListsWithLabels) {
  const std::vector<std::string> expected = {"+p", "-n", "-one", "-two"};
  EXPECT_EQ(Trained(With(R"({"query": "q", "passages": ["p", "n"], "labels": [1, 0]})")), expected);
  EXPECT_EQ(Trained(With(R"({"query": {"text": "q"}, "candidates": [
                              {"doc": {"contents": "p"}, "label": 2}, {"doc": "n"}]})")),
            expected);
}

TEST(AddNegatives, RefusesWhatWouldNotFitAnyMore) {
  for (const char* field : {"scores", "neg_scores", "order"}) {
    EXPECT_THAT(ErrorOf([&] {
                  With(R"({"query": "q", "positive": "p", ")" + std::string(field) + R"(": [1]})");
                }),
                HasSubstr("field '" + std::string(field) + "'"));
  }
  // Scores of the positives go on to fit.
  Trained(With(R"({"query": "q", "positive": "p", "pos_scores": [1.5]})"));
}

TEST(AddNegatives, NoneAtAll) {
  const Json row = With(R"({"query": "q", "positive": "p"})", {});
  EXPECT_EQ(row["negatives"], Json::array());
  EXPECT_EQ(row[kMinedScores], Json::array());
}

}  // namespace
}  // namespace dear
