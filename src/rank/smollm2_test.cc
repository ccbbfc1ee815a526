// The embedded default on its real weights, where its file is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "formats/checkpoint.h"
#include "model/testing/parity.h"
#include "rank/detect_recipe.h"
#include "rank/model_language_model.h"
#include "rank/reranker.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

std::filesystem::path ModelFile() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path root =
      cache != nullptr ? std::filesystem::path(cache)
                       : std::filesystem::path(home != nullptr ? home : "") / ".cache";
  return root / "dear" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

class SmolLm2 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ModelFile())) GTEST_SKIP() << ModelFile() << " is not there";
    checkpoint_ = OpenCheckpoint(ModelFile());
    parts_.model = Model::Load(checkpoint_);
    parts_.tokenizer = Tokenizer::FromGguf(*checkpoint_.gguf);
    parts_.pool = std::make_shared<ThreadPool>(2);
  }

  static RankRequest Edison() {
    RankRequest request;
    request.query = "When did Thomas Edison invent the light bulb?";
    for (const char* text :
         {"Lightning strike at Seoul National University",
          "Thomas Edison tried to invent a device for car but failed", "Coffee is good for diet",
          "KEPCO fixes light problems", "Thomas Edison invented the light bulb in 1879"}) {
      request.passages.push_back({.text = text});
    }
    return request;
  }

  Checkpoint checkpoint_;
  ModelLanguageModel::Parts parts_;
};

TEST_F(SmolLm2, QueryLikelihoodIsThatOfTransformersInF32) {
  const ModelFacts facts{.name = "smollm2-135m-instruct", .config = &checkpoint_.config};
  const Recipe recipe = LoadRecipe(DetectRecipe(facts).name);
  EXPECT_EQ(recipe.name, "query-likelihood");
  const Reranker reranker(std::make_shared<ModelLanguageModel>(parts_), recipe);
  const RankResult result = reranker.Rank(Edison());
  // transformers' logits in f32, with log_softmax in f64, and as torch gives it in f32: its sum
  // over the vocabulary loses small terms, so that every score comes out about 8e-6 too high.
  const double exact[] = {-2.0794359, -0.8175729, -2.3670143, -2.3555390, -0.6415330};
  const double in_f32[] = {-2.079428, -0.817563, -2.367007, -2.355529, -0.641523};
  double worst = 0;
  for (size_t i = 0; i < 5; ++i) {
    worst = std::max(worst, std::abs(result.scores[i] - exact[i]));
    EXPECT_NEAR(result.scores[i], exact[i], 2e-6) << i;
    EXPECT_NEAR(result.scores[i], in_f32[i], 1e-5) << i;
  }
  testing::ReportParity("ranking flows", "query-likelihood, smollm2-135m-instruct", worst, 1e-5,
                        true, 0);
  EXPECT_THAT(result.permutation, ElementsAre(4, 1, 0, 3, 2));

  // A passage alone has the bits that it has among others.
  RankRequest alone = Edison();
  alone.passages = {alone.passages[3]};
  EXPECT_EQ(reranker.Rank(alone).scores[0], result.scores[3]);
}

TEST_F(SmolLm2, ListwiseAnswersAreStreamedAndRepaired) {
  for (const char* name : {"dear-card", "dear-repo"}) {
    std::string streamed;
    RankOptions options;
    options.max_new_tokens = 12;
    options.temperature = 0;
    options.on_text = [&](std::string_view piece) { streamed += piece; };
    options.trace = true;
    const RankResult result =
        Reranker(std::make_shared<ModelLanguageModel>(parts_), LoadRecipe(name))
            .Rank(Edison(), options);
    EXPECT_THAT(result.permutation, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4)) << name;
    EXPECT_EQ(result.usage.completion_tokens,
              static_cast<int64_t>(result.trace.output_ids.at(0).size()));
    EXPECT_EQ(parts_.tokenizer->Decode(result.trace.output_ids.at(0), true), streamed) << name;
  }
}

}  // namespace
}  // namespace dear
