// Files that are broken, hostile, or ask for what is not done: one Error that names the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/regex.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

Json Minimal() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})");
}

std::string MessageOf(const std::string& file, ErrorCode code = ErrorCode::kInvalidFormat) {
  try {
    Tokenizer::FromJson(file, "", "t.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("t.json"));
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << file.substr(0, 300);
  return "";
}

std::string MessageWith(const char* pointer, const Json& value,
                        ErrorCode code = ErrorCode::kInvalidFormat) {
  Json file = Minimal();
  file[Json::json_pointer(pointer)] = value;
  return MessageOf(file.dump(), code);
}

TEST(HostileTokenizerJson, TheMinimalFileLoads) {
  const auto tokenizer = Tokenizer::FromJson(Minimal().dump(), "", "t.json");
  EXPECT_EQ(tokenizer->Encode("abba").ids, (std::vector<TokenId>{2, 1, 0}));
}

TEST(HostileTokenizerJson, BrokenJson) {
  EXPECT_THAT(MessageOf(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(MessageOf(R"({"model": )"), HasSubstr("not valid JSON"));
  EXPECT_THAT(MessageOf("{\"model\": \"\xFF\"}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(MessageOf("[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(MessageOf("{}"), HasSubstr("'model'"));
  EXPECT_THAT(MessageOf(std::string(1'000'000, '[')), HasSubstr("nested too deep"));
}

TEST(HostileTokenizerJson, VocabAndMerges) {
  EXPECT_THAT(MessageWith("/model/vocab", 3), HasSubstr("'vocab'"));
  EXPECT_THAT(MessageWith("/model/vocab/a", "x"), HasSubstr("'vocab'"));
  EXPECT_THAT(MessageWith("/model/vocab/a", -1), HasSubstr("'vocab'"));
  EXPECT_THAT(MessageWith("/model/vocab/a", 2147483648), HasSubstr("'vocab'"));
  EXPECT_THAT(MessageWith("/model/vocab/a", 1.5), HasSubstr("'vocab'"));
  EXPECT_THAT(MessageWith("/model/vocab/a", Json::object()), HasSubstr("vocab"));
  EXPECT_THAT(MessageWith("/model/merges", "x"), HasSubstr("merges"));
  EXPECT_THAT(MessageWith("/model/merges", {"a b", {"a", "b"}}), HasSubstr("two spellings"));
  EXPECT_THAT(MessageWith("/model/merges", {{"a", "b"}, "a b"}), HasSubstr("two spellings"));
  EXPECT_THAT(MessageWith("/model/merges", {"ab"}), HasSubstr("merge 0"));
  EXPECT_THAT(MessageWith("/model/merges", {"a b c"}), HasSubstr("merge 0"));
  EXPECT_THAT(MessageWith("/model/merges", {{"a"}}), HasSubstr("1 parts"));
  EXPECT_THAT(MessageWith("/model/merges", Json::parse(R"([["a", "x"]])")),
              HasSubstr("not in the vocabulary"));
  EXPECT_THAT(MessageWith("/model/merges", Json::parse(R"([["b", "a"]])")),
              HasSubstr("not in the vocabulary"));
  EXPECT_THAT(MessageWith("/model/continuing_subword_prefix", "####"), HasSubstr("merge 0"));
}

TEST(HostileTokenizerJson, MergesThatRunInACircleEnd) {
  // With a prefix as long as the part behind it, "a" and "a" make "a" again.
  Json file = Minimal();
  file["model"]["continuing_subword_prefix"] = "#";
  file["model"]["vocab"] = {{"a", 0}, {"#a", 1}, {"#", 2}};
  file["model"]["merges"] = Json::parse(R"([["a", "#"], ["#a", "#"]])");
  const auto tokenizer = Tokenizer::FromJson(file.dump(), "", "t.json");
  EXPECT_EQ(tokenizer->Encode(std::string(1000, 'a')).ids.size(), 1000u);
}

TEST(HostileTokenizerJson, WhatIsNotDoneIsRefusedByName) {
  const auto unsupported = ErrorCode::kUnsupported;
  EXPECT_THAT(MessageWith("/model/type", "WordPiece", unsupported), HasSubstr("WordPiece"));
  EXPECT_THAT(MessageWith("/model/dropout", 0.1, unsupported), HasSubstr("dropout"));
  EXPECT_THAT(MessageWith("/model/new_switch", true, unsupported), HasSubstr("new_switch"));
  EXPECT_THAT(MessageWith("/new_part", 1, unsupported), HasSubstr("new_part"));
  EXPECT_THAT(MessageWith("/normalizer", {{"type", "Nmt"}}, unsupported), HasSubstr("Nmt"));
  EXPECT_THAT(MessageWith("/pre_tokenizer", {{"type", "UnicodeScripts"}}, unsupported),
              HasSubstr("UnicodeScripts"));
  EXPECT_THAT(MessageWith("/decoder", {{"type", "CTC"}}, unsupported), HasSubstr("CTC"));
  EXPECT_THAT(MessageWith("/post_processor", {{"type", "RobertaProcessing"}}, unsupported),
              HasSubstr("RobertaProcessing"));
}

TEST(HostileTokenizerJson, WrongTypesInTheParts) {
  EXPECT_THAT(MessageWith("/normalizer", 3), HasSubstr("normalizer"));
  EXPECT_THAT(MessageWith("/normalizer", {{"type", 3}}), HasSubstr("type"));
  EXPECT_THAT(MessageWith("/normalizer", {{"type", "Sequence"}}), HasSubstr("normalizers"));
  EXPECT_THAT(
      MessageWith("/decoder", {{"type", "Strip"}, {"content", "ab"}, {"start", 1}, {"stop", 0}}),
      HasSubstr("content"));
  EXPECT_THAT(MessageWith("/added_tokens", 3), HasSubstr("added_tokens"));
  EXPECT_THAT(MessageWith("/added_tokens", {3}), HasSubstr("added_tokens"));
  EXPECT_THAT(MessageWith("/added_tokens", {{{"id", 1}}}), HasSubstr("content"));
  EXPECT_THAT(MessageWith("/post_processor",
                          {{"type", "TemplateProcessing"},
                           {"single", {{{"SpecialToken", {{"id", "x"}, {"type_id", 0}}}}}},
                           {"pair", Json::array()},
                           {"special_tokens", Json::object()}}),
              HasSubstr("special_tokens"));
}

TEST(HostileTokenizerJson, LongAddedTokens) {
  EXPECT_THAT(MessageWith("/added_tokens", {{{"content", std::string(5000, 'a')}}},
                          ErrorCode::kUnsupported),
              HasSubstr("5000 bytes"));
}

TEST(HostileText, LongWordsTakeNoQuadraticTime) {
  const auto tokenizer = Tokenizer::FromJson(Minimal().dump(), "", "t.json");
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += "ab";
  EXPECT_EQ(tokenizer->Encode(text).ids.size(), 1'000'000u);
}

TEST(HostileText, TruncationWithoutRoomIsRefused) {
  const auto tokenizer = Tokenizer::FromJson(Minimal().dump(), "", "t.json");
  EncodeOptions options;
  options.truncation = Truncation::kRight;
  options.max_length = -1;
  EXPECT_THROW(tokenizer->Encode("a", options), Error);
  options.max_length = 0;
  EXPECT_TRUE(tokenizer->Encode("a", options).ids.empty());
}

TEST(HostileRegex, PatternsThatNeverEndAreStopped) {
  const Regex regex("(?:a+)+b|(a|aa)+c|(?=(a+)+d)", "here");
  std::vector<TextRange> matches;
  EXPECT_THROW(regex.FindAll(std::string(5000, 'a'), matches), Error);
}

TEST(HostileRegex, WhatIsNotTranslatedIsNamed) {
  for (const char* pattern : {"[[:alpha:]]", "[a&&b]", "(?s:.)", "\\R", "\\1", "a{2}+", "\\p{Foo}",
                              "[\\P{M}]", "\\", "\\u12", "(?<name>a)", "\\K"}) {
    try {
      const Regex regex(pattern, "here");
      ADD_FAILURE() << "accepted: " << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << pattern;
      EXPECT_THAT(error.what(), HasSubstr("here"));
    }
  }
  EXPECT_THROW(Regex("(", "here"), Error);
  EXPECT_THROW(Regex("[a", "here"), Error);
}

TEST(HostileSentencePiece, BrokenFiles) {
  const std::string piece = std::string("\x0A\x05\x0A\x01") + "a\x18\x01";
  for (const std::string& file :
       {std::string(), std::string("\x0A"), std::string("\x0A\xFF\xFF\xFF\xFF\x0F"),
        std::string(20, '\xFF'), std::string("\x0F"), piece.substr(0, 5), piece}) {
    EXPECT_THROW(TokenizerFromSentencePiece(file, {}, "m"), Error);
  }
}

}  // namespace
}  // namespace dear
