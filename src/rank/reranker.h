#ifndef DEAR_RANK_RERANKER_H_
#define DEAR_RANK_RERANKER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rank/language_model.h"
#include "rank/recipe.h"

namespace dear {

struct Passage {
  std::string docid;  // may be empty
  std::string title;
  std::string text;
  std::optional<double> first_stage_score;  // where it came with one
};

struct RankRequest {
  std::string qid;
  std::string query;
  std::vector<Passage> passages;
};

enum class ScoreKind { kPosition, kLogit, kProbability, kLogLikelihood, kFused };
std::string_view ScoreKindName(ScoreKind kind);

enum class Repair { kOk, kWrongFormat, kMissing, kRepetition };
std::string_view RepairName(Repair repair);

// A call of the model, which may bring several prompts at once.
struct RankCall {
  int64_t prompts = 0;
  Usage usage;
};

struct RankTrace {
  std::vector<std::string> prompts;  // as text
  std::vector<std::vector<TokenId>> prompt_ids;
  // Of each prompt; empty where a model scores and writes nothing.
  std::vector<std::vector<TokenId>> output_ids;
  std::vector<std::string> responses, reasonings;
  std::vector<RankCall> calls;  // each takes the next of the prompts
};

// A listwise ranking that was to settle its first places alone (RankOptions::settle).
struct Settled {
  int64_t top = 0;      // places in front that are final
  int64_t windows = 0;  // that the model was asked for
  int64_t of = 0;       // that a ranking of all places takes
};

// One stage of several, as it left the whole list.
struct StageReport {
  std::string model;
  std::string recipe;
  int64_t passages = 0;  // that it ranked
  std::vector<int64_t> permutation;
  std::vector<float> scores;  // by passage index; NaN where it did not rank
  ScoreKind score_kind = ScoreKind::kPosition;
  Usage usage;
};

struct RankResult {
  std::vector<int64_t> permutation;  // every passage exactly once, best first
  std::vector<float> scores;         // by passage index
  ScoreKind score_kind = ScoreKind::kPosition;
  std::string text;                     // the answer as written (listwise)
  std::string reasoning;                // kept apart from it
  Repair repair = Repair::kOk;          // the worst of all windows: the first of
                                        // wrong_format, missing, repetition that occurred
  std::array<int64_t, 4> repairs = {};  // windows by Repair
  int64_t windows = 0;                  // model calls of a listwise ranking
  std::optional<Settled> settled;       // where it was asked for, of the last stage
  MaskedProbability masked;             // of constrained decoding, over all tokens chosen under it
  std::vector<std::string> notes;       // what a user should know: a prompt that was shortened
  Usage usage;
  RankTrace trace;
  std::vector<StageReport> stages;  // of rankings in stages (rank/stages.h)
};

// Of one of many requests.
struct RankOutcome {
  RankResult result;           // as far as it came, where there is an error
  std::optional<Error> error;  // why there is no ranking
};

struct RankOptions {
  std::optional<Decoding> decoding;
  std::optional<int64_t> max_new_tokens;
  std::optional<double> temperature;  // above 0: sampled
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  uint64_t seed = 0;
  bool reasoning = false;
  bool trace = false;
  std::string instruction;  // for recipes that take one; empty: the recipe's own
  std::optional<int64_t> max_query_words;
  // At most one of these; in place of the recipe's cut.
  std::optional<int64_t> max_passage_words, max_passage_chars, max_passage_tokens;
  // In place of the recipe's window: passages a call, passages by which it moves, the place up to
  // which the list takes part, passages at its front that keep theirs, times that the list is gone
  // through, and in which order.
  std::optional<int64_t> window, step, depth, skip, passes;
  std::optional<WindowOrder> order;
  // Listwise: windows are left out where the first `settle` places provably come out the same
  // (WindowRule::settle). Needs answers that are the same each time: refused where they are drawn.
  std::optional<int64_t> settle;
  std::function<void(std::string_view piece)> on_text;  // streamed answer, reasoning included
  // After every call of the model: what it took, over all requests that shared it.
  std::function<void(const RankCall&)> on_call;
  CancelFn cancel;
  ProgressFn progress;
};

// Puts the passages of a request in order by a recipe over a language model.
class Reranker {
 public:
  // Throws kInvalidArgument where recipe and model do not fit (a classifier recipe without head),
  // kUnsupported where a chat recipe meets an unknown chat template.
  Reranker(std::shared_ptr<LanguageModel> model, Recipe recipe);
  // No passages give an empty result without a model call, and so does a listwise ranking of one
  // passage. Throws kInvalidArgument for an empty query, or where the prompt cannot be made to fit
  // the model's context; kCancelled; kInternal where the model gives a score that is not a number.
  RankResult Rank(const RankRequest& request, const RankOptions& options = {}) const;
  // The same for many requests, in their order; listwise windows and passages of different requests
  // go through the model side by side, with the same results. A request that fails has its error
  // and costs no other. Throws kCancelled alone.
  std::vector<RankOutcome> RankAll(std::span<const RankRequest> requests,
                                   const RankOptions& options = {}) const;
  const Recipe& recipe() const { return recipe_; }

 private:
  std::shared_ptr<LanguageModel> model_;
  Recipe recipe_;
};

}  // namespace dear

#endif  // DEAR_RANK_RERANKER_H_
