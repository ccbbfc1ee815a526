#ifndef DEAR_RANK_LIKELIHOOD_QUERY_H_
#define DEAR_RANK_LIKELIHOOD_QUERY_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "rank/recipe.h"
#include "rank/reranker.h"
#include "rank/scoring.h"
#include "rank/text_rule.h"
#include "text/tokenizer.h"

namespace dear {

// A query as a query likelihood recipe puts it after each of its passages, from the texts as they
// were given: what a model is asked when it ranks, and what it is trained on. Recipe and tokenizer
// must outlive it.
class LikelihoodQuery final : public ScoringQuery {
 public:
  // `context`: the longest input that the model takes. Throws kInvalidArgument for an empty query.
  LikelihoodQuery(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                  std::string_view query, const RankOptions& options);

  // The passage is cut, by code points, to what leaves room for the query.
  ScoringPrompt Build(const Passage& passage) const override;

 private:
  ScoringPrompt Prompt(const PassageText& passage) const;

  const Recipe& recipe_;
  const Tokenizer& tokenizer_;
  int64_t context_;
  TextRule rule_;
  std::vector<TokenId> continuation_;
};

}  // namespace dear

#endif  // DEAR_RANK_LIKELIHOOD_QUERY_H_
