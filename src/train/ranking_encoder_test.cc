// Training's ids, rows and scores beside those of ranking and of the recipes' reference projects.
#include "train/ranking_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/testing/expect_error.h"
#include "kernels/backward_ops.h"
#include "rank/model_language_model.h"
#include "rank/recipe_lengths.h"
#include "rank/reranker.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::ExpectError;
using testing::FakeTokenizer;
using ::testing::IsEmpty;

const fs::path kGoldens = fs::path(DEAR_SOURCE_DIR) / "tests/golden";

fs::path FolderOf(const Json& golden) {
  if (golden.at("model").is_null()) return kGoldens / "flows/base";
  return kGoldens / "recipes" / golden.at("model").get<std::string>();
}

std::shared_ptr<LanguageModel> ModelOf(const Json& golden) {
  Checkpoint checkpoint = OpenCheckpoint(FolderOf(golden));
  ModelLanguageModel::Parts parts;
  const bool has_adapter = golden.at("model").is_null();
  const bool is_classifier = FolderOf(golden).string().ends_with("classifier");
  checkpoint.config.head =
      has_adapter || is_classifier ? HeadKind::kSequenceClassification : HeadKind::kCausalLm;
  parts.model = Model::Load(checkpoint);
  if (has_adapter) {
    parts.adapter =
        Adapter::Bind(*parts.model, OpenPeftAdapter(kGoldens / "flows/classifier"), "adapter");
  }
  parts.tokenizer = Tokenizer::Open(FolderOf(golden));
  parts.pool = std::make_shared<ThreadPool>(2);
  return std::make_shared<ModelLanguageModel>(parts);
}

RankingExample ExampleOf(const Json& golden) {
  RankingExample example;
  example.query = golden.at("query");
  for (const Json& passage : golden.at("passages")) {
    if (passage.is_string()) {
      example.passages.push_back({.text = passage.get<std::string>()});
    } else {
      example.passages.push_back({.title = passage.at("title").get<std::string>(),
                                  .text = passage.at("text").get<std::string>()});
    }
  }
  return example;
}

std::vector<std::vector<TokenId>> Ids(const EncodedRanking& ranking) {
  std::vector<std::vector<TokenId>> out;
  for (const auto& passage : ranking.passages) out.push_back(passage.ids);
  return out;
}

// The ids without what the encoder padded them with.
std::vector<std::vector<TokenId>> Unpadded(const EncodedRanking& ranking) {
  std::vector<std::vector<TokenId>> out = Ids(ranking);
  for (size_t i = 0; i < out.size(); ++i) {
    if (ranking.passages[i].padded_slot >= 0) out[i].pop_back();
  }
  return out;
}

// The outputs of the whole head at the rows where training reads them.
std::vector<std::vector<float>> Outputs(LanguageModel& model, const Recipe& recipe,
                                        const EncodedRanking& ranking) {
  Usage usage;
  if (recipe.score.head == ScoreHead::kTokens)
    return model.NextTokenLogits(Ids(ranking), &usage, {});
  if (recipe.score.pooling == Pooling::kLastSlot) {
    return model.ClassifyPadded(Unpadded(ranking), ranking.passages[0].ids.back(),
                                recipe.score.slots, &usage, {});
  }
  std::vector<int64_t> rows;
  for (const auto& passage : ranking.passages) rows.push_back(passage.score_rows[0]);
  return model.Classify(Ids(ranking), rows, &usage, {});
}

// Of one row's outputs.
double Score(const ScoreReader& reader, const std::vector<float>& outputs) {
  const auto ops = MakeCpuBackwardOps(std::make_shared<ThreadPool>(1));
  double value = 0;
  reader.Values(*ops, {.count = 1, .width = static_cast<int64_t>(outputs.size())}, outputs.data(),
                &value);
  return value;
}

TEST(RankingEncoder, IdsAndScoresAreThoseOfTheProjects) {
  size_t compared = 0;
  const Json goldens = ReadJsonFile(kGoldens / "recipes/scores.json");
  for (const Json& golden : goldens.at("scored")) {
    const Recipe recipe = LoadRecipe(golden.at("recipe"));
    const auto tokenizer = Tokenizer::Open(FolderOf(golden));
    const auto model = ModelOf(golden);
    const RankingEncoder encoder(recipe, tokenizer, model->max_positions(),
                                 golden.at("instruction"));
    const EncodedRanking ranking = encoder.Encode(ExampleOf(golden));
    EXPECT_EQ(Unpadded(ranking), golden.at("ids").get<std::vector<std::vector<TokenId>>>())
        << recipe.name;
    const auto outputs = Outputs(*model, recipe, ranking);
    const auto expected = golden.at("scores").get<std::vector<double>>();
    ASSERT_EQ(outputs.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const bool squashed = recipe.score.transform == ScoreTransform::kSigmoid;
      const double score = Score(*encoder.reader(), outputs[i]);
      EXPECT_NEAR(squashed ? 1 / (1 + std::exp(-score)) : score, expected[i], 1e-5) << recipe.name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 50u);
}

TEST(RankingEncoder, IdsAndScoresAreThoseOfTheCard) {
  const Json goldens = ReadJsonFile(kGoldens / "flows/flows.json");
  for (const Json& golden : goldens.at("cases")) {
    const Json place = {{"model", nullptr}};
    const auto model = ModelOf(place);
    const RankingEncoder encoder(LoadRecipe("dear-pointwise-card"),
                                 Tokenizer::Open(FolderOf(place)), model->max_positions());
    const EncodedRanking ranking = encoder.Encode(ExampleOf(golden));
    EXPECT_EQ(Ids(ranking), golden.at("pairs").get<std::vector<std::vector<TokenId>>>());
    const auto outputs = Outputs(*model, encoder.recipe(), ranking);
    const auto expected = golden.at("logits").get<std::vector<double>>();
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(Score(*encoder.reader(), outputs[i]), expected[i], 1e-5);
  }
}

// With lengths of its own, a run trains what ranking by the recipe with these lengths computes.
TEST(RankingEncoder, WithLengthsItEncodesAsRankingDoes) {
  RankingExample example;
  example.query = "a rather long query";
  example.passages = {{.title = "Title", .text = "some text that is long enough to be cut"},
                      {.title = "", .text = "short"}};
  RankRequest request{.query = example.query};
  for (const auto& passage : example.passages)
    request.passages.push_back({.title = passage.title, .text = passage.text});
  for (const char* name : {"dear-pointwise-card", "rankllama", "qwen3-reranker", "bge-gemma"}) {
    Recipe recipe = LoadRecipe(name);
    if (recipe.score.head == ScoreHead::kTokens) recipe.score.positive = "y";
    if (!recipe.score.negative.empty()) recipe.score.negative = "n";
    recipe = WithLengths(recipe, {.query = 9, .passage = 12});
    auto model = std::make_shared<testing::FakeLanguageModel>();
    model->score_head = recipe.score.head == ScoreHead::kLinear;
    model->logits = [](const std::string&) { return std::vector<float>(2); };
    const RankResult served = Reranker(model, recipe).Rank(request, {.trace = true});
    const RankingEncoder encoder(recipe, std::make_shared<FakeTokenizer>(), model->positions);
    EXPECT_EQ(Ids(encoder.Encode(example)), served.trace.prompt_ids) << name;
  }
}

// The rows of the query's tokens, one before each, whose log-probabilities ranking takes the mean
// of; a passage that does not fit the context is cut as ranking cuts it.
TEST(RankingEncoder, ALikelihoodIsReadWhereRankingReadsIt) {
  RankingExample example;
  example.query = "who did it";
  example.passages = {{.title = "Title", .text = std::string(400, 'x')},
                      {.title = "", .text = "a short one"}};
  RankRequest request{.query = example.query};
  for (const auto& passage : example.passages)
    request.passages.push_back({.title = passage.title, .text = passage.text});
  const Recipe recipe = WithLengths(LoadRecipe("query-likelihood"), {.query = 7});
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->positions = 200;
  model->log_probability = [](const std::string&, const std::string&) { return -1.0F; };
  const RankResult served = Reranker(model, recipe).Rank(request, {.trace = true});
  const RankingEncoder encoder(recipe, std::make_shared<FakeTokenizer>(), model->positions);
  const EncodedRanking ranking = encoder.Encode(example);
  const FakeTokenizer tokenizer;
  for (size_t i = 0; i < ranking.passages.size(); ++i) {
    const EncodedRanking::Passage& passage = ranking.passages[i];
    const std::vector<TokenId>& prompt = served.trace.prompt_ids[i];
    EXPECT_EQ(tokenizer.Decode(passage.targets, false), " who did");
    ASSERT_EQ(passage.score_rows.size(), passage.targets.size());
    ASSERT_EQ(passage.ids.size(), prompt.size() + passage.targets.size() - 1);
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), passage.ids.begin()));
    for (size_t t = 0; t < passage.targets.size(); ++t) {
      const auto row = static_cast<size_t>(passage.score_rows[t]);
      EXPECT_EQ(row, prompt.size() - 1 + t);
      if (row + 1 < passage.ids.size()) {
        EXPECT_EQ(passage.ids[row + 1], passage.targets[t]);
      }
    }
  }
  EXPECT_EQ(ranking.passages[0].ids.size() + 1, 200u);
}

TEST(RankingEncoder, LengthsReplaceThoseOfTheRecipe) {
  const Recipe card = WithLengths(LoadRecipe("dear-pointwise-card"), {.query = 3, .passage = 5});
  EXPECT_EQ(card.pair.max_length, 0);
  const RankingEncoder encoder(card, std::make_shared<FakeTokenizer>(), 1000);
  RankingExample example;
  example.query = "abcdefgh";
  example.passages = {{.title = "", .text = "stuvwxyz"}};
  EXPECT_EQ(FakeTokenizer().Decode(encoder.Encode(example).passages[0].ids, false),
            "<bos>query: abc<bos>document:  stuvw");
}

Recipe YesNo(const std::string& negative) {
  Recipe recipe;
  recipe.name = "test";
  recipe.kind = RecipeKind::kPointwise;
  recipe.prompt.text = "{query}|{passage}:";
  recipe.score.head = ScoreHead::kTokens;
  recipe.score.positive = "y";
  recipe.score.negative = negative;
  return recipe;
}

TEST(RankingEncoder, ScoresAreReadFromTheOutputsAndGradientsLaidThere) {
  const auto tokenizer = std::make_shared<FakeTokenizer>();
  const auto yes = static_cast<size_t>('y' + FakeTokenizer::kFirst);
  const auto no = static_cast<size_t>('n' + FakeTokenizer::kFirst);
  std::vector<float> outputs(200, 0.25F);
  outputs[yes] = 3;
  outputs[no] = 1;
  const auto ops = MakeCpuBackwardOps(std::make_shared<ThreadPool>(1));
  const float half = 0.5F;
  const auto expect = [&](const ScoreReader& reader, double score, float at_no) {
    std::vector<float> gradient = outputs;
    EXPECT_EQ(Score(reader, outputs), score);
    reader.Gradients(*ops, {.count = 1, .width = 200}, &half, gradient.data());
    EXPECT_EQ(gradient[yes], 0.5F);
    EXPECT_EQ(gradient[no], at_no);
    EXPECT_EQ(std::ranges::count(gradient, 0.0F), at_no == 0 ? 199 : 198);
  };
  expect(*RankingEncoder(YesNo("n"), tokenizer, 100).reader(), 2, -0.5F);
  expect(*RankingEncoder(YesNo(""), tokenizer, 100).reader(), 3, 0);

  Recipe linear = YesNo("");
  linear.score = {.label = 1};
  std::vector<float> logits = {4, 5, 6, 7, 8, 9};
  const std::vector<float> gradients = {-2, 3};
  const RankingEncoder encoder(linear, tokenizer, 100);
  EXPECT_EQ(Score(*encoder.reader(), {4, 5, 6}), 5);
  encoder.reader()->Gradients(*ops, {.count = 2, .width = 3}, gradients.data(), logits.data());
  EXPECT_THAT(logits, ElementsAre(0, -2, 0, 0, 3, 0));
  ExpectError(ErrorCode::kInvalidArgument, "recipe test: reads output 1 of the model's head",
              [&] { Score(*encoder.reader(), {1}); });
}

TEST(RankingEncoder, WhatTheLossGets) {
  const RankingEncoder encoder(YesNo("n"), std::make_shared<FakeTokenizer>(), 100);
  RankingExample example;
  example.query = "q";
  example.passages = {{.text = "ab", .label = 1, .teacher_score = 2.5},
                      {.text = "c", .label = 0, .teacher_score = 0.5}};
  example.teacher_order = {0, 1};
  EncodedRanking ranking = encoder.Encode(example);
  EXPECT_THAT(ranking.passages[0].score_rows, ElementsAre(5));  // <bos>q|ab:
  EXPECT_THAT(ranking.passages[1].score_rows, ElementsAre(4));
  EXPECT_THAT(ranking.labels, ElementsAre(1, 0));
  EXPECT_THAT(ranking.teacher_scores, ElementsAre(2.5, 0.5));
  EXPECT_THAT(ranking.teacher_order, ElementsAre(0, 1));
  example.passages[0].label = 0;
  example.passages[1].teacher_score.reset();
  ranking = encoder.Encode(example);
  EXPECT_THAT(ranking.labels, IsEmpty());
  EXPECT_THAT(ranking.teacher_scores, IsEmpty());
}

TEST(RankingEncoder, RefusesWhatItCannotTrain) {
  const auto tokenizer = std::make_shared<FakeTokenizer>();
  const auto refuse = [&](const char* recipe, const char* words) {
    ExpectError(ErrorCode::kUnsupported, words,
                [&] { RankingEncoder(LoadRecipe(recipe), tokenizer, 1000); });
  };
  refuse("dear-card",
         "recipe dear-card: expected a pointwise one or query likelihood, "
         "found listwise");
  ExpectError(ErrorCode::kInvalidArgument, "the answer 'yes' is no token",
              [&] { RankingEncoder(LoadRecipe("qwen3-reranker"), tokenizer, 1000); });
  const RankingEncoder encoder(YesNo("n"), tokenizer, 4);
  ExpectError(ErrorCode::kInvalidArgument, "do not fit the model's context of 4 tokens",
              [&] { encoder.Encode({.query = "long", .passages = {{.title = "", .text = "x"}}}); });
  ExpectError(ErrorCode::kInvalidArgument, "query: is empty",
              [&] { encoder.Encode({.query = " ", .passages = {}}); });
}

}  // namespace
}  // namespace dear
