// What the `tokenizers` package makes of texts with tiny tokenizers that together use every part;
// written by tools/make_tokenizer_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"
#include "text/tokenizer.h"

namespace dear {
namespace {

const std::filesystem::path kTokenizerGoldens =
    std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/text/tokenizers";

std::vector<std::string> TokenizerNames() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kTokenizerGoldens)) {
    const std::string name = entry.path().stem().string();
    if (!name.ends_with(".cases")) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

class TokenizerGolden : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ =
      Tokenizer::FromJson(ReadFile(kTokenizerGoldens / (GetParam() + ".json")), "", GetParam());
  Json cases_ = ReadJsonFile(kTokenizerGoldens / (GetParam() + ".cases.json"));
};

TEST_P(TokenizerGolden, EncodesAlike) {
  ASSERT_FALSE(cases_.at("encode").empty());
  for (const Json& expected : cases_.at("encode")) {
    SCOPED_TRACE(expected.dump());
    EncodeOptions options;
    options.add_special_tokens = expected.at("special").get<bool>();
    if (expected.contains("max_length")) {
      options.truncation = Truncation::kLongestFirst;
      options.max_length = expected.at("max_length").get<int64_t>();
    }
    const auto text = expected.at("text").get<std::string>();
    const auto encode = [&](bool with_offsets) {
      if (!expected.contains("pair")) return tokenizer_->Encode(text, options, with_offsets);
      return tokenizer_->EncodePair(text, expected.at("pair").get<std::string>(), options,
                                    with_offsets);
    };
    const Encoding actual = encode(true);
    EXPECT_EQ(actual.ids, expected.at("ids").get<std::vector<TokenId>>());
    EXPECT_EQ(actual.type_ids, expected.at("type_ids").get<std::vector<uint8_t>>());
    std::vector<int64_t> offsets;
    for (const auto& [begin, end] : actual.offsets) {
      offsets.push_back(begin);
      offsets.push_back(end);
    }
    EXPECT_EQ(offsets, expected.at("offsets").get<std::vector<int64_t>>());
    // Without offsets words come from the cache: once filling it, once reading.
    EXPECT_EQ(encode(false).ids, actual.ids);
    EXPECT_EQ(encode(false).ids, actual.ids);
    if (HasFailure()) break;
  }
}

TEST_P(TokenizerGolden, DecodesAlike) {
  for (const Json& expected : cases_.at("decode")) {
    SCOPED_TRACE(expected.dump());
    const auto ids = expected.at("ids").get<std::vector<TokenId>>();
    const bool skip = expected.at("skip").get<bool>();
    const auto text = expected.at("text").get<std::string>();
    EXPECT_EQ(tokenizer_->Decode(ids, skip), text);
    StreamDecoder stream(tokenizer_, skip);
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.Next(id);
    EXPECT_EQ(streamed + stream.Finish(), text);
    if (HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, TokenizerGolden, ::testing::ValuesIn(TokenizerNames()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace dear
