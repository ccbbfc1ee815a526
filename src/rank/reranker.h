#ifndef DEAR_RANK_RERANKER_H_
#define DEAR_RANK_RERANKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rank/language_model.h"
#include "rank/recipe.h"

namespace dear {

struct Passage {
  std::string docid;  // may be empty
  std::string title;
  std::string text;
  double first_stage_score = 0;
};

struct RankRequest {
  std::string qid;
  std::string query;
  std::vector<Passage> passages;
};

enum class ScoreKind { kPosition, kLogit, kProbability, kLogLikelihood };
std::string_view ScoreKindName(ScoreKind kind);

enum class Repair { kOk, kWrongFormat, kMissing, kRepetition };
std::string_view RepairName(Repair repair);

struct RankTrace {
  std::vector<std::string> prompts;  // as text, one a model call
  std::vector<std::vector<TokenId>> prompt_ids;
  std::vector<std::vector<TokenId>> output_ids;
};

struct RankResult {
  std::vector<int64_t> permutation;  // every passage exactly once, best first
  std::vector<float> scores;         // by passage index
  ScoreKind score_kind = ScoreKind::kPosition;
  std::string text;       // the answer as written (listwise)
  std::string reasoning;  // kept apart from it
  Repair repair = Repair::kOk;
  int64_t windows = 1;
  Usage usage;
  RankTrace trace;
};

struct RankOptions {
  std::optional<int64_t> max_new_tokens;
  std::optional<double> temperature;  // 0: greedy
  std::optional<double> top_p;
  uint64_t seed = 0;
  bool reasoning = false;
  bool trace = false;
  std::optional<int64_t> max_query_words;
  std::optional<int64_t> max_passage_words, max_passage_chars, max_passage_tokens;
  std::function<void(std::string_view piece)> on_text;  // streamed answer, reasoning included
  CancelFn cancel;
  ProgressFn progress;
};

// Puts the passages of a request in order by a recipe over a language model.
class Reranker {
 public:
  // Throws kInvalidArgument where recipe and model do not fit (a classifier recipe without head).
  Reranker(std::shared_ptr<LanguageModel> model, Recipe recipe);
  RankResult Rank(const RankRequest& request, const RankOptions& options = {}) const;
  const Recipe& recipe() const { return recipe_; }

 private:
  std::shared_ptr<LanguageModel> model_;
  Recipe recipe_;
};

}  // namespace dear

#endif  // DEAR_RANK_RERANKER_H_
