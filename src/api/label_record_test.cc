#include "api/label_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LabelRow ReadRow(const std::string& text) {
  LabelRow row{.number = 1, .json = ParseJson(text, "row"), .example = {}, .dropped = {}};
  RankingRow read = ReadRankingRow(row.json, RankingNeeds{});
  EXPECT_EQ(read.dropped, "") << text;
  row.example = std::move(read.example);
  return row;
}

// As training reads it, where the loss needs what `needs` says.
RankingExample ReadBack(const OrderedJson& record, const RankingNeeds& needs) {
  const RankingRow read = ReadRankingRow(ParseJson(record.dump(), "record"), needs);
  EXPECT_EQ(read.dropped, "") << record;
  return read.example.value_or(RankingExample{});
}

// Rows of three passages a, b, c with labels 1, 0, 0 in all forms that training knows, some with
// another teacher's scores.
const char* const kSides[] = {
    R"({"query": "q", "positive": "a", "negatives": ["b", "c"]})",
    R"({"query": "q", "pos": ["a"], "neg": ["b", "c"], "scores": [1, 2, 3]})",
    R"({"query": "q", "positives": "a", "negative": ["b", "c"], "pos_scores": [9]})",
    R"({"query": "q", "positive_passages": [{"docid": "1", "title": "", "text": "a"}],
        "negative_passages": [{"text": "b", "score": 5}, {"text": "c", "score": null}]})",
};
const char* const kLists[] = {
    R"({"query": "q", "passages": ["a", "b", "c"], "labels": [1, 0, 0], "order": [2, 1, 0]})",
    R"({"query": "q", "passages": ["a", "b", "c"], "labels": [1, 0, 0], "scores": [3, 2, 1]})",
    R"({"query": {"text": "q", "qid": "7"}, "candidates": [
        {"docid": "x", "score": 3.5, "label": 1, "doc": {"text": "a"}},
        {"docid": "y", "score": 2.5, "label": 0, "doc": {"text": "b"}}, {"doc": "c"}]})",
    R"({"query": "q", "hits": [{"content": "a", "score": 1, "label": 1}, {"content": "b"},
        {"content": "c"}]})",
};

std::vector<std::string> AllRows() {
  std::vector<std::string> rows(std::begin(kSides), std::end(kSides));
  rows.insert(rows.end(), std::begin(kLists), std::end(kLists));
  return rows;
}

TEST(ScoresRecordTest, IsReadBackAsTheTeachersScores) {
  const std::vector<float> scores = {-1.25F, 0.1F, 3e-7F};
  for (const std::string& text : AllRows()) {
    const RankingExample example =
        ReadBack(ScoresRecord(ReadRow(text), scores), {.labels = true, .teacher_scores = true});
    ASSERT_EQ(example.passages.size(), 3U) << text;
    EXPECT_EQ(example.query, "q");
    EXPECT_THAT(example.teacher_order, IsEmpty()) << text;
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(static_cast<float>(*example.passages[i].teacher_score), scores[i]) << text;
      EXPECT_EQ(example.passages[i].text, std::string(1, static_cast<char>('a' + i)));
      EXPECT_EQ(example.passages[i].label, i == 0 ? 1 : 0) << text;
    }
  }
}

TEST(ScoresRecordTest, KeepsTheRowsOwnFields) {
  const OrderedJson record = ScoresRecord(
      ReadRow(R"({"query": "q", "query_id": 3, "note": {"a": [1]}, "passages": ["a", "b"]})"),
      std::vector<float>{0.1F, 2});
  EXPECT_EQ(record["query_id"], 3);
  EXPECT_EQ(record["note"]["a"][0], 1);
  EXPECT_EQ(record["scores"].dump(), "[0.1,2.0]");
  const OrderedJson request = ScoresRecord(ReadRow(kLists[2]), std::vector<float>{1, 2, 3});
  EXPECT_EQ(request["candidates"][0]["previous_score"], 3.5);
  EXPECT_EQ(request["candidates"][0]["docid"], "x");
  EXPECT_FALSE(request["candidates"][0].contains("score"));
  EXPECT_FALSE(ScoresRecord(ReadRow(kSides[1]), std::vector<float>{1, 2, 3}).contains("scores"));
}

TEST(ScoresRecordTest, OnlyPositivesOrOnlyNegatives) {
  for (const char* text : {R"({"query": "q", "positives": ["a", "b"]})",
                           R"({"query": "q", "negatives": ["a", "b"]})"}) {
    const RankingExample example =
        ReadBack(ScoresRecord(ReadRow(text), std::vector<float>{1, 2}), {.teacher_scores = true});
    ASSERT_EQ(example.passages.size(), 2U);
    EXPECT_EQ(example.passages[1].teacher_score, 2);
  }
}

TEST(OrderRecordTest, IsReadBackAsTheTeachersOrderAndKeepsLabels) {
  const std::vector<int64_t> order = {1, 2, 0};
  for (const std::string& text : AllRows()) {
    const RankingExample example =
        ReadBack(OrderRecord(ReadRow(text), order), {.labels = true, .teacher_order = true});
    EXPECT_THAT(example.teacher_order, ElementsAre(1, 2, 0)) << text;
    ASSERT_EQ(example.passages.size(), 3U) << text;
    for (size_t i = 0; i < 3; ++i) {
      // No score of a first stage or of another teacher is left to be taken for this one's.
      EXPECT_FALSE(example.passages[i].teacher_score) << text;
      EXPECT_EQ(example.passages[i].text, std::string(1, static_cast<char>('a' + i)));
      EXPECT_EQ(example.passages[i].label, i == 0 ? 1 : 0) << text;
    }
  }
  const RankingExample unlabelled = ReadBack(
      OrderRecord(ReadRow(R"({"query": "q", "passages": ["a", "b"]})"), std::vector<int64_t>{1, 0}),
      {.teacher_order = true});
  EXPECT_THAT(unlabelled.teacher_order, ElementsAre(1, 0));
}

TEST(LabelRecordTest, ATeacherSaysSomethingOfEveryPassage) {
  EXPECT_THROW(ScoresRecord(ReadRow(kSides[0]), std::vector<float>{1}), Error);
  EXPECT_THROW(OrderRecord(ReadRow(kSides[0]), std::vector<int64_t>{1, 0}), Error);
}

}  // namespace
}  // namespace dear
