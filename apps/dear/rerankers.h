#ifndef DEAR_APPS_DEAR_RERANKERS_H_
#define DEAR_APPS_DEAR_RERANKERS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/loaded_model.h"
#include "api/stage_models.h"
#include "base/progress.h"
#include "rank/reranker.h"
#include "rank/stages.h"
#include "rerank_options.h"
#include "result_maker.h"

namespace dear::app {

// Rerankers over one loaded model, one an adapter, made when first asked for. `options` must
// outlive it.
class Rerankers {
 public:
  // Loads the model. Throws what LoadModel throws.
  Rerankers(const RerankOptions& options, bool quiet);

  // The first stage through that adapter (empty: the one that the run uses), and the stages behind
  // it. Throws kInvalidArgument for an unknown adapter, and where recipe and model do not fit.
  std::vector<Stage> StagesFor(const std::string& adapter_name);

  // What tells the weights of all stages that were made from others.
  std::string Fingerprints() const;

  double load_seconds() const;

 private:
  struct Named {
    std::string model;
    std::unique_ptr<Reranker> reranker;
  };
  const Named& For(const std::string& adapter_name);

  const RerankOptions& options_;
  bool quiet_;
  LoadedModel loaded_;
  std::map<std::string, Named> named_;
  std::optional<StageModels> later_;
};

// What is told of a ranking while it goes on; what is empty is not told.
struct RankWatch {
  ProgressFn progress;  // not where reasoning is streamed, which takes the screen
  std::function<void(const RankCall&)> on_call;
};

// Whether a model reasons before it ranks, because the user or a stage's recipe says so.
bool Reasons(const RerankOptions& options, const std::vector<Stage>& stages);

// Queries through all stages, with reasoning on the screen as it is written. Throws kCancelled;
// what else fails stands in a query's outcome.
std::vector<RankOutcome> RankBatch(const RerankOptions& options, bool quiet,
                                   const std::vector<Stage>& stages,
                                   std::span<const RankRequest> requests, const RankWatch& watch);

// What a user should know of a ranking, on standard error.
void SayNotes(const RankRequest& request, const RankResult& result, bool quiet);

// Of all stages, how they were computed where that is not the reference, and how they were fused.
ResultMaker MakerOf(const std::vector<Stage>& stages, const RerankOptions& options);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RERANKERS_H_
