#include "rank/pointwise_query.h"

#include <utility>

namespace dear {

PointwiseQuery::PointwiseQuery(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                               std::string_view query, const RankOptions& options)
    : tokenizer_(tokenizer),
      rule_(PassageRule(recipe, options)),
      input_(recipe, tokenizer, context, PrepareQuery(QueryRule(recipe, options), query, tokenizer),
             options.instruction) {}

ScoringPrompt PointwiseQuery::Build(const Passage& passage) const {
  PointwiseInput::Tokens tokens = input_.Build(PreparePassage(rule_, passage, tokenizer_));
  return {.text = std::move(tokens.text),
          .ids = std::move(tokens.ids),
          .continuation = {},
          .shortened = tokens.shortened};
}

}  // namespace dear
