#include "api/write_model.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

class WriteModelTest : public ::testing::Test {
 protected:
  static LoadedModel Open(const fs::path& path) {
    LoadRequest request;
    request.model = path.string();
    request.threads = 1;
    return Load(request);
  }

  static std::vector<float> Logits(const LoadedModel& loaded) {
    Usage usage;
    const std::vector<std::vector<TokenId>> prompts = {{5, 9, 20, 33, 4}};
    const auto adapter = loaded.adapters.empty() ? nullptr : loaded.adapters.front();
    return loaded.MakeLanguageModel(adapter)->NextTokenLogits(prompts, &usage, {}).front();
  }

  static void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 2e-5) << i;
  }

  const fs::path flows_ = testing::kFlows;
  const fs::path folder_ = fs::path(::testing::TempDir()) / "written";
};

TEST_F(WriteModelTest, AMergedFolderAndAMergedGgufAnswerAsTheAdapter) {
  const LoadedModel adapted = Open(flows_ / "listwise");
  for (const char* name : {"merged", "merged.gguf"}) {
    const fs::path out = folder_.string() + name;
    WriteModel(adapted, adapted.adapters.front().get(), out, {});
    const LoadedModel merged = Open(out);
    EXPECT_TRUE(merged.adapters.empty());
    ExpectNear(Logits(merged), Logits(adapted));
    EXPECT_EQ(merged.tokenizer->Encode("the 12 cats").ids,
              adapted.tokenizer->Encode("the 12 cats").ids);
    fs::remove_all(out);
  }
}

TEST_F(WriteModelTest, WhatIsThereIsKeptUntilTheNewModelIsComplete) {
  const LoadedModel base = Open(flows_ / "base");
  WriteModel(base, nullptr, folder_, {});
  EXPECT_THROW(WriteModel(base, nullptr, folder_, {}), Error);
  WriteModelOptions cancelled{.form = "f16", .overwrite = true, .cancel = [] { return true; }};
  EXPECT_THROW(WriteModel(base, nullptr, folder_, cancelled), Error);
  ExpectNear(Logits(Open(folder_)), Logits(base));
  WriteModel(base, nullptr, folder_, {.form = "bf16", .overwrite = true});
  EXPECT_EQ(Open(folder_).model->embedding().weight->form(), "bf16");
  // No part of the cancelled model is left beside it.
  size_t beside = 0;
  for (const auto& entry : fs::directory_iterator(folder_.parent_path()))
    beside += entry.path().filename().string().find("written") != std::string::npos;
  EXPECT_EQ(beside, 1U);
  fs::remove_all(folder_);
}

TEST_F(WriteModelTest, AFolderThatIsNoModelIsNeverReplaced) {
  const LoadedModel base = Open(flows_ / "base");
  fs::create_directory(folder_);
  std::ofstream(folder_ / "diary.txt") << "keep";
  EXPECT_THROW(WriteModel(base, nullptr, folder_, {.overwrite = true}), Error);
  EXPECT_TRUE(fs::exists(folder_ / "diary.txt"));
  fs::remove_all(folder_);
}

TEST_F(WriteModelTest, FormsAreCheckedBeforeALongLoad) {
  EXPECT_THROW(CheckWriteModel(folder_, {.form = "q4_0"}), Error);
  EXPECT_THROW(CheckWriteModel("a.gguf", {.form = "nf4"}), Error);
  EXPECT_THROW(CheckWriteModel(folder_, {.form = "f31"}), Error);
  EXPECT_NO_THROW(CheckWriteModel(folder_, {.form = "nf4", .double_quant = true}));
}

}  // namespace
}  // namespace dear
