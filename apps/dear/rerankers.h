#ifndef DEAR_APPS_DEAR_RERANKERS_H_
#define DEAR_APPS_DEAR_RERANKERS_H_

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/loaded_model.h"
#include "api/stage_models.h"
#include "rank/reranker.h"
#include "rank/stages.h"
#include "rerank_options.h"

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

// Queries through all stages, with the screen kept in order: a progress bar, the reasoning as it is
// written, and notes. Throws kCancelled; what else fails stands in a query's outcome.
std::vector<RankOutcome> RankBatch(const RerankOptions& options, bool quiet,
                                   const std::vector<Stage>& stages,
                                   std::span<const RankRequest> requests, bool show_progress);

// What results are signed with.
struct ResultMaker {
  std::string model;
  std::string recipe;
};

// Of all stages, and how they were fused.
ResultMaker MakerOf(const std::vector<Stage>& stages, const RankFlags& flags);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_RERANKERS_H_
