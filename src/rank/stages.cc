#include "rank/stages.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "rank/rank_kinds.h"

namespace dear {
namespace {

// The front of the list as a request of its own.
RankRequest Front(const RankRequest& request, const std::vector<int64_t>& order, int64_t depth) {
  RankRequest front{.qid = request.qid, .query = request.query, .passages = {}};
  for (int64_t place = 0; place < depth; ++place)
    front.passages.push_back(
        request.passages[static_cast<size_t>(order[static_cast<size_t>(place)])]);
  return front;
}

template <typename T>
void Append(std::vector<T>&& from, std::vector<T>* to) {
  std::ranges::move(from, std::back_inserter(*to));
}

void AddTrace(RankTrace&& from, RankTrace* to) {
  Append(std::move(from.prompts), &to->prompts);
  Append(std::move(from.prompt_ids), &to->prompt_ids);
  Append(std::move(from.output_ids), &to->output_ids);
  Append(std::move(from.responses), &to->responses);
  Append(std::move(from.reasonings), &to->reasonings);
  Append(std::move(from.calls), &to->calls);
}

void ScoreByPosition(RankResult* result) {
  const auto n = static_cast<int64_t>(result->permutation.size());
  result->score_kind = ScoreKind::kPosition;
  result->scores.resize(static_cast<size_t>(n));
  for (int64_t place = 0; place < n; ++place) {
    result->scores[static_cast<size_t>(result->permutation[static_cast<size_t>(place)])] =
        static_cast<float>(n - place) / static_cast<float>(n);
  }
}

// What a stage says of the front of `whole` becomes part of it.
void Compose(RankResult stage, const Stage& which, bool first, RankResult* whole) {
  const auto depth = static_cast<int64_t>(stage.permutation.size());
  const auto n = static_cast<int64_t>(whole->permutation.size());
  const std::vector<int64_t> front(whole->permutation.begin(), whole->permutation.begin() + depth);
  std::vector<float> scores(static_cast<size_t>(n), std::numeric_limits<float>::quiet_NaN());
  for (int64_t i = 0; i < depth; ++i) {
    const auto at = static_cast<size_t>(i);
    whole->permutation[at] = front[static_cast<size_t>(stage.permutation[at])];
    scores[static_cast<size_t>(front[at])] = stage.scores[at];
  }
  StageReport report{.model = which.model,
                     .recipe = which.reranker->recipe().name,
                     .passages = depth,
                     .permutation = whole->permutation,
                     .scores = scores,
                     .score_kind = stage.score_kind,
                     .usage = stage.usage};
  whole->stages.push_back(std::move(report));
  if (stage.score_kind == ScoreKind::kPosition || (!first && depth < n)) {
    ScoreByPosition(whole);
  } else {
    whole->score_kind = stage.score_kind;
    whole->scores = std::move(scores);
  }
  whole->text = std::move(stage.text);
  whole->reasoning = std::move(stage.reasoning);
  for (size_t i = 0; i < whole->repairs.size(); ++i) whole->repairs[i] += stage.repairs[i];
  // The worse first, as within a stage.
  const auto rank = [](Repair repair) {
    return repair == Repair::kOk ? 4 : static_cast<int>(repair);
  };
  if (rank(stage.repair) < rank(whole->repair)) whole->repair = stage.repair;
  whole->windows += stage.windows;
  whole->settled = stage.settled;
  whole->masked += stage.masked;
  Append(std::move(stage.notes), &whole->notes);
  whole->usage += stage.usage;
  AddTrace(std::move(stage.trace), &whole->trace);
}

void FuseWithFirst(const Fusion& fusion, const RankRequest& request, RankResult* result) {
  std::vector<double> first;
  for (const Passage& passage : request.passages) {
    if (!passage.first_stage_score && fusion.kind == Fusion::Kind::kMinMax) {
      // Passages of a plain list have no ids.
      const std::string name = passage.docid.empty() ? std::to_string(first.size() + 1) + " of " +
                                                           std::to_string(request.passages.size())
                                                     : "'" + passage.docid + "'";
      throw Error(
          ErrorCode::kInvalidArgument, "fuse",
          "passage " + name + " has no score of a first stage to fuse with; rrf needs none");
    }
    first.push_back(passage.first_stage_score.value_or(0));
  }
  // Passages that have no score of their own stand behind all that have one.
  if (std::ranges::any_of(result->scores, [](float score) { return std::isnan(score); }))
    ScoreByPosition(result);
  result->scores = Fuse(fusion, result->scores, result->permutation, first);
  result->permutation = OrderByScore(result->scores);
  result->score_kind = ScoreKind::kFused;
}

}  // namespace

std::vector<RankOutcome> RankInStages(std::span<const Stage> stages,
                                      std::span<const RankRequest> requests,
                                      const RankOptions& options,
                                      const std::optional<Fusion>& fusion) {
  if (options.settle && fusion) {
    throw Error(ErrorCode::kInvalidArgument, "settle",
                "leaves places unfinished, and a fusion reads them all");
  }
  std::vector<RankOutcome> outcomes(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    outcomes[i].result.permutation.resize(requests[i].passages.size());
    std::iota(outcomes[i].result.permutation.begin(), outcomes[i].result.permutation.end(), 0);
  }
  const bool any_listwise = std::ranges::any_of(stages, [](const Stage& stage) {
    return stage.reranker->recipe().kind == RecipeKind::kListwise;
  });
  for (size_t s = 0; s < stages.size(); ++s) {
    std::vector<RankRequest> fronts;
    std::vector<size_t> owners;
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto n = static_cast<int64_t>(requests[i].passages.size());
      if (outcomes[i].error || n == 0) continue;
      const int64_t depth = stages[s].depth > 0 ? std::min(n, stages[s].depth) : n;
      fronts.push_back(Front(requests[i], outcomes[i].result.permutation, depth));
      owners.push_back(i);
    }
    // A decoding of rankings is meant for the stages that make them.
    RankOptions own = options;
    const bool listwise = stages[s].reranker->recipe().kind == RecipeKind::kListwise;
    if (any_listwise && !listwise) own.decoding.reset();
    if (s + 1 < stages.size()) own.settle.reset();
    std::vector<RankOutcome> ranked = stages[s].reranker->RankAll(fronts, own);
    for (size_t f = 0; f < ranked.size(); ++f) {
      RankOutcome& whole = outcomes[owners[f]];
      if (ranked[f].error) {
        whole.error = std::move(ranked[f].error);
      } else {
        Compose(std::move(ranked[f].result), stages[s], s == 0, &whole.result);
      }
    }
  }
  for (size_t i = 0; i < requests.size() && fusion; ++i) {
    if (outcomes[i].error || requests[i].passages.empty()) continue;
    try {
      FuseWithFirst(*fusion, requests[i], &outcomes[i].result);
    } catch (const Error& error) {
      outcomes[i].error = error;
    }
  }
  return outcomes;
}

}  // namespace dear
