#ifndef DEAR_RANK_RANK_KINDS_H_
#define DEAR_RANK_RANK_KINDS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "rank/reranker.h"

namespace dear {

// One function a kind of recipe; Reranker::Rank chooses. At least one passage.
// The listwise one takes many requests: their windows go through the model side by side.
std::vector<RankOutcome> RankListwise(LanguageModel& model, const Recipe& recipe,
                                      std::span<const RankRequest> requests,
                                      const RankOptions& options);
RankResult RankPointwise(LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                         const RankOptions& options);
RankResult RankByQueryLikelihood(LanguageModel& model, const Recipe& recipe,
                                 const RankRequest& request, const RankOptions& options);

// Indices by descending score; equal scores keep the order of the input. Throws kInternal for a
// score that is not a number.
std::vector<int64_t> OrderByScore(std::span<const float> scores);

// The answer of a prompt that was scored.
inline void AddEmptyAnswer(RankTrace* trace) {
  trace->output_ids.emplace_back();
  trace->responses.emplace_back();
  trace->reasonings.emplace_back();
}

// Passages that go to the model in one call of the scoring kinds: enough to fill it, few enough
// that progress is shown and a cancelled request ends soon.
inline constexpr int64_t kPassagesPerCall = 32;

}  // namespace dear

#endif  // DEAR_RANK_RANK_KINDS_H_
