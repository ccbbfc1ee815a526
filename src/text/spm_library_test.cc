// tokenizer.model against the SentencePiece library itself, on models of every kind; those are
// written by tools/make_spm_goldens.py.
#include "text/spm_library.h"

#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <filesystem>
#include <map>
#include <random>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/testing/goldens.h"
#include "base/testing/sanitized.h"
#include "text/spm_pipeline.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"

namespace dear {
namespace {

const std::filesystem::path kLibraryGoldens = testing::kGoldens / "text/spm";

std::string ModelFile(const std::string& name) {
  return ReadFile(kLibraryGoldens / (name + ".model"));
}

// Words of the models, blanks in a row, characters of every length, controls, pieces' own texts.
std::string RandomText(std::mt19937& random) {
  static const std::vector<std::string> kParts = {"the",
                                                  "quick",
                                                  "light",
                                                  "fox",
                                                  "foxes",
                                                  "ing",
                                                  "jumps",
                                                  "lazy",
                                                  "Thomas",
                                                  "banana",
                                                  "aaaa",
                                                  "aaa",
                                                  "aa",
                                                  "a",
                                                  "an",
                                                  "日本",
                                                  "文章",
                                                  "한국어",
                                                  "при",
                                                  "мир",
                                                  "שלום",
                                                  "é",
                                                  "ö",
                                                  "ﬁ",
                                                  "Ａａ",
                                                  "①",
                                                  "\u3000",
                                                  "e\u0301",
                                                  "ß",
                                                  "☃",
                                                  "👩‍👩‍👧",
                                                  "\u200d",
                                                  "\u00ad",
                                                  "\t",
                                                  "\n",
                                                  "\n\n",
                                                  "\r",
                                                  "\x01",
                                                  "▁",
                                                  "▁▁",
                                                  "over",
                                                  "▁over",
                                                  "<turn>",
                                                  "1879",
                                                  "12,",
                                                  ".",
                                                  "Ä",
                                                  "\U0001F600",
                                                  "\ufffd",
                                                  "\u00a0"};
  std::string out;
  for (auto left = random() % 24; left > 0; --left) {
    switch (random() % 8) {
      case 0: out.append(random() % 4, ' '); break;
      case 1: {
        const auto c = static_cast<char32_t>(random() % 0x30000);
        AppendUtf8(c >= 0xD800 && c < 0xE000 ? U'x' : c, out);
        break;
      }
      case 2:
      case 3: out += ' '; [[fallthrough]];
      default: out += kParts[random() % kParts.size()];
    }
  }
  return out;
}

class SentencePieceModels : public ::testing::TestWithParam<std::string> {};

TEST_P(SentencePieceModels, GiveTheIdsOfTheLibrary) {
  const std::string file = ModelFile(GetParam());
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.LoadFromSerializedProto(file).ok());
  const auto tokenizer = TokenizerFromSentencePiece(file, {}, GetParam());
  std::mt19937 random(11);
  for (int i = 0; i < testing::Trials(5000); ++i) {
    const std::string text = RandomText(random);
    SCOPED_TRACE(text);
    std::vector<int> expected;
    ASSERT_TRUE(library.Encode(text, &expected).ok());
    const Encoding actual = tokenizer->Encode(text, {}, i % 2 == 0);
    ASSERT_EQ(actual.ids, expected);
    // From the cache, for words seen before.
    ASSERT_EQ(tokenizer->Encode(text).ids, expected);
  }
}

TEST_P(SentencePieceModels, TakeALongWord) {
  const std::string file = ModelFile(GetParam());
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.LoadFromSerializedProto(file).ok());
  const auto tokenizer = TokenizerFromSentencePiece(file, {}, GetParam());
  std::mt19937 random(12);
  std::string text;
  while (text.size() < 100000) text += "banquickligover "[random() % 16];
  std::vector<int> expected;
  ASSERT_TRUE(library.Encode(text, &expected).ok());
  EXPECT_EQ(tokenizer->Encode(text).ids, expected);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SentencePieceModels,
                         ::testing::ValuesIn(testing::GoldenNames(kLibraryGoldens, ".model")),
                         [](const auto& test) { return test.param; });

TEST(SentencePieceModel, GoesToTheLibraryWhereThePipelineDoesNotReach) {
  const std::map<std::string, std::string> expected = {
      {"bpe", ""},
      {"bpe_no_bytes", ""},
      {"bpe_no_prefix_user", ""},
      {"bpe_user", "its user-defined pieces meet spaces"},
      {"bpe_rules", "it rewrites characters"},
      {"bpe_trimmed", "it removes spaces"},
      {"bpe_suffix", "it puts spaces behind words"},
      {"unigram", "it is not BPE"},
      {"unigram_bytes", "it is not BPE"},
      {"word", "it is not BPE"},
      {"char", "it is not BPE"}};
  std::map<std::string, std::string> actual;
  for (const auto& name : testing::GoldenNames(kLibraryGoldens, ".model")) {
    actual[name] = BeyondSpmPipeline(ParseSentencePieceModel(ModelFile(name), name));
  }
  EXPECT_EQ(actual, expected);
}

// The token of each id, and where it stands in the text.
std::string Show(const Tokenizer& tokenizer, const std::string& text) {
  std::string out;
  const Encoding encoding = tokenizer.Encode(text, {}, /*with_offsets=*/true);
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (i != 0) out += ' ';
    out += *tokenizer.IdToToken(encoding.ids[i]);
    const auto [begin, end] = encoding.offsets[i];
    out.append(":").append(std::to_string(begin)).append("-").append(std::to_string(end));
  }
  return out;
}

TEST(SentencePieceModel, PutsASpaceBeforeTheTextOrBeforeEveryStretch) {
  for (const std::string name : {"bpe", "bpe_rules", "unigram"}) {
    SCOPED_TRACE(name);
    TokenizerConfig config;
    const auto show = [&](const std::string& text) {
      return Show(*TokenizerFromSentencePiece(ModelFile(name), config, name), text);
    };
    EXPECT_EQ(show("a</s>a"), "▁a:0-1 </s>:1-5 a:5-6");
    EXPECT_EQ(show("</s>a"), "</s>:0-4 a:4-5");
    config.legacy = true;
    EXPECT_EQ(show("a</s>a"), "▁a:0-1 </s>:1-5 ▁a:5-6");
    config.add_prefix_space = false;
    EXPECT_EQ(show("a</s>a"), "a:0-1 </s>:1-5 a:5-6");
  }
}

TEST(SentencePieceModel, AddsBosAndEosWhereTheConfigurationSaysSo) {
  TokenizerConfig config;
  const auto show = [&] {
    return Show(*TokenizerFromSentencePiece(ModelFile("bpe"), config, "m"), "a");
  };
  EXPECT_EQ(show(), "▁a:0-1");
  config.add_bos_token = true;
  EXPECT_EQ(show(), "<s>:0-0 ▁a:0-1");
  config.add_eos_token = true;
  EXPECT_EQ(show(), "<s>:0-0 ▁a:0-1 </s>:0-0");
}

TEST(SentencePieceModel, DecodesAndStreams) {
  for (const auto& name : testing::GoldenNames(kLibraryGoldens, ".model")) {
    if (name == "bpe_suffix") continue;  // the space behind the last word has to stay
    SCOPED_TRACE(name);
    const auto tokenizer = TokenizerFromSentencePiece(ModelFile(name), {}, name);
    const std::string text = "the quick fox";
    const auto ids = tokenizer->Encode(text).ids;
    EXPECT_EQ(tokenizer->Decode(ids, true), text);
    StreamDecoder stream(tokenizer, true);
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.Next(id);
    EXPECT_EQ(streamed + stream.Finish(), text);
  }
}

// Wherever a byte is turned, the file is refused or works on.
TEST(SentencePieceModel, TurnedBytesNeverHurt) {
  std::mt19937 random(13);
  int refused = 0;
  for (const std::string name : {"bpe_rules", "unigram_bytes", "bpe_user"}) {
    const std::string file = ModelFile(name);
    for (int i = 0; i < 400; ++i) {
      std::string broken = file;
      for (auto turns = 1 + random() % 4; turns > 0; --turns) {
        broken[random() % broken.size()] = static_cast<char>(random());
      }
      if (i % 10 == 0) broken.resize(random() % broken.size());
      try {
        const auto tokenizer = TokenizerFromSentencePiece(broken, {}, name);
        for (int k = 0; k < 4; ++k) {
          for (const TokenId id : tokenizer->Encode(RandomText(random)).ids) {
            ASSERT_GE(id, 0);
            ASSERT_LT(id, tokenizer->vocab_size());
          }
        }
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(CharsMap, StaysInside) {
  const auto refused = [](std::string_view bytes) {
    EXPECT_THROW(CheckCharsMap(bytes, "m"), Error) << bytes.size();
  };
  const auto word = [](uint32_t bits) {
    return std::string(reinterpret_cast<const char*>(&bits), sizeof(bits));
  };
  refused("");
  refused("abc");
  refused(word(0) + std::string(1, '\0'));
  refused(word(1024));                                  // nothing behind
  refused(word(1024) + std::string(1024, '\0'));        // no strings
  refused(word(1023) + std::string(1024, '\0'));        // part of a unit
  refused(word(1024) + std::string(1024, '\0') + "x");  // the string does not end
  refused(word(1020) + std::string(1020 + 1, '\0'));    // the root's children
  const std::string rest(1020, '\0');
  CheckCharsMap(word(1024) + word(0) + rest + std::string(1, '\0'), "m");
  refused(word(1024) + word(0xFFFFFFFF) + rest + std::string(1, '\0'));
  refused(word(1024) + word(1 << 8 | 1 << 10) + word(1U << 31 | 1) + rest.substr(4) + '\0');
  CheckCharsMap(word(1024) + word(1 << 8 | 1 << 10) + word(1U << 31) + rest.substr(4) + '\0', "m");
}

}  // namespace
}  // namespace dear
