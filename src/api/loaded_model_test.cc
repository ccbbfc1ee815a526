#include "api/loaded_model.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

using testing::kFlows;

LoadRequest Request(const std::string& folder, std::vector<NamedAdapter> adapters = {}) {
  LoadRequest request;
  request.model = (kFlows / folder).string();
  request.adapters = std::move(adapters);
  request.threads = 1;
  return request;
}

TEST(ParseNamedAdapterTest, ANameStandsBeforeTheFirstEqualsSign) {
  EXPECT_EQ(ParseNamedAdapter("a=b/c").name, "a");
  EXPECT_EQ(ParseNamedAdapter("a=b/c").path, "b/c");
  EXPECT_EQ(ParseNamedAdapter("b/c").name, "");
  EXPECT_EQ(ParseNamedAdapter("./r=16/x").path, "./r=16/x");
  EXPECT_THROW(ParseNamedAdapter("=b"), Error);
  EXPECT_THROW(ParseNamedAdapter("a="), Error);
}

TEST(LoadTest, AdaptersAreFoundByName) {
  const LoadedModel loaded =
      Load(Request("base", {{.name = "x", .path = (kFlows / "listwise").string()},
                            {.name = "", .path = (kFlows / "listwise").string()}}));
  EXPECT_EQ(loaded.FindAdapter("x")->name(), "x");
  EXPECT_EQ(loaded.FindAdapter("listwise")->name(), "listwise");
  EXPECT_EQ(loaded.FindAdapter("")->name(), "x");
  EXPECT_EQ(loaded.FindAdapter("base"), nullptr);
  try {
    loaded.FindAdapter("z");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("base, x, listwise"), std::string::npos);
  }
}

TEST(LoadTest, NamesAreGivenOnce) {
  const std::string path = (kFlows / "listwise").string();
  EXPECT_THROW(Load(Request("base", {{"x", path}, {"x", path}})), Error);
  EXPECT_THROW(Load(Request("base", {{"base", path}})), Error);
  EXPECT_THROW(Load(Request("listwise", {{"", path}})), Error);
}

TEST(LoadTest, AClassifiersAdapterBringsTheHead) {
  const LoadedModel loaded = Load(Request("classifier"));
  EXPECT_EQ(loaded.model->config().head, HeadKind::kSequenceClassification);
  EXPECT_EQ(loaded.model->config().num_labels, 1);
  EXPECT_TRUE(loaded.MakeLanguageModel(loaded.adapters.front())->has_score_head());
  EXPECT_EQ(loaded.Detect(loaded.adapters.front().get()).name, "dear-pointwise-card");
}

TEST(LoadTest, RecipesAreDetectedForTheBaseAndEachAdapter) {
  const LoadedModel loaded = Load(Request("listwise"));
  EXPECT_EQ(loaded.Detect(loaded.adapters.front().get()).name, "dear-card");
  EXPECT_EQ(loaded.Detect(nullptr).name, "query-likelihood");
}

std::vector<std::vector<float>> Answers(const LoadedModel& loaded) {
  Usage usage;
  const std::vector<std::vector<TokenId>> prompts = {{5, 9, 20, 33, 4}};
  const auto model = loaded.MakeLanguageModel(loaded.FindAdapter(""));
  if (!model->has_score_head()) return model->NextTokenLogits(prompts, &usage, {});
  return model->Classify(prompts, std::vector<int64_t>{4}, &usage, {});
}

TEST(LoadBesideTest, AClassifierAndAWriterShareTheWeightsOfTheirBase) {
  const LoadedModel classifier = Load(Request("classifier"));
  const LoadedModel writer = LoadBeside(classifier, Request("listwise"));
  EXPECT_EQ(writer.pool, classifier.pool);
  EXPECT_EQ(writer.model->layers()[0].q.weight, classifier.model->layers()[0].q.weight);
  EXPECT_EQ(writer.model->embedding().weight, classifier.model->embedding().weight);
  EXPECT_EQ(writer.model->config().head, HeadKind::kCausalLm);
  EXPECT_EQ(Answers(writer), Answers(Load(Request("listwise"))));
  // The other way round, and the same head twice.
  const LoadedModel after = LoadBeside(writer, Request("classifier"));
  EXPECT_EQ(after.model->layers()[0].q.weight, classifier.model->layers()[0].q.weight);
  EXPECT_EQ(Answers(after), Answers(classifier));
  EXPECT_EQ(LoadBeside(writer, Request("base")).model, writer.model);
}

TEST(LoadBesideTest, AnotherBaseIsLoadedForItself) {
  const LoadedModel first = Load(Request("base"));
  LoadRequest other = Request("base");
  other.model = (kFlows.parent_path() / "recipes/qwen3").string();
  const LoadedModel second = LoadBeside(first, other);
  EXPECT_EQ(second.pool, first.pool);
  EXPECT_NE(second.model->layers()[0].q.weight, first.model->layers()[0].q.weight);
}

TEST(ParseWeightFormTest, ListsTheFormsItKnows) {
  EXPECT_EQ(ParseWeightForm("nf4"), WeightForm::kNf4);
  EXPECT_EQ(ParseWeightForm("q8"), WeightForm::kQ8_0);
  EXPECT_THROW(ParseWeightForm("q9"), Error);
}

}  // namespace
}  // namespace dear
