#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// SmolLM2's tokenizer lies in the user's cache; CI fetches it.
std::shared_ptr<const Tokenizer> SmolLm2() {
  const char* home = std::getenv("HOME");
  const std::filesystem::path path = std::filesystem::path(home == nullptr ? "" : home) /
                                     ".cache/dear/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return nullptr;
  return Tokenizer::Open(path);
}

TEST(SmolLm2Tokenizer, GivesTheIdsOfTokenizers) {
  const auto tokenizer = SmolLm2();
  if (tokenizer == nullptr) GTEST_SKIP() << "the default model is not in the cache";
  EXPECT_THAT(tokenizer->Encode("When did Thomas Edison invent the light bulb?").ids,
              ElementsAre(2427, 1250, 5874, 26633, 4938, 260, 1420, 16587, 47));
  // Each digit alone, after which the blanks before it are a word of their own.
  EXPECT_THAT(tokenizer->Encode("x  42").ids, ElementsAre(104, 256, 36, 34));
  EXPECT_THAT(tokenizer->Encode("<|im_start|>user\n").ids, ElementsAre(1, 4093, 198));
  EXPECT_EQ(tokenizer->vocab_size(), 49152);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_TRUE(tokenizer->IsSpecial(2));
  EXPECT_THAT(tokenizer->chat_template(), HasSubstr("<|im_start|>"));
}

TEST(SmolLm2Tokenizer, DecodesWhatItEncoded) {
  const auto tokenizer = SmolLm2();
  if (tokenizer == nullptr) GTEST_SKIP() << "the default model is not in the cache";
  const std::string text = "naïve 日本語 👩‍👩‍👧 \t 1,234\n";
  const auto ids = tokenizer->Encode(text).ids;
  EXPECT_EQ(tokenizer->Decode(ids, true), text);
  StreamDecoder stream(tokenizer, true);
  std::string streamed;
  for (const TokenId id : ids) streamed += stream.Next(id);
  EXPECT_EQ(streamed + stream.Finish(), text);
}

}  // namespace
}  // namespace dear
