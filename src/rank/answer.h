#ifndef DEAR_RANK_ANSWER_H_
#define DEAR_RANK_ANSWER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rank/reranker.h"

namespace dear {

// A listwise answer taken apart. Any text gives a permutation.
struct ParsedAnswer {
  std::string reasoning;       // before the ranking
  std::string ranking;         // the part that was read for ids
  std::vector<int64_t> order;  // every index of [0, n) once, best first
  Repair repair = Repair::kOk;
};

// Reads an answer about `n` passages: ids out of range are dropped, repeated ones count once, and
// passages that the answer does not name follow in their order.
//
// The repair is counted as RankLLM counts it (rank_llm/analysis/response_analysis.py), over the ids
// that were read (or that the recipe says are counted): wrong_format unless the ranking is ids
// joined by "] > [" (or what the recipe calls valid), else missing where there are fewer ids than
// passages, else repetition where an id is repeated or there are more ids than passages; and,
// beyond RankLLM, missing where an id out of range stands for a passage.
//
// `reasoning`: the model was let reason, so the recipe's further markers and, without any, the last
// line that holds two ids or more divide the reasoning from the ranking.
ParsedAnswer ParseAnswer(const Recipe& recipe, std::string_view text, int64_t n, bool reasoning);

// The part of an answer behind the markers of reasoning that `recipe` knows; absent where there is
// none of them.
std::optional<std::string_view> BehindMarkers(const Recipe& recipe, std::string_view text);

}  // namespace dear

#endif  // DEAR_RANK_ANSWER_H_
