#ifndef DEAR_RANK_ANSWER_TOKENS_H_
#define DEAR_RANK_ANSWER_TOKENS_H_

#include <vector>

#include "rank/recipe.h"
#include "text/tokenizer.h"

namespace dear {

// The tokens whose next-token logits make the score of a pointwise recipe with the head `tokens`:
// that of the positive answer and, where the recipe has one, that of the negative; the score is the
// first logit less the second.
// Throws kInvalidArgument where an answer is no token of this vocabulary, or both are the same.
std::vector<TokenId> AnswerTokens(const Recipe& recipe, const Tokenizer& tokenizer);

}  // namespace dear

#endif  // DEAR_RANK_ANSWER_TOKENS_H_
