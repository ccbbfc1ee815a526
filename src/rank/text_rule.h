#ifndef DEAR_RANK_TEXT_RULE_H_
#define DEAR_RANK_TEXT_RULE_H_

#include <string>
#include <string_view>

#include "rank/recipe.h"
#include "rank/reranker.h"
#include "text/tokenizer.h"

namespace dear {

// `text` after a recipe's rule: repaired UTF-8, removals, strip, clean, cut, ids in parentheses.
std::string ApplyTextRule(const TextRule& rule, std::string_view text, const Tokenizer& tokenizer);

// A cut alone; `text` is valid UTF-8.
std::string CutText(const TextCut& cut, std::string_view text, const Tokenizer& tokenizer);

// "[12]" becomes "(12)", as RankLLM does before a passage enters a prompt; the digits of any
// script.
std::string EscapeIds(std::string_view text);

// The recipe's rules with the user's limits in their place. Throws kInvalidArgument for more than
// one limit on passages, or one below 1.
TextRule QueryRule(const Recipe& recipe, const RankOptions& options);
TextRule PassageRule(const Recipe& recipe, const RankOptions& options);

// A passage ready for a prompt.
struct PassageText {
  std::string title;
  std::string text;
  std::string passage;  // title and text as the rule joins them; the text alone without a title
  std::string score;    // of the first stage, three decimals
};
PassageText PreparePassage(const TextRule& rule, const Passage& passage,
                           const Tokenizer& tokenizer);
// The query ready for a prompt. Throws kInvalidArgument where nothing is left of it.
std::string PrepareQuery(const TextRule& rule, std::string_view query, const Tokenizer& tokenizer);

}  // namespace dear

#endif  // DEAR_RANK_TEXT_RULE_H_
