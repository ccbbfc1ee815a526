#ifndef DEAR_RANK_SCORING_H_
#define DEAR_RANK_SCORING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rank/reranker.h"

namespace dear {

// What the recipes that score passage by passage have in common: prompts of several requests go to
// the model in one call. A score is that of its prompt alone, whatever else is in the call.

// A prompt of one passage.
struct ScoringPrompt {
  std::string text;
  std::vector<TokenId> ids;
  std::vector<TokenId> continuation;  // query likelihood: what is scored after it
  bool shortened = false;             // the passage was cut to fit the model's context
};

// One query, ready to meet its passages.
class ScoringQuery {
 public:
  virtual ~ScoringQuery() = default;
  // Throws kInvalidArgument where even an empty passage does not fit.
  virtual ScoringPrompt Build(const Passage& passage) const = 0;
};

// A kind of recipe over a model.
class ScoringKind {
 public:
  virtual ~ScoringKind() = default;
  // Throws kInvalidArgument for an empty query.
  virtual std::unique_ptr<ScoringQuery> Open(const RankRequest& request) const = 0;
  // The scores by which passages are ordered, one a prompt. Adds to `usage`.
  virtual std::vector<float> Score(std::span<const ScoringPrompt> prompts, Usage* usage) const = 0;
  // Tokens of that prompt that the model is fed.
  virtual int64_t Tokens(const ScoringPrompt& prompt) const = 0;
  // The score that the result names, in the same order.
  virtual float Shown(float score) const = 0;
  virtual ScoreKind score_kind() const = 0;
};

// Ranks every request; one that fails has its error and costs no other. `context` is the model's,
// for a note about passages that were shortened. Throws kCancelled alone.
std::vector<RankOutcome> RankByScore(const ScoringKind& kind, int64_t context,
                                     std::span<const RankRequest> requests,
                                     const RankOptions& options);

}  // namespace dear

#endif  // DEAR_RANK_SCORING_H_
