#include "rank/detect_recipe.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "rank/recipe.h"

namespace dear {
namespace {

class DetectRecipeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    facts_.name = "some/model";
    facts_.config = &config_;
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Write(const char* name, const char* text) { std::ofstream(folder_ / name) << text; }

  ModelConfig config_;
  LoraConfig adapter_;
  ModelFacts facts_;
  std::filesystem::path folder_;
};

TEST_F(DetectRecipeTest, FromHeadAdapterAndName) {
  EXPECT_EQ(DetectRecipe(facts_).name, "query-likelihood");
  facts_.name = "org/DeAR-8b-reranker-Listwise-v1";
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-card");
  facts_.name = "x";
  facts_.adapter = &adapter_;
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-card");
  adapter_.task_type = "SEQ_CLS";
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-pointwise-card");
  facts_.adapter = nullptr;
  config_.head = HeadKind::kSequenceClassification;
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-pointwise-card");
  config_.num_labels = 2;
  EXPECT_THROW(DetectRecipe(facts_), Error);
}

TEST_F(DetectRecipeTest, TheFolderHasTheFirstWord) {
  facts_.adapter = &adapter_;
  facts_.adapter_folder = folder_;
  Write("dear.json", R"({"recipe": "dear-repo"})");
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-repo");
  Write("dear.yaml", "recipe: mine.yaml\n");
  EXPECT_EQ(DetectRecipe(facts_).name, (folder_ / "mine.yaml").string());
  Write("dear.yaml", "recipe: ../mine.yaml\n");
  EXPECT_THROW(DetectRecipe(facts_), Error);
  Write("dear.yaml",
        "kind: query_likelihood\nprompt: {text: '{passage}'}\ncontinuation: '{query}'\n");
  EXPECT_EQ(LoadRecipe(DetectRecipe(facts_).name).kind, RecipeKind::kQueryLikelihood);
  Write("dear.yaml", "recipes: dear-repo\n");
  EXPECT_THROW(DetectRecipe(facts_), Error);
}

TEST_F(DetectRecipeTest, AConfigFileMayNameIt) {
  config_.raw = Json::parse(R"({"dear": {"recipe": "dear-repo"}})");
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-repo");
  config_.raw = Json::parse(R"({"dear": "dear-repo"})");
  EXPECT_THROW(DetectRecipe(facts_), Error);
}

}  // namespace
}  // namespace dear
