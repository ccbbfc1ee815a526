#ifndef DEAR_RANK_STAGES_H_
#define DEAR_RANK_STAGES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rank/fusion.h"
#include "rank/reranker.h"

namespace dear {

// One reranker of several, each over the front of what the one before it left.
struct Stage {
  std::string model;  // as the user named it
  const Reranker* reranker = nullptr;
  int64_t depth = 0;  // passages that it ranks; 0: all. The others follow in their order.
};

// Ranks each request through all stages. A result's permutation, scores and indices are those of
// the whole list; tokens, notes, repairs and traces are those of all stages together, text and
// reasoning the last stage's. The scores are the last stage's where it ranked the whole list;
// passages behind the depth of a single stage have none (NaN); otherwise they say positions.
// With `fusion` the list that the stages give is fused with the order and scores in which the
// passages came, and the score is the fused one.
// A request that fails in a stage has that error, and the order that the stages before it gave.
// `options.settle` is of the last stage: the others rank all that they are given. Throws
// kInvalidArgument where it comes with `fusion`, which reads every place.
std::vector<RankOutcome> RankInStages(std::span<const Stage> stages,
                                      std::span<const RankRequest> requests,
                                      const RankOptions& options,
                                      const std::optional<Fusion>& fusion = std::nullopt);

}  // namespace dear

#endif  // DEAR_RANK_STAGES_H_
