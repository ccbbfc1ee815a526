#ifndef DEAR_RANK_RANK_KINDS_H_
#define DEAR_RANK_RANK_KINDS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rank/reranker.h"
#include "rank/scoring.h"

namespace dear {

// One function a kind of recipe; Reranker::RankAll chooses.
std::vector<RankOutcome> RankListwise(LanguageModel& model, const Recipe& recipe,
                                      std::span<const RankRequest> requests,
                                      const RankOptions& options);
// What RankByScore takes; its arguments must outlive it. Throw kInvalidArgument where recipe and
// tokenizer do not fit.
std::unique_ptr<ScoringKind> MakePointwise(LanguageModel& model, const Recipe& recipe,
                                           const RankOptions& options);
std::unique_ptr<ScoringKind> MakeQueryLikelihood(LanguageModel& model, const Recipe& recipe,
                                                 const RankOptions& options);

// Indices by descending score; equal scores keep the order of the input. Throws kInternal for a
// score that is not a number.
std::vector<int64_t> OrderByScore(std::span<const float> scores);

// Passages that go to the model in one call of the scoring kinds: enough to fill it, few enough
// that progress is shown and a cancelled request ends soon.
inline constexpr int64_t kPassagesPerCall = 32;

}  // namespace dear

#endif  // DEAR_RANK_RANK_KINDS_H_
