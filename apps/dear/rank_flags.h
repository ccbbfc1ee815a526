#ifndef DEAR_APPS_DEAR_RANK_FLAGS_H_
#define DEAR_APPS_DEAR_RANK_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/stage_models.h"
#include "command.h"
#include "rank/fusion.h"
#include "rank/reranker.h"

namespace dear::app {

// The flags of `dear rerank` that say how a query is ranked, whatever its source.
struct RankFlags {
  std::string recipe;       // empty: found from the model's files
  std::string chat_format;  // empty: recognised from the model's own template
  std::string decoding;
  std::optional<double> temperature, top_p;
  std::optional<int64_t> top_k, passes, settle;
  std::string order;
  uint64_t seed = 0;
  std::optional<int64_t> max_new_tokens;
  std::optional<int64_t> max_query_words;
  std::optional<int64_t> max_passage_words, max_passage_chars, max_passage_tokens;
  std::optional<int64_t> window, step, skip;
  int64_t depth = 0;
  std::string instruction;
  bool reasoning = false;
  bool trace = false;
  std::vector<std::string> then;         // later stages, MODEL[:DEPTH]
  std::vector<std::string> then_recipe;  // of each, in their order
  std::string fuse;

  void Declare(CLI::App& command);
  // The recipe with the chat format that was named. Throws kInvalidArgument where one is named for
  // a recipe that holds no conversation.
  Recipe WithChatFormat(Recipe loaded) const;
  // What the library takes; `depth` is that of the first stage.
  RankOptions Options(std::span<const Stage> stages) const;
  // Throws CLI::ValidationError where these flags cannot be meant, whatever the model.
  void CheckUsage() const;
  // The stages behind the first. Throws kInvalidArgument.
  std::vector<StageSpec> Later() const;
  // Throws kInvalidArgument, also where the ranking that it fuses is not finished (--settle).
  std::optional<Fusion> FusionOf() const;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RANK_FLAGS_H_
