// Chat formats and recipes: files that users and model folders bring. What parses is also used.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
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

void TryRecipe(std::string_view yaml) {
  const Recipe recipe = ParseRecipe(yaml, "fuzz", "fuzz");
  testing::FakeTokenizer tokenizer;
  std::vector<PassageText> passages;
  for (const char* text : {"one [1] {query}", "\xF0\x9F\x98\x80 two", ""}) {
    passages.push_back(PreparePassage(recipe.passage, {.title = "t", .text = text}, tokenizer));
  }
  const std::string query = PrepareQuery(recipe.query, "a query {num}", tokenizer);
  if (recipe.kind == RecipeKind::kListwise) {
    BuildListwisePrompt(recipe, ChatFormatOf(recipe, tokenizer).get(), tokenizer, query, passages,
                        false);
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
