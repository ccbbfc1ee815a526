#include "api/training_measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include "api/testing/temporary_files.h"
#include "formats/checkpoint.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TrainingMeasureTest : public ::testing::Test {
 protected:
  TrainingMeasureTest() : recipe_(LoadRecipe("query-likelihood")) {
    const auto folder = std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/flows/base";
    parts_ = {.model = Model::Load(OpenCheckpoint(folder)),
              .tokenizer = Tokenizer::Open(folder),
              .pool = std::make_shared<ThreadPool>(1)};
    std::string jobs;
    for (const RankRequest& request : requests_) {
      jobs += R"({"query": {"qid": ")" + request.qid + R"(", "text": ")" + request.query +
              R"("}, "candidates": [)";
      for (const Passage& passage : request.passages) {
        jobs += (jobs.ends_with('[') ? "" : ", ") + (R"({"docid": ")" + passage.docid) +
                R"(", "doc": {"text": ")" + passage.text + R"("}})";
      }
      jobs += "]}\n";
    }
    config_.eval_jobs = files_.Plain("jobs.jsonl", jobs);
    config_.eval_qrels = files_.Plain("qrels.txt", "q1 0 b 1\nq2 0 c 1\n");
  }

  TrainingMeasure Open() const { return {config_, recipe_, parts_}; }

  const std::vector<RankRequest> requests_ = {
      {"q1", "the first", {{"a", "", "some text"}, {"b", "", "first"}, {"c", "", "of it all"}}},
      {"q2", "another", {{"a", "", "one"}, {"b", "", "two"}, {"c", "", "three"}}},
      {"unjudged", "no one", {{"a", "", "x"}, {"b", "", "y"}}}};
  TemporaryFiles files_;
  Recipe recipe_;
  ModelLanguageModel::Parts parts_;
  TrainConfig config_;
};

TEST_F(TrainingMeasureTest, IsThatOfTheRankingByTheRecipe) {
  const TrainingMeasure measure = Open();
  EXPECT_EQ(measure.num_queries(), 2U);
  EXPECT_THAT(measure.Figures(), ElementsAre("eval_ndcg_cut_10"));
  // One relevant passage a query: 1 / log2(1 + its rank).
  const Reranker reranker(std::make_shared<ModelLanguageModel>(parts_), recipe_);
  double expected = 0;
  for (const auto& [query, relevant] : {std::pair{0, 1}, std::pair{1, 2}}) {
    const auto order = reranker.Rank(requests_[static_cast<size_t>(query)]).permutation;
    const auto place = std::ranges::find(order, relevant) - order.begin();
    expected += 1 / std::log2(2 + static_cast<double>(place)) / 2;
  }
  const auto figures = measure.Measure({});
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_NEAR(figures.at("eval_ndcg_cut_10"), expected, 1e-12);
}

TEST_F(TrainingMeasureTest, AMeasureMayHaveSeveralColumns) {
  config_.eval_measure = "P.1,2";
  const TrainingMeasure measure = Open();
  EXPECT_THAT(measure.Figures(), ElementsAre("eval_P_1", "eval_P_2"));
  EXPECT_EQ(measure.Measure({}).size(), 2U);
}

TEST_F(TrainingMeasureTest, WhatIsWrongIsSaidWhenItIsOpened) {
  config_.eval_measure = "no_such";
  EXPECT_THAT(ErrorOf([&] { Open(); }), HasSubstr("eval_measure"));
  config_.eval_measure = "map";
  config_.eval_qrels = files_.Plain("others.txt", "q9 0 a 1\n");
  EXPECT_THAT(ErrorOf([&] { Open(); }), HasSubstr("shares no query with the judgements"));
  config_.eval_qrels = files_.folder() / "absent";
  EXPECT_THAT(ErrorOf([&] { Open(); }), HasSubstr("absent"));
}

TEST_F(TrainingMeasureTest, StopsWhenItIsTold) {
  try {
    Open().Measure([] { return true; });
    FAIL() << "it went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace dear
