#ifndef DEAR_RANK_PROMPT_H_
#define DEAR_RANK_PROMPT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rank/recipe.h"
#include "rank/text_rule.h"
#include "text/chat_format.h"
#include "text/tokenizer.h"

namespace dear {

struct Prompt {
  std::string text;
  std::vector<TokenId> ids;
  int64_t full_tokens = 0;  // before the recipe's truncation
};

// The chat format of a recipe on this tokenizer; null for a plain prompt.
std::shared_ptr<const ChatFormat> ChatFormatOf(const Recipe& recipe, const Tokenizer& tokenizer);

// The conversation of a chat recipe.
std::vector<ChatMessage> BuildMessages(const Recipe& recipe, const std::string& query,
                                       std::span<const PassageText> passages);

// The listwise prompt of `passages`. `chat` is what ChatFormatOf gave. `reasoning`: the model is
// let reason before it answers.
Prompt BuildListwisePrompt(const Recipe& recipe, const ChatFormat* chat, const Tokenizer& tokenizer,
                           const std::string& query, std::span<const PassageText> passages,
                           bool reasoning);

// `passages` with every text cut to `chars` code points.
std::vector<PassageText> Shortened(std::span<const PassageText> passages, int64_t chars);

// `passages` with every text cut to `words` words; a title of its own stays.
std::vector<PassageText> CutToWords(std::span<const PassageText> passages, int64_t words);

// The largest cut in code points, found by a fixed rule, at which a prompt has at most `limit`
// tokens: `tokens_at(chars)` counts them. Starting from `longest`, the cut shrinks in proportion to
// what is over, so the answer depends on the texts alone. -1 where even cut 0 does not fit.
int64_t CutThatFits(int64_t longest, int64_t limit,
                    const std::function<int64_t(int64_t chars)>& tokens_at);

}  // namespace dear

#endif  // DEAR_RANK_PROMPT_H_
