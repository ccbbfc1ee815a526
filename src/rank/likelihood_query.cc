#include "rank/likelihood_query.h"

#include <span>
#include <string>

#include "base/error.h"
#include "rank/placeholders.h"
#include "rank/prompt.h"
#include "text/python_text.h"

namespace dear {

LikelihoodQuery::LikelihoodQuery(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                                 std::string_view query, const RankOptions& options)
    : recipe_(recipe),
      tokenizer_(tokenizer),
      context_(context),
      rule_(PassageRule(recipe, options)) {
  const std::string text = PrepareQuery(QueryRule(recipe, options), query, tokenizer);
  EncodeOptions plain;
  plain.add_special_tokens = false;
  continuation_ = tokenizer.Encode(Fill(recipe.continuation, {{"query", text}}), plain).ids;
  if (continuation_.empty()) throw Error(ErrorCode::kInvalidArgument, "query", "has no tokens");
}

ScoringPrompt LikelihoodQuery::Prompt(const PassageText& passage) const {
  ScoringPrompt prompt;
  prompt.text =
      Fill(recipe_.prompt.text,
           {{"passage", passage.passage}, {"title", passage.title}, {"text", passage.text}});
  EncodeOptions options;
  options.add_special_tokens = recipe_.prompt.special_tokens;
  prompt.ids = tokenizer_.Encode(prompt.text, options).ids;
  prompt.continuation = continuation_;
  return prompt;
}

ScoringPrompt LikelihoodQuery::Build(const Passage& given) const {
  const PassageText passage = PreparePassage(rule_, given, tokenizer_);
  const auto query_tokens = static_cast<int64_t>(continuation_.size());
  const int64_t limit = context_ - query_tokens;
  ScoringPrompt prompt = Prompt(passage);
  if (static_cast<int64_t>(prompt.ids.size()) <= limit) return prompt;
  const auto build = [&](int64_t chars) {
    return Prompt(Shortened(std::span(&passage, 1), chars).front());
  };
  const int64_t longest = CodePointCount(passage.passage) + CodePointCount(passage.title);
  const int64_t chars = CutThatFits(
      longest, limit, [&](int64_t cut) { return static_cast<int64_t>(build(cut).ids.size()); });
  if (chars < 0) {
    throw Error(ErrorCode::kInvalidArgument, "query",
                "of " + std::to_string(query_tokens) +
                    " tokens does not fit the model's context of " + std::to_string(context_) +
                    " tokens");
  }
  prompt = build(chars);
  prompt.shortened = true;
  return prompt;
}

}  // namespace dear
