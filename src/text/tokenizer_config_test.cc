// What transformers makes of the files beside a tokenizer; written by
// tools/make_tokenizer_config_goldens.py.
#include "text/tokenizer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "text/tokenizer.h"

namespace dear {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kGolden = fs::path(DEAR_SOURCE_DIR) / "tests/golden/text";

void WriteText(const fs::path& path, const std::string& text) {
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

Json IdOf(const std::optional<TokenId>& id) {
  return id ? Json(*id) : Json();
}

TEST(TokenizerConfig, FilesAreReadAsTransformersDoes) {
  const Json golden = ReadJsonFile(kGolden / "config.json");
  ASSERT_GT(golden.at("cases").size(), 50);
  for (const Json& expected : golden.at("cases")) {
    SCOPED_TRACE(expected.at("base").get<std::string>() + ": " +
                 expected.at("name").get<std::string>());
    const fs::path folder = fs::path(::testing::TempDir()) / "tokenizer_config";
    fs::remove_all(folder);
    fs::create_directories(folder);
    WriteText(folder / expected.at("file").get<std::string>(),
              ReadFile(kGolden / expected.at("base").get<std::string>()));
    for (const auto& [name, content] : expected.at("files").items())
      WriteText(folder / name, content.dump());
    const auto tokenizer = Tokenizer::Open(folder);
    EXPECT_EQ(IdOf(tokenizer->bos_id()), expected.at("bos"));
    EXPECT_EQ(IdOf(tokenizer->eos_id()), expected.at("eos"));
    EXPECT_EQ(IdOf(tokenizer->pad_id()), expected.at("pad"));
    const Json& texts = expected.at("encode");
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto text = texts[i][0].get<std::string>();
      const auto ids = texts[i][1].get<std::vector<TokenId>>();
      EXPECT_EQ(tokenizer->Encode(text).ids, ids) << text;
      EXPECT_EQ(tokenizer->Decode(ids, true), expected.at("decode")[i].get<std::string>()) << text;
    }
    EXPECT_EQ(tokenizer
                  ->EncodePair(texts[0][0].get<std::string>(),
                               texts[texts.size() - 1][0].get<std::string>())
                  .ids,
              expected.at("pair").get<std::vector<TokenId>>());
  }
}

TEST(TokenizerConfig, BrokenFilesAreNamed) {
  const auto error = [](const TokenizerConfigFiles& files) -> std::string {
    try {
      ParseTokenizerConfig(files, "folder");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(error({.config = "{"}), HasSubstr("folder: tokenizer_config.json"));
  EXPECT_THAT(error({.config = R"({"bos_token": 1})"}), HasSubstr("bos_token"));
  EXPECT_THAT(error({.config = R"({"added_tokens_decoder": {"x": {"content": "a"}}})"}),
              HasSubstr("'x' is no token id"));
  EXPECT_THAT(error({.config = R"({"added_tokens_decoder": []})"}),
              HasSubstr("added_tokens_decoder"));
  EXPECT_THAT(error({.config = R"({"split_special_tokens": true})"}), HasSubstr("not supported"));
  EXPECT_THAT(error({.special_tokens_map = "[]"}), HasSubstr("special_tokens_map.json"));
  EXPECT_THAT(error({.special_tokens_map = R"({"additional_special_tokens": [1]})"}),
              HasSubstr("additional_special_tokens"));
  EXPECT_THAT(error({.added_tokens = R"({"<a>": "b"})"}), HasSubstr("added_tokens.json"));
}

}  // namespace
}  // namespace dear
