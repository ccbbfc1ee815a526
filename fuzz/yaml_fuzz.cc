// Chat formats, recipes and RankLLM's templates: files that users and model folders bring. What
// parses is also used.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rank/answer.h"
#include "rank/pointwise_input.h"
#include "rank/prompt.h"
#include "rank/recipe.h"
#include "rank/testing/fakes.h"
#include "text/chat_format.h"

namespace dear {
namespace {

void TryChatFormat(std::string_view yaml) {
  const auto format = ParseChatFormat(yaml, "fuzz", "fuzz");
  const std::vector<ChatMessage> messages = {{"system", " s "},
                                             {"user", "<think>a</think>b"},
                                             {"assistant", "</think>\nc"},
                                             {"user", "d"}};
  format->Render(messages, true);
  format->Render(std::span(messages).subspan(1), false);
}

void TryListwise(const Recipe& recipe, const Tokenizer& tokenizer, const std::string& query,
                 const std::vector<PassageText>& passages) {
  if (!recipe.decoding.first_token) {
    for (const char* answer :
         {"<think>[1] [2]</think> [2] > [1] > [3]", "B > A, 3 1 \xC2\xB2", ""}) {
      std::vector<int64_t> order = ParseAnswer(recipe, answer, 3, recipe.reasoning.always).order;
      std::ranges::sort(order);
      if (order != std::vector<int64_t>{0, 1, 2}) std::abort();
    }
  }
  const auto chat = ChatFormatOf(recipe, tokenizer);
  for (const bool reasoning : {false, true}) {
    BuildListwisePrompt(recipe, chat.get(), tokenizer, query, passages, reasoning);
  }
}

void TryRecipe(std::string_view yaml) {
  const Recipe recipe = ParseRecipe(yaml, "fuzz", "fuzz");
  testing::FakeTokenizer tokenizer;
  tokenizer.chat_template_text = "<|im_start|> <|im_end|>";
  std::vector<PassageText> passages;
  for (const char* text : {"one [1] {query}", "\xF0\x9F\x98\x80 two", ""}) {
    passages.push_back(PreparePassage(recipe.passage, {.title = "t", .text = text}, tokenizer));
  }
  const std::string query = PrepareQuery(recipe.query, "a query {num}", tokenizer);
  switch (recipe.kind) {
    case RecipeKind::kListwise: TryListwise(recipe, tokenizer, query, passages); break;
    case RecipeKind::kPointwise: {
      const PointwiseInput input(recipe, tokenizer, 512, query, "an instruction");
      for (const PassageText& passage : passages) {
        if (input.Build(passage).ids.size() > 512) std::abort();
      }
      break;
    }
    case RecipeKind::kQueryLikelihood: break;
  }
}

}  // namespace
}  // namespace dear

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto attempt : {dear::TryChatFormat, dear::TryRecipe}) {
    try {
      attempt(text);
    } catch (const dear::Error&) {
    }
  }
  return 0;
}
