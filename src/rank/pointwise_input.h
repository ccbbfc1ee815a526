#ifndef DEAR_RANK_POINTWISE_INPUT_H_
#define DEAR_RANK_POINTWISE_INPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "rank/recipe.h"
#include "rank/text_rule.h"
#include "text/tokenizer.h"

namespace dear {

// Makes the tokens of one query and one passage, as a pointwise recipe says: a pair, a sequence of
// parts or a plain prompt. What does not depend on the passage is tokenised once. The recipe and
// the tokenizer must outlive it.
class PointwiseInput {
 public:
  struct Tokens {
    std::string text;  // before it was cut to length
    std::vector<TokenId> ids;
    bool shortened = false;  // the passage was cut to fit the model's context
  };

  // `context`: the longest input that the model takes. `instruction` of the user; may be empty.
  PointwiseInput(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                 std::string query, std::string instruction);

  // Throws kInvalidArgument where even an empty passage does not fit.
  Tokens Build(const PassageText& passage) const;

 private:
  struct Part {
    std::string text;  // filled, but for the passage
    bool has_passage = false;
    std::vector<TokenId> ids;  // of a part without passage, cut to its own limit
  };

  void PrepareParts();
  std::vector<TokenId> PartTokens(const InputPart& rule, const std::string& text) const;
  Tokens BuildPair(const PassageText& passage) const;
  Tokens BuildParts(const PassageText& passage) const;
  Tokens BuildPrompt(const PassageText& passage) const;
  Tokens FillPrompt(const PassageText& passage) const;
  [[noreturn]] void FailTooLong() const;

  const Recipe& recipe_;
  const Tokenizer& tokenizer_;
  int64_t context_;
  std::string query_;
  std::string instruction_;
  std::vector<Part> parts_;
  size_t content_begin_ = 0;  // parts
  size_t content_end_ = 0;
  int64_t part_limit_ = 0;  // what a part's share is a share of
  int64_t content_limit_ = 0;
};

}  // namespace dear

#endif  // DEAR_RANK_POINTWISE_INPUT_H_
