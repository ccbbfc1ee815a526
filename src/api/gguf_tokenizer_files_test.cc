// Every GGUF vocabulary of the goldens, written as the files of a folder and read back: the same
// ids as the file's own, which the goldens hold against the reference libraries.
#include "api/gguf_tokenizer_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

const std::filesystem::path kGgufGoldens = testing::kGoldens / "text/gguf";

void Write(const fs::path& path, const std::string& text) {
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

std::shared_ptr<const Tokenizer> Rewritten(const GgufFile& file, const Tokenizer& tokenizer,
                                           const fs::path& folder) {
  const TokenizerFiles files = TokenizerFilesOf(file, tokenizer);
  fs::create_directories(folder);
  if (!files.tokenizer.is_null()) Write(folder / "tokenizer.json", files.tokenizer.dump());
  if (!files.model.empty()) Write(folder / "tokenizer.model", files.model);
  Write(folder / "tokenizer_config.json", files.config.dump());
  return Tokenizer::Open(folder);
}

class GgufTokenizerFiles : public ::testing::TestWithParam<std::string> {};

TEST_P(GgufTokenizerFiles, GiveTheIdsOfTheFile) {
  const auto file = GgufFile::Open(kGgufGoldens / (GetParam() + ".gguf"));
  const auto own = Tokenizer::FromGguf(*file);
  const fs::path folder = fs::path(::testing::TempDir()) / ("vocabulary_" + GetParam());
  const auto written = Rewritten(*file, *own, folder);
  const Json cases = ReadJsonFile(kGgufGoldens / (GetParam() + ".cases.json"));
  ASSERT_GT(cases.size(), 80);
  for (const Json& expected : cases) {
    const auto text = expected[0].get<std::string>();
    SCOPED_TRACE(Json(text).dump());
    const auto ids = expected[1].get<std::vector<TokenId>>();
    EXPECT_EQ(written->Encode(text).ids, ids);
    EXPECT_EQ(written->Decode(ids, false), own->Decode(ids, false));
    EXPECT_EQ(written->EncodePair(text, "b c").ids, own->EncodePair(text, "b c").ids);
  }
  EXPECT_EQ(written->bos_id(), own->bos_id());
  EXPECT_EQ(written->eos_id(), own->eos_id());
  EXPECT_EQ(written->pad_id(), own->pad_id());
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Files, GgufTokenizerFiles,
                         ::testing::ValuesIn(testing::GoldenNames(kGgufGoldens, ".gguf")),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace dear
