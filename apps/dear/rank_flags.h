#ifndef DEAR_APPS_DEAR_RANK_FLAGS_H_
#define DEAR_APPS_DEAR_RANK_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "command.h"
#include "rank/reranker.h"

namespace dear::app {

// The flags of `dear rerank` that say how a query is ranked, whatever its source.
struct RankFlags {
  std::string recipe;       // empty: found from the model's files
  std::string chat_format;  // empty: recognised from the model's own template
  std::string decoding;
  std::optional<double> temperature, top_p;
  std::optional<int64_t> top_k, passes;
  std::string order;
  uint64_t seed = 0;
  std::optional<int64_t> max_new_tokens;
  std::optional<int64_t> max_query_words;
  std::optional<int64_t> max_passage_words, max_passage_chars, max_passage_tokens;
  std::optional<int64_t> window, step;
  int64_t depth = 0;
  std::string instruction;
  bool reasoning = false;
  bool trace = false;

  void Declare(CLI::App& command);
  // The recipe of that name or file, with the chat format that was named. Throws kInvalidArgument
  // where one is named for a recipe that holds no conversation.
  Recipe Load(const std::string& name) const;
  // What the library takes; `depth` is left to RankToDepth.
  RankOptions Options(const Recipe& recipe) const;
};

// Ranks the first `depth` passages (0: all); the others follow in the order in which they came. A
// listwise recipe scores all by their place, any other leaves no score (NaN) on those not ranked.
RankResult RankToDepth(const Reranker& reranker, const RankRequest& request, RankOptions options,
                       int64_t depth);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RANK_FLAGS_H_
