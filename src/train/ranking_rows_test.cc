#include "train/ranking_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "eval/text_source.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RankingExample Read(const char* json, const RankingNeeds& needs = {}) {
  RankingRow row = ReadRankingRow(Json::parse(json), needs);
  EXPECT_EQ(row.dropped, "") << json;
  return row.example.value_or(RankingExample{});
}

std::string Dropped(const char* json, const RankingNeeds& needs = {},
                    const eval::Qrels* qrels = nullptr) {
  const RankingRow row = ReadRankingRow(Json::parse(json), needs, qrels);
  EXPECT_FALSE(row.example) << json;
  return row.dropped;
}

// "title|text" of each passage.
std::vector<std::string> Texts(const RankingExample& example) {
  std::vector<std::string> out;
  for (const RankingPassage& passage : example.passages)
    out.push_back(passage.title + "|" + passage.text);
  return out;
}

std::vector<double> Labels(const RankingExample& example) {
  std::vector<double> out;
  for (const RankingPassage& passage : example.passages) out.push_back(passage.label);
  return out;
}

// -1 where a passage has none.
std::vector<double> Scores(const RankingExample& example) {
  std::vector<double> out;
  for (const RankingPassage& passage : example.passages)
    out.push_back(passage.teacher_score.value_or(-1));
  return out;
}

eval::Qrels Judgements() {
  return eval::Qrels::Parse(eval::TextSource::FromString(
      "7 0 a 3\n7 0 b 0\n7 0 c -1\n7 0 big 2000\n8 0 a 1\n", "judged.qrels"));
}

TEST(RankingRows, PositivesAndNegatives) {
  const RankingExample example = Read(R"({"query": "q", "positive": {"title": "T", "text": "p"},
      "negatives": ["n1", {"text": "n2", "score": 0.5}], "other": 1})");
  EXPECT_EQ(example.query, "q");
  EXPECT_THAT(Texts(example), ElementsAre("T|p", "|n1", "|n2"));
  EXPECT_THAT(Labels(example), ElementsAre(1, 0, 0));
  EXPECT_THAT(Scores(example), ElementsAre(-1, -1, 0.5));
  EXPECT_THAT(example.teacher_order, IsEmpty());
}

TEST(RankingRows, EveryNameOfTheTwoLists) {
  for (const char* positive : {"positive", "positives", "pos", "positive_passages"}) {
    for (const char* negative : {"negatives", "negative", "neg", "negative_passages"}) {
      const Json row = {{"query", "q"}, {positive, "p"}, {negative, {"n", "m"}}};
      EXPECT_THAT(Labels(Read(row.dump().c_str())), ElementsAre(1, 0, 0));
    }
  }
}

TEST(RankingRows, TevatronsForm) {
  const RankingExample example = Read(R"({"query_id": 12, "query": "q",
      "positive_passages": [{"docid": "1", "title": "T", "text": "p"}],
      "negative_passages": [{"docid": "2", "title": "", "text": "n"},
                            {"docid": "3", "title": null, "text": "m"},
                            {"docid": "4", "title": "only", "text": ""}]})");
  EXPECT_THAT(Texts(example), ElementsAre("T|p", "|n", "|m", "only|"));
  EXPECT_THAT(Labels(example), ElementsAre(1, 0, 0, 0));
}

TEST(RankingRows, ScoresOfATeacher) {
  EXPECT_THAT(Scores(Read(R"({"query": "q", "pos": ["p", "r"], "neg": ["n"], "pos_scores": [3, 2],
                              "neg_scores": [1.5]})")),
              ElementsAre(3, 2, 1.5));
  EXPECT_THAT(Scores(Read(R"({"query": "q", "pos": ["p"], "neg": ["n"], "scores": [3, 1.5]})")),
              ElementsAre(3, 1.5));
  EXPECT_THAT(Scores(Read(R"({"query": "q", "passages": ["p", "n"], "scores": [2, 1.5]})")),
              ElementsAre(2, 1.5));
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": ["p"], "neg": ["n"], "scores": [3]})"),
              HasSubstr("field 'scores': has 1 numbers for 2 passages"));
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [3],
                          "scores": [3, 1]})"),
              HasSubstr("field 'scores'[0]: the passage has a 'score'"));
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": "p", "neg": "n", "neg_scores": ["1"]})"),
              HasSubstr("field 'neg_scores'[0]: expected a number, found string"));
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": "p", "neg": "n", "neg_scores": [1e300]})"),
              HasSubstr("beyond the range"));
}

TEST(RankingRows, ListsWithLabelsAndOrders) {
  const RankingExample labelled = Read(R"({"query": "q", "passages": [
      {"text": "a", "label": 2}, {"title": "T", "text": "b", "label": true}, "c"]})");
  EXPECT_THAT(Texts(labelled), ElementsAre("|a", "T|b", "|c"));
  EXPECT_THAT(Labels(labelled), ElementsAre(2, 1, 0));
  EXPECT_THAT(labelled.teacher_order, IsEmpty());
  EXPECT_THAT(Labels(Read(R"({"query": "q", "passages": ["a", "b"], "labels": [0, 3]})")),
              ElementsAre(0, 3));

  const char* ordered = R"({"query": "q", "passages": ["a", "b", "c"], "order": [2, 0, 1]})";
  EXPECT_THAT(Read(ordered).teacher_order, ElementsAre(2, 0, 1));
  // A list that says nothing else is the ranking itself.
  EXPECT_THAT(Read(R"({"query": "q", "passages": ["a", "b", "c"]})").teacher_order,
              ElementsAre(0, 1, 2));
  EXPECT_THAT(Read(R"({"query": "q", "passages": [{"text": "a", "score": 1}, "b"]})").teacher_order,
              IsEmpty());

  for (const char* order : {"[0]", "[0, 0]", "[0, 2]", "[0, -1]", "[0, 1.0]", "[0, [1]]",
                            "[0, 18446744073709551615]", "[0, 1, 1]", "7"}) {
    const std::string row =
        R"({"query": "q", "passages": ["a", "b"], "order": )" + std::string(order) + "}";
    EXPECT_THAT(Dropped(row.c_str()), HasSubstr("field 'order'"));
  }
}

TEST(RankingRows, RequestsOfRankLlmAndRankGpt) {
  const RankingExample rankllm = Read(R"({"query": {"text": "q", "qid": 7}, "candidates": [
      {"docid": "a", "score": 2.5, "doc": {"title": "T", "contents": "x"}},
      {"docid": "b", "score": 1.5, "doc": {"segment": "y"}},
      {"docid": "c", "score": 0.5, "doc": "z"}]})");
  EXPECT_EQ(rankllm.query, "q");
  EXPECT_THAT(Texts(rankllm), ElementsAre("T|x", "|y", "|z"));
  EXPECT_THAT(Scores(rankllm), ElementsAre(2.5, 1.5, 0.5));
  EXPECT_THAT(Texts(Read(R"({"query": "q", "hits": [{"content": "x"}, {"content": "y"}]})")),
              ElementsAre("|x", "|y"));
}

TEST(RankingRows, JudgementsAreTheLabels) {
  const eval::Qrels qrels = Judgements();
  const RankingRow row =
      ReadRankingRow(Json::parse(R"({"query": {"text": "q", "qid": 7}, "candidates": [
        {"docid": "c", "doc": "x"}, {"docid": "a", "doc": "y"}, {"docid": "new", "doc": "z"}]})"),
                     {.labels = true}, &qrels);
  ASSERT_TRUE(row.example) << row.dropped;
  EXPECT_THAT(Labels(*row.example), ElementsAre(0, 3, 0));
  EXPECT_THAT(row.example->teacher_order, IsEmpty());

  EXPECT_THAT(
      Dropped(R"({"query": "q", "candidates": []})", {}, &qrels),
      HasSubstr("field 'query_id': is missing, and with it the judgements of judged.qrels"));
  EXPECT_THAT(Dropped(R"({"query": "q", "qid": "9", "candidates": []})", {}, &qrels),
              HasSubstr("query '9': is not judged in judged.qrels"));
  EXPECT_THAT(Dropped(R"({"query": "q", "qid": "7", "passages": ["a"]})", {}, &qrels),
              HasSubstr("passage 0: has no docid"));
  EXPECT_THAT(Dropped(R"({"query": "q", "qid": "7", "passages": [{"text": "a", "docid": "big"}]})",
                      {}, &qrels),
              HasSubstr("expected a relevance up to 1000, found 2000"));
}

TEST(RankingRows, WhatTheLossNeeds) {
  const RankingNeeds labels{.labels = true};
  EXPECT_THAT(Dropped(R"({"query": "q", "neg": ["a", "b"]})", labels), HasSubstr("a positive one"));
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": ["a", "b"]})", labels),
              HasSubstr("one that is less relevant"));
  EXPECT_THAT(Dropped(R"({"query": "q", "passages": ["a", "b"]})", labels),
              HasSubstr("a positive one"));
  const RankingNeeds scores{.teacher_scores = true};
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": ["a"], "neg": ["b"], "pos_scores": [1]})", scores),
              HasSubstr("passage 1: has no teacher's score"));
  const RankingNeeds order{.teacher_order = true};
  EXPECT_THAT(Dropped(R"({"query": "q", "pos": ["a"], "neg": ["b"]})", order),
              HasSubstr("passage 0: has no teacher's score"));
  Read(R"({"query": "q", "pos": ["a"], "neg": ["b"], "scores": [1, 2]})", order);
  Read(R"({"query": "q", "passages": ["a", "b"]})", order);

  RankingLossOptions options;
  options.kl_weight = 0.1;
  const RankingNeeds mixed = RankingNeeds::Of(*MakeRankingLoss(options));
  EXPECT_TRUE(mixed.labels && mixed.teacher_scores && !mixed.teacher_order);
}

TEST(RankingRows, OfGradedLabelsThoseAboveTheLowestAreUsable) {
  EXPECT_THAT(UsablePositives(Read(R"({"query": "q", "passages": ["a", "b", "c"],
                                       "labels": [1, 3, 2]})")),
              ElementsAre(1, 2));
  EXPECT_THAT(UsablePositives(RankingExample{}), IsEmpty());
}

TEST(RankingRows, RowsOfNoUseSayWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "row: expected an object, found array"},
      {R"({"pos": "a", "neg": "b"})", "field 'query': is missing"},
      {R"({"query": null, "pos": "a", "neg": "b"})", "field 'query': is missing"},
      {R"({"query": {"qid": "1"}, "pos": "a", "neg": "b"})", "field 'query.text': is missing"},
      {R"({"query": 3, "pos": "a", "neg": "b"})", "field 'query': expected a text, found number"},
      {R"({"query": " \n", "pos": "a", "neg": "b"})", "field 'query': is empty"},
      {R"({"query": "q", "qid": [], "pos": "a", "neg": "b"})", "field 'qid': expected a text"},
      {R"({"query": "q"})", "row: expected positive and negatives"},
      {R"({"query": "q", "pos": "a", "positive": "b"})", "stands beside 'positive'"},
      {R"({"query": "q", "pos": "a", "passages": ["b", "c"]})", "field 'passages': stands beside"},
      {R"({"query": "q", "passages": "a"})", "field 'passages': expected a list, found string"},
      {R"({"query": "q", "passages": ["a"]})", "expected at least two to compare, found 1"},
      {R"({"query": "q", "passages": []})", "expected at least two to compare, found 0"},
      {R"({"query": "q", "pos": ["a"], "neg": [3]})",
       "field 'neg'[0]: expected a text or an object, found number"},
      {R"({"query": "q", "pos": ["a"], "neg": [" "]})", "field 'neg'[0]: is empty"},
      {R"({"query": "q", "pos": ["a"], "neg": [{"title": "t"}]})", "field 'neg'[0]: has no text"},
      {R"({"query": "q", "pos": ["a"], "neg": [{"text": 1}]})",
       "field 'neg'[0]: field 'text': expected a text"},
      {R"({"query": "q", "passages": ["a", {"text": "b", "label": -1}]})",
       "field 'passages'[1]: field 'label': expected 0..1000, found -1"},
      {R"({"query": "q", "passages": ["a", {"text": "b", "label": 1001}]})", "found 1001"},
  };
  for (const auto& [row, reason] : cases) EXPECT_THAT(Dropped(row), HasSubstr(reason)) << row;
}

}  // namespace
}  // namespace dear
