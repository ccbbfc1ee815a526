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

TEST_F(DetectRecipeTest, FromTheNamesOfFamilies) {
  struct Case {
    const char* name;
    const char* recipe;
  };
  for (const Case& test : {Case{"Qwen/Qwen3-Reranker-0.6B", "qwen3-reranker"},
                           {"BAAI/bge-reranker-v2-gemma", "bge-gemma"},
                           {"mixedbread-ai/mxbai-rerank-large-v2", "mxbai-v2"},
                           {"/models/mxbai-rerank-base-v2", "mxbai-v2"},
                           {"castorini/rank_zephyr_7b_v1_full", "rank-zephyr"},
                           {"castorini/rank_vicuna_7b_v1", "rank-vicuna"},
                           {"castorini/first_mistral", "first"},
                           {"rryisthebest/First_Model", "first"},
                           {"liuwenhan/reasonrank-7B", "reason-rank"},
                           {"abdoelsayed/dear-8b-reranker-listwise-v1", "dear-card"},
                           {"meta-llama/Llama-3.1-8B", "query-likelihood"},
                           {"smollm2-135m-instruct", "query-likelihood"},
                           {"x/rankllama-v1-7b", "query-likelihood"}}) {
    facts_.name = test.name;
    const DetectedRecipe found = DetectRecipe(facts_);
    EXPECT_EQ(found.name, test.recipe) << test.name;
    EXPECT_EQ(found.guessed, found.name == "query-likelihood" && facts_.name[0] != 's');
    EXPECT_NO_THROW(LoadRecipe(found.name));
  }
  config_.head = HeadKind::kSequenceClassification;
  for (const Case& test : {Case{"castorini/rankllama-v1-7b-lora-passage", "rankllama"},
                           {"abdoelsayed/llama2-13b-rankllama-teacher", "rankllama"},
                           {"abdoelsayed/dear-8b-reranker-ce-v1", "dear-pointwise-card"},
                           {"abdoelsayed/dear-3b-reranker-ranknet-lora-v1", "dear-pointwise-card"},
                           {"someone/classifier", "dear-pointwise-card"}}) {
    facts_.name = test.name;
    const DetectedRecipe found = DetectRecipe(facts_);
    EXPECT_EQ(found.name, test.recipe) << test.name;
    EXPECT_EQ(found.guessed, std::string(test.name).starts_with("someone"));
  }
  facts_.name = "someone/mxbai-rerank-base-v2-seq-cls";
  EXPECT_THROW(DetectRecipe(facts_), Error);
}

TEST_F(DetectRecipeTest, FromTheFolderOfAHubSnapshot) {
  facts_.name = "local";
  facts_.model_folder = "/cache/models--Qwen--Qwen3-Reranker-4B/snapshots/0123abc";
  EXPECT_EQ(DetectRecipe(facts_).name, "qwen3-reranker");
  EXPECT_EQ(DetectRecipe(facts_).why, "its name is 'models--Qwen--Qwen3-Reranker-4B'");
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

TEST_F(DetectRecipeTest, TheFolderMayReplaceLengths) {
  facts_.adapter = &adapter_;
  facts_.adapter_folder = folder_;
  Write("dear.yaml",
        "recipe: dear-pointwise-repo\nquery_max_length: 64\npassage_max_length: 500\n");
  const DetectedRecipe both = DetectRecipe(facts_);
  EXPECT_EQ(both.why, "dear.yaml names it, queries of 64 tokens, passages of 500 tokens");
  EXPECT_EQ(both.Load().input.parts[0].max_tokens, 64);
  EXPECT_EQ(both.Load().input.parts[1].max_tokens, 500);
  Write("dear.yaml", "recipe: query-likelihood\nquery_max_length: 7\n");
  EXPECT_EQ(DetectRecipe(facts_).Load().query.cut.length, 7);
  EXPECT_EQ(DetectRecipe(facts_).Load().passage.cut.unit, CutUnit::kWords);
  for (const char* wrong : {"0", "-1", "many", "3000000000"}) {
    Write("dear.yaml",
          ("recipe: query-likelihood\nquery_max_length: " + std::string(wrong) + "\n").c_str());
    EXPECT_THROW(DetectRecipe(facts_), Error) << wrong;
  }
}

TEST_F(DetectRecipeTest, AConfigFileMayNameIt) {
  config_.raw = Json::parse(R"({"dear": {"recipe": "dear-repo"}})");
  EXPECT_EQ(DetectRecipe(facts_).name, "dear-repo");
  config_.raw = Json::parse(R"({"dear": "dear-repo"})");
  EXPECT_THROW(DetectRecipe(facts_), Error);
}

}  // namespace
}  // namespace dear
