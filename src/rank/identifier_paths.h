#ifndef DEAR_RANK_IDENTIFIER_PATHS_H_
#define DEAR_RANK_IDENTIFIER_PATHS_H_

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "rank/continuation_encoder.h"
#include "rank/ranking_text.h"

namespace dear {

// What rows of logits say of which passage comes next: log-probabilities, up to the one that none
// of them does. Passages of one bundle (ids that begin with the same digit, of which no row has
// shown the next) share one probability, which is that of all of them.
struct Ballot {
  std::vector<double> scores;   // by passage; NaN: nothing is said of it
  std::vector<int32_t> bundle;  // by passage; -1: its score is its own
};

// The tokens in which the next id of a ranking can be written, where several may come next: a few
// tokens that all ways share ("] > ["), and for each passage the tokens from there to the one after
// its id, which tells "1" from "12".
struct IdentifierPaths {
  std::vector<TokenId> shared;
  std::vector<std::vector<TokenId>> of;  // by passage; empty: it cannot come next

  // rows[0] is the row that chooses the first token of a path, and each further one the next token
  // of the path of `along`.
  Ballot Read(std::span<const std::span<const float>> rows, int64_t along) const;
};

// Of `candidates` as the next id after `state`, which stands at the end of `written`. Absent where
// their texts cannot follow. With a single candidate all of it is shared.
std::optional<IdentifierPaths> FindPaths(const ContinuationEncoder& encoder,
                                         std::span<const TokenId> written, const RankingText& text,
                                         const RankingText::State& state,
                                         std::span<const int64_t> candidates);

}  // namespace dear

#endif  // DEAR_RANK_IDENTIFIER_PATHS_H_
