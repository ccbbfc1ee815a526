// The recipes beside the projects that they come from (tools/make_recipe_goldens.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "formats/checkpoint.h"
#include "model/testing/parity.h"
#include "rank/answer.h"
#include "rank/model_language_model.h"
#include "rank/reranker.h"
#include "rank/testing/fakes.h"
#include "rank/text_rule_clean.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kGolden = fs::path(DEAR_SOURCE_DIR) / "tests/golden";
const fs::path kRecipes = kGolden / "recipes";

std::vector<Json> Lines(const char* file) {
  std::vector<Json> out;
  std::ifstream in(kRecipes / file);
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  EXPECT_FALSE(out.empty()) << file;
  return out;
}

RankRequest RequestOf(const Json& golden) {
  RankRequest request;
  request.query = golden.at("query");
  for (const Json& passage : golden.at("passages")) {
    if (passage.is_string()) {
      request.passages.push_back({.text = passage.get<std::string>()});
    } else {
      request.passages.push_back({.title = passage.at("title").get<std::string>(),
                                  .text = passage.at("text").get<std::string>(),
                                  .first_stage_score = passage.value("score", 0.0)});
    }
  }
  return request;
}

Recipe RecipeOf(const Json& golden) {
  if (golden.contains("recipe")) return LoadRecipe(golden.at("recipe"));
  return LoadRecipe((kRecipes / "rankllm" / golden.at("template").get<std::string>()).string());
}

TEST(RecipeGoldens, PromptsAreThoseOfTheProjects) {
  const Json chats = ReadJsonFile(kRecipes / "chats.json");
  for (const Json& golden : Lines("prompts.jsonl")) {
    Recipe recipe = RecipeOf(golden);
    recipe.prompt.context = golden.at("context");
    auto model = std::make_shared<testing::FakeLanguageModel>();
    model->fake_tokenizer.chat_template_text = chats.at(golden.at("chat").get<std::string>());
    model->answer = [](const std::string&) { return std::string(); };
    model->logits = [](const std::string&) { return std::vector<float>(30); };
    const RankResult result = Reranker(model, recipe).Rank(RequestOf(golden), {.trace = true});
    const std::string expected = golden.at("prompt");
    EXPECT_EQ(result.trace.prompts.at(0), expected) << recipe.name << ' ' << golden.at("chat");
  }
}

TEST(RecipeGoldens, AnswersAreReadAndCountedAsRankLlmDoes) {
  for (const Json& golden : Lines("answers.jsonl")) {
    const Recipe recipe = RecipeOf(golden);
    const std::string text = golden.at("text");
    const ParsedAnswer answer = ParseAnswer(recipe, text, golden.at("n"), false);
    EXPECT_EQ(answer.order, golden.at("order").get<std::vector<int64_t>>())
        << recipe.name << ": " << text;
    EXPECT_EQ(RepairName(answer.repair), golden.at("repair").get<std::string>())
        << recipe.name << ' ' << golden.at("n") << ": " << text;
  }
}

TEST(RecipeGoldens, CleanTextIsFtfys) {
  for (const Json& golden : Lines("clean.jsonl")) {
    EXPECT_EQ(CleanText(golden.at("text").get<std::string>()), golden.at("out").get<std::string>())
        << golden.at("text");
  }
}

TEST(RecipeGoldens, TemplatesOfOtherMethodsAreRefusedByName) {
  int refused = 0;
  for (const auto& file : fs::directory_iterator(kRecipes / "rankllm")) {
    try {
      const Recipe recipe = LoadRecipe(file.path().string());
      EXPECT_EQ(recipe.kind, RecipeKind::kListwise);
    } catch (const Error& error) {
      ++refused;
      EXPECT_THAT(error.what(), HasSubstr("yaml:1: field 'method' is '"));
      EXPECT_THAT(error.what(), HasSubstr("not supported here"));
    }
  }
  EXPECT_EQ(refused, 4);  // monot5, duot5, and two of rank_fid
}

class RecipeModels : public ::testing::Test {
 protected:
  static std::shared_ptr<LanguageModel> Open(const fs::path& folder, HeadKind head,
                                             const fs::path& adapter = {}) {
    Checkpoint checkpoint = OpenCheckpoint(folder);
    checkpoint.config.head = head;
    ModelLanguageModel::Parts parts;
    parts.model = Model::Load(checkpoint);
    if (!adapter.empty()) {
      parts.adapter = Adapter::Bind(*parts.model, OpenPeftAdapter(adapter), "adapter");
    }
    parts.tokenizer = Tokenizer::Open(folder);
    parts.pool = std::make_shared<ThreadPool>(2);
    return std::make_shared<ModelLanguageModel>(parts);
  }

  static std::shared_ptr<LanguageModel> ModelOf(const Json& golden) {
    if (golden.at("model").is_null()) {
      return Open(kGolden / "flows/base", HeadKind::kSequenceClassification,
                  kGolden / "flows/classifier");
    }
    const std::string name = golden.at("model");
    return Open(kRecipes / name, name.ends_with("classifier") ? HeadKind::kSequenceClassification
                                                              : HeadKind::kCausalLm);
  }

  const Json goldens_ = ReadJsonFile(kRecipes / "scores.json");
};

TEST_F(RecipeModels, PointwiseScoresAreTheSame) {
  std::map<std::string, double> worst;
  for (const Json& golden : goldens_.at("scored")) {
    const std::string name = golden.at("recipe");
    RankOptions options;
    options.trace = true;
    options.instruction = golden.at("instruction");
    const RankResult result =
        Reranker(ModelOf(golden), LoadRecipe(name)).Rank(RequestOf(golden), options);
    EXPECT_EQ(result.trace.prompt_ids, golden.at("ids").get<std::vector<std::vector<TokenId>>>())
        << name;
    const auto expected = golden.at("scores").get<std::vector<double>>();
    ASSERT_EQ(result.scores.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(result.scores[i], expected[i], 1e-5) << name << ' ' << i;
      worst[name] = std::max(worst[name], std::abs(result.scores[i] - expected[i]));
    }
    for (size_t i = 1; i < expected.size(); ++i) {
      EXPECT_GE(expected[static_cast<size_t>(result.permutation[i - 1])],
                expected[static_cast<size_t>(result.permutation[i])]);
    }
  }
  for (const auto& [name, difference] : worst) {
    testing::ReportParity("recipes", name, difference, 1e-5, true, 0);
  }
}

TEST_F(RecipeModels, ListwiseOrdersAreTheSame) {
  for (const Json& golden : goldens_.at("listwise")) {
    const std::string name = golden.at("recipe");
    const auto model =
        Open(kGolden / golden.value("model", std::string("flows/base")), HeadKind::kCausalLm);
    Recipe recipe = LoadRecipe(name);
    recipe.prompt.chat_format = golden.value("chat", recipe.prompt.chat_format);
    RankOptions options;
    options.trace = true;
    if (golden.contains("max_new_tokens")) options.max_new_tokens = golden.at("max_new_tokens");
    const RankResult result = Reranker(model, recipe).Rank(RequestOf(golden), options);
    EXPECT_EQ(result.trace.prompt_ids.at(0), golden.at("ids").get<std::vector<TokenId>>()) << name;
    const auto written = golden.at("output_ids").get<std::vector<TokenId>>();
    EXPECT_EQ(result.trace.output_ids.at(0), written) << name;
    if (golden.contains("order")) {
      EXPECT_EQ(result.permutation, golden.at("order").get<std::vector<int64_t>>()) << name;
    }
    double worst = 0;
    if (golden.contains("logits")) {
      EXPECT_EQ(result.score_kind, ScoreKind::kLogit);
      const auto expected = golden.at("logits").get<std::vector<double>>();
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(result.scores.at(i), expected[i], 1e-5) << name;
        worst = std::max(worst, std::abs(result.scores[i] - expected[i]));
      }
    }
    testing::ReportParity("recipes", name, worst, 1e-5, result.trace.output_ids.at(0) == written,
                          written.size());
  }
}

// A score is the same bits whatever stands beside it, also where what the prompts begin with is
// computed once for all of them.
TEST_F(RecipeModels, BitsDoNotDependOnTheOtherPassages) {
  size_t sharing = 0;
  for (const Json& golden : goldens_.at("scored")) {
    const Reranker reranker(ModelOf(golden), LoadRecipe(golden.at("recipe")));
    RankRequest request = RequestOf(golden);
    const std::vector<Passage> passages = request.passages;
    for (const char* word : {" once", " twice", " thrice"}) {
      for (Passage passage : passages) {
        passage.text += word;
        request.passages.push_back(std::move(passage));
      }
    }
    const RankResult together = reranker.Rank(request);
    sharing += together.usage.shared_tokens > 0;
    for (size_t i = 0; i < request.passages.size(); ++i) {
      RankRequest one = request;
      one.passages = {request.passages[i]};
      RankOptions options;
      const RankResult alone = reranker.Rank(one, options);
      EXPECT_EQ(alone.usage.shared_tokens, 0);
      EXPECT_EQ(alone.scores.at(0), together.scores[i]) << golden.at("recipe") << ' ' << i;
    }
  }
  EXPECT_GT(sharing, goldens_.at("scored").size() / 2);
}

}  // namespace
}  // namespace dear
