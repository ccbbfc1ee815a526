#include "api/loaded_model.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dear {
namespace {

const std::filesystem::path kFlows = std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/flows";

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

TEST(ParseWeightFormTest, ListsTheFormsItKnows) {
  EXPECT_EQ(ParseWeightForm("nf4"), WeightForm::kNf4);
  EXPECT_EQ(ParseWeightForm("q8"), WeightForm::kQ8_0);
  EXPECT_THROW(ParseWeightForm("q9"), Error);
}

}  // namespace
}  // namespace dear
