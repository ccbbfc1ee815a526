// Whole flows over a tiny model with adapters, beside transformers and peft in f32.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/json.h"
#include "base/testing/goldens.h"
#include "formats/checkpoint.h"
#include "model/testing/parity.h"
#include "rank/model_language_model.h"
#include "rank/reranker.h"

namespace dear {
namespace {

using testing::kFlows;

class Flows : public ::testing::Test {
 protected:
  // The base as `head`, through the adapter in `folder` (empty: none).
  static std::shared_ptr<LanguageModel> Open(HeadKind head, const std::string& folder) {
    Checkpoint checkpoint = OpenCheckpoint(kFlows / "base");
    checkpoint.config.head = head;
    ModelLanguageModel::Parts parts;
    parts.model = Model::Load(checkpoint);
    if (!folder.empty()) {
      parts.adapter = Adapter::Bind(*parts.model, OpenPeftAdapter(kFlows / folder), folder);
    }
    parts.tokenizer = Tokenizer::Open(kFlows / "base");
    parts.pool = std::make_shared<ThreadPool>(2);
    return std::make_shared<ModelLanguageModel>(parts);
  }

  static RankRequest Request(const Json& golden) {
    RankRequest request;
    request.query = golden.at("query");
    for (const Json& text : golden.at("passages")) {
      request.passages.push_back({.text = text.get<std::string>()});
    }
    return request;
  }

  void ExpectSameAnswers(const char* recipe, const char* key) {
    const Reranker reranker(Open(HeadKind::kCausalLm, "listwise"), LoadRecipe(recipe));
    bool equal = true;
    size_t tokens = 0;
    for (const Json& golden : goldens_.at("cases")) {
      const Json& flow = golden.at(key);
      const RankResult result =
          reranker.Rank(Request(golden), {.max_new_tokens = 50, .temperature = 0, .trace = true});
      const auto prompt = flow.at("prompt_ids").get<std::vector<TokenId>>();
      const auto answer = flow.at("output_ids").get<std::vector<TokenId>>();
      EXPECT_EQ(result.trace.prompt_ids.at(0), prompt);
      EXPECT_EQ(result.trace.output_ids.at(0), answer);
      equal = equal && result.trace.output_ids.at(0) == answer;
      tokens += answer.size();
    }
    testing::ReportParity("ranking flows", recipe, 0, 0, equal, tokens);
  }

  // The largest difference to the scores that the goldens hold under `key`.
  void ExpectSameScores(const Reranker& reranker, const char* key) {
    double worst = 0;
    for (const Json& golden : goldens_.at("cases")) {
      const RankResult result = reranker.Rank(Request(golden), {.trace = true});
      const auto expected = golden.at(key).get<std::vector<double>>();
      ASSERT_EQ(result.scores.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(result.scores[i], expected[i], 1e-5) << key << ' ' << i;
        worst = std::max(worst, std::abs(result.scores[i] - expected[i]));
      }
      if (reranker.recipe().kind == RecipeKind::kPointwise) {
        EXPECT_EQ(result.trace.prompt_ids,
                  golden.at("pairs").get<std::vector<std::vector<TokenId>>>());
      }
    }
    testing::ReportParity("ranking flows", reranker.recipe().name, worst, 1e-5, true, 0);
  }

  const Json goldens_ = ReadJsonFile(kFlows / "flows.json");
};

TEST_F(Flows, CardWritesTheSameTokens) {
  ExpectSameAnswers("dear-card", "card");
}

TEST_F(Flows, RepositoryWritesTheSameTokens) {
  ExpectSameAnswers("dear-repo", "repo");
}

TEST_F(Flows, PointwiseCardGivesTheSameLogits) {
  ExpectSameScores(Reranker(Open(HeadKind::kSequenceClassification, "classifier"),
                            LoadRecipe("dear-pointwise-card")),
                   "logits");
}

TEST_F(Flows, QueryLikelihoodsAreTheSame) {
  ExpectSameScores(Reranker(Open(HeadKind::kCausalLm, ""), LoadRecipe("query-likelihood")),
                   "likelihoods");
}

}  // namespace
}  // namespace dear
