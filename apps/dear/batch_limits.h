#ifndef DEAR_APPS_DEAR_BATCH_LIMITS_H_
#define DEAR_APPS_DEAR_BATCH_LIMITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rank/rank_kinds.h"
#include "rank/stages.h"

namespace dear::app {

// What goes to the rerankers at once: enough to fill the calls of the model, a bound for memory and
// for what is not on disk yet.
struct BatchLimits {
  size_t queries = 1;
  int64_t passages = 1;  // that are ranked

  static BatchLimits Of(std::span<const Stage> stages) {
    // Windows of several queries are continued side by side.
    if (AnyListwise(stages)) return {.queries = 8, .passages = 1000};
    // Passages of several queries share a call where one query has few; a longer list fills its
    // own.
    return {.queries = 32, .passages = kPassagesPerCall};
  }
  static bool AnyListwise(std::span<const Stage> stages) {
    return std::ranges::any_of(stages, [](const Stage& stage) {
      return stage.reranker->recipe().kind == RecipeKind::kListwise;
    });
  }
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_BATCH_LIMITS_H_
