// GGUF vocabularies that the `gguf` package wrote, against `tokenizers` and the SentencePiece
// library; written by tools/make_gguf_vocabulary_goldens.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <span>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/testing/goldens.h"
#include "text/pipeline_presets.h"
#include "text/tokenizer.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kGgufGoldens = testing::kGoldens / "text/gguf";

class GgufVocabularies : public ::testing::TestWithParam<std::string> {};

TEST_P(GgufVocabularies, EncodeAlike) {
  const auto tokenizer = Tokenizer::Open(kGgufGoldens / (GetParam() + ".gguf"));
  const Json cases = ReadJsonFile(kGgufGoldens / (GetParam() + ".cases.json"));
  ASSERT_GT(cases.size(), 80);
  for (const Json& expected : cases) {
    SCOPED_TRACE(expected.dump());
    ASSERT_EQ(tokenizer->Encode(expected[0].get<std::string>()).ids,
              expected[1].get<std::vector<TokenId>>());
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GgufVocabularies,
                         ::testing::ValuesIn(testing::GoldenNames(kGgufGoldens, ".gguf")),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Names that no file is there for mean the same as one that there is.
TEST(GgufPresets, EveryNameIsTestedOrMeansTheSame) {
  const auto names = testing::GoldenNames(kGgufGoldens, ".gguf");
  std::set<std::tuple<std::string_view, std::string_view, bool, bool>> tested;
  for (const auto& name : names) {
    if (name.starts_with("spm")) continue;
    const GgufPreset* preset = FindGgufPreset(name);
    ASSERT_NE(preset, nullptr) << name;
    tested.insert(
        {preset->normalizer, preset->pre_tokenizer, preset->ignore_merges, preset->add_bos});
  }
  for (const GgufPreset& preset : GgufPresets()) {
    EXPECT_TRUE(tested.contains(
        {preset.normalizer, preset.pre_tokenizer, preset.ignore_merges, preset.add_bos}))
        << preset.name;
  }
}

// A file that differs from a good one in a few bytes.
std::string ErrorWith(const std::string& from, const std::string& to) {
  std::string file = ReadFile(kGgufGoldens / "gpt-2.gguf");
  file.replace(file.find(from), from.size(), to);
  const auto path = std::filesystem::path(::testing::TempDir()) / "changed.gguf";
  WriteFileAtomically(path, std::as_bytes(std::span(file)));
  try {
    Tokenizer::Open(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(GgufVocabulary, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(ErrorWith("gpt-2", "gpt-9"), HasSubstr("'gpt-9' is not supported (known: llama-bpe"));
  EXPECT_THAT(ErrorWith("tokenizer.ggml.pre", "tokenizer.ggml.prX"),
              HasSubstr("tokenizer.ggml.pre': missing"));
  EXPECT_THAT(ErrorWith("gpt2", "gptX"), HasSubstr("vocabulary 'gptX' is not supported"));
}

}  // namespace
}  // namespace dear
